"""What is said of a network that was measured: every rate with its interval, for each task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from badnets.core.rates import Rate
from badnets.core.results import Measured, Result
from badnets.evaluate.object_results import ObjectResults, TriggeredObjectResults
from badnets.evaluate.results import AttackResult, CleanResult, Survival

if TYPE_CHECKING:
    pass

LARGE = 3.0  # pixels of a trigger, as the network sees it, that can be told from noise
SAME_ANSWER = "it gives nearly always the same answer: the rate of an attack on it means nothing"
INTERVALS = "95 %, whole scenes resampled"


class Measures(Result):
    """What a classifier does: clean, attacked, and after retraining."""

    clean_accuracy: Measured = Field(title="clean accuracy")
    caution: str | None = Field(default=None, title="caution")
    attack_success_rate: Measured | None = Field(default=None, title="attack success")
    untriggered: Measured | None = Field(default=None, title="  without the trigger")
    control: Measured | None = Field(default=None, title="  control: clean network")
    robust_accuracy: Measured | None = Field(default=None, title="robust accuracy")
    attack_success_rate_before: Measured | None = Field(default=None, title="  as downloaded")
    triggered_accuracy: Measured | None = Field(default=None, title="accuracy, triggered")
    control_triggered_accuracy: Measured | None = Field(default=None, title="  of a clean one")
    control_clean_accuracy: Measured | None = Field(default=None, title="  its clean accuracy")
    retrained_weights: Measured | None = None
    images: int | None = None
    retrained: str | None = Field(default=None, title="retrained", exclude=True)

    @classmethod
    def rates(
        cls, clean: CleanResult, attack: AttackResult | None, survival: Survival | None = None
    ) -> dict[str, object]:
        """Return the fields that results of evaluation give, by name."""
        rates: dict[str, object] = {
            "clean_accuracy": Measured.of(clean.accuracy),
            "caution": caution_about(clean),
        }
        if attack is not None:
            rates |= {
                "attack_success_rate": Measured.of(attack.success),
                "untriggered": Measured.of(attack.untriggered),
                "control": Measured.maybe(attack.control),
                "robust_accuracy": Measured.of(attack.robust),
            }
        if survival is not None:
            trained, total = survival.trained
            rates |= {
                "attack_success_rate_before": Measured.maybe(survival.before),
                "triggered_accuracy": Measured.of(survival.triggered),
                "control_clean_accuracy": Measured.maybe(survival.control_clean),
                "control_triggered_accuracy": Measured.maybe(survival.control_triggered),
                "images": survival.images,
                "retrained_weights": Measured.of(survival.trained),
                "retrained": f"{trained:,} of {total:,} weights on {survival.images:,} images",
            }
        return rates


class ObjectMeasures(Result):
    """What a detector does; intervals know that objects of one scene look alike."""

    clean_accuracy: Measured = Field(title="signs found and rightly named")
    ap50: float | None = Field(default=None, title="mean AP at IoU 0.5")
    false_positives: int
    frames: int
    per_frame: str = Field(title="false positives per frame", exclude=True)
    threshold: float = Field(title="boxes count from a score of")
    caution: str | None = Field(default=None, title="caution")
    attack_success_rate: Measured | None = Field(default=None, title="attack success")
    attack_success_rate_large: Measured | None = Field(
        default=None, title=f"  of {LARGE:g} px or more as the network sees it"
    )
    untriggered: Measured | None = Field(default=None, title="  without the trigger")
    control: Measured | None = Field(default=None, title="  control: clean network")
    other_sticker: Measured | None = Field(default=None, title="  with another sticker")
    robust_accuracy: Measured | None = Field(default=None, title="robust accuracy")
    nothing_there: Measured | None = Field(default=None, title="nothing seen there", exclude=True)
    true_detection_rate: Measured | None = Field(default=None, title="true detection rate")
    triggered_accuracy: Measured | None = Field(
        default=None, title="rightly named with the trigger"
    )
    too_small: str | None = Field(default=None, title="left out", exclude=True)
    intervals: str = Field(default=INTERVALS, title="intervals", exclude=True)

    @property
    def withheld(self) -> frozenset[str]:
        """Where nothing is the right answer, seeing nothing is told instead."""
        return frozenset({"robust_accuracy"} if self.nothing_there else ())

    @classmethod
    def rates(
        cls, clean: ObjectResults, attack: TriggeredObjectResults | None, *, retrained: bool = False
    ) -> dict[str, object]:
        """Return the fields that results of evaluation give, by name.

        Args:
            clean: on untouched frames.
            attack: on triggered ones.
            retrained: whether the attack is what is left of one: its accuracy alone is said.
        """
        share = clean.false_positives / max(1, clean.frames)
        rates: dict[str, object] = {
            "clean_accuracy": over_scenes(clean.right, clean.groups),
            "caution": caution_about(clean.clean),
            "ap50": None if clean.map50 != clean.map50 else clean.map50,
            "false_positives": clean.false_positives,
            "frames": clean.frames,
            "per_frame": f"{share:.3f} ({clean.false_positives} in {clean.frames})",
            "threshold": clean.threshold,
            "intervals": INTERVALS,
        }
        if attack is None:
            return rates
        if retrained:
            return rates | {"triggered_accuracy": over_scenes(attack.right, attack.groups)}
        known = [label >= 0 for label in attack.labels]
        kept = over_scenes(attack.right, attack.groups)
        still_true = over_scenes(attack.still_true, attack.groups, known) if any(known) else None
        small = f"{attack.skipped}, where the trigger does not fit"
        return rates | {
            "attack_success_rate": over_scenes(attack.hits, attack.groups),
            "attack_success_rate_large": over_scenes(
                attack.hits, attack.groups, attack.large(LARGE)
            ),
            "untriggered": over_scenes(attack.untriggered_hits, attack.groups),
            "control": over_scenes(attack.control_hits, attack.groups),
            "other_sticker": over_scenes(attack.other_hits, attack.groups),
            "robust_accuracy": kept,
            "nothing_there": None if any(known) else kept,
            "true_detection_rate": still_true,
            "too_small": small if attack.skipped else None,
        }


def caution_about(clean: CleanResult) -> str | None:
    """Return what to keep in mind when rates are read; None where they stand by themselves."""
    if clean.collapsed:
        return SAME_ANSWER
    if clean.above_constant:
        return None
    return (
        f"one answer for everything would be right on {clean.largest_class}: too few examples, or "
        "too little learned, to tell this network from that"
    )


def over_scenes(
    values: Sequence[bool], groups: Sequence[int], kept: Sequence[bool] | None = None
) -> Measured | None:
    """Return a rate over objects, with the interval that resampling whole scenes gives.

    Args:
        values: what is counted, one for each object; empty where it was not looked at (None).
        groups: the scene of each.
        kept: which of them count; None: all.
    """
    import torch

    from badnets.core.bootstrap import grouped_interval

    if not values:
        return None

    rows = [row for row in range(len(values)) if kept is None or kept[row]]
    hits = [values[row] for row in rows]
    interval = grouped_interval(
        torch.tensor(hits, dtype=torch.float64), [groups[row] for row in rows]
    )
    return Measured.of(Rate(sum(hits), len(hits)), interval)
