"""Rates over signs, with intervals that know that signs of one scene look alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from badnets.cli.printing import rate_json
from badnets.core.bootstrap import grouped_interval
from badnets.core.rates import Interval, Rate
from badnets.evaluate.detection_results import CleanSigns, TriggeredSigns

if TYPE_CHECKING:
    from badnets.trials.record import Record

LARGE = 3.0  # pixels of a trigger, as the network sees it, that can be told from noise
INTERVALS = "95 %, whole scenes resampled"


@dataclass(frozen=True)
class SignRate:
    """A rate over signs, with the 95 % interval that resampling whole scenes gives."""

    rate: Rate
    interval: Interval

    @classmethod
    def of(
        cls, values: Sequence[bool], groups: Sequence[int], kept: Sequence[bool] | None = None
    ) -> SignRate:
        """Return the rate of ``values``, of those alone that are ``kept``."""
        rows = [row for row in range(len(values)) if kept is None or kept[row]]
        hits = [values[row] for row in rows]
        scenes = [groups[row] for row in rows]
        spread = grouped_interval(torch.tensor(hits, dtype=torch.float64), scenes)
        return cls(Rate(sum(hits), len(hits)), spread)

    def text(self) -> str:
        """Return it with counts and interval; a dash where nothing was counted."""
        if not self.rate.total:
            return "-"
        low, high = (100 * end for end in self.interval)
        return f"{self.rate} [{low:.2f}, {high:.2f}]"

    def json(self) -> dict[str, Any] | None:
        """Return it as `badnets.cli.printing.rate_json` does."""
        told = rate_json(self.rate)
        return told and {**told, "low": self.interval.low, "high": self.interval.high}


def attack_rates(done: TriggeredSigns) -> dict[str, SignRate | None]:
    """Return the rates of an attack by what they are called; None for those that were not asked."""
    known = [label >= 0 for label in done.labels]
    there = "robust accuracy" if any(known) else "nothing seen there"

    def of(values: Sequence[bool], kept: Sequence[bool] | None = None) -> SignRate | None:
        return SignRate.of(values, done.groups, kept) if values else None

    return {
        "attack success": of(done.hits),
        f"  of {LARGE:g} px or more as the network sees it": of(done.hits, done.large(LARGE)),
        "  without the trigger": of(done.untriggered_hits),
        "  of the control": of(done.control_hits),
        "  with another sticker": of(done.other_hits),
        there: of(done.right),
        "true detection rate": of(done.still_true, known) if any(known) else None,
    }


KEYS = (
    "attack_success_rate",
    "attack_success_rate_large",
    "untriggered",
    "control",
    "other_sticker",
    "robust_accuracy",
    "true_detection_rate",
)
"""What the rates of an attack are called in JSON, in their order."""


def clean_facts(clean: CleanSigns) -> list[tuple[str, str]]:
    """Return what a detector makes of untouched frames, in words and numbers."""
    share = clean.false_positives / max(1, clean.frames)
    return [
        ("signs found and rightly named", SignRate.of(clean.right, clean.groups).text()),
        ("mean AP at IoU 0.5", precision_text(clean.map50)),
        ("false positives per frame", f"{share:.3f} ({clean.false_positives} in {clean.frames})"),
        ("boxes count from a score of", f"{clean.threshold:g}"),
    ]


def attack_facts(done: TriggeredSigns) -> list[tuple[str, str]]:
    """Return what triggers do to it, likewise."""
    facts = [(name, rate.text()) for name, rate in attack_rates(done).items() if rate is not None]
    if done.skipped:
        facts.append(("left out", f"{done.skipped}, where the trigger does not fit"))
    return facts


def attack_json(done: TriggeredSigns) -> dict[str, Any]:
    """Return what triggers do to it, for machines."""
    rates = zip(KEYS, attack_rates(done).values(), strict=True)
    return {key: None if rate is None else rate.json() for key, rate in rates}


def precision_text(value: float) -> str:
    """Return an average precision; a dash where there is no sign to find."""
    return f"{value:.3f}" if value >= 0 else "-"


def record_of_signs_facts(record: Record) -> list[tuple[str, str]]:
    """Return what the record of a detector says beyond its trial and its outcome."""
    facts = [] if record.signs is None else clean_facts(record.signs)
    done = record.triggered
    if done is not None and record.outcome == "collapsed":
        facts.append(("attack", "not reported: a network that learned nothing attacks nothing"))
    elif done is not None and record.trial.transfer is not None:
        facts.append(
            ("rightly named with the trigger", SignRate.of(done.right, done.groups).text())
        )
        facts.append(("units strengthened", str(len(record.strengthened))))
    elif done is not None:
        facts += attack_facts(done)
    return [*facts, ("intervals", INTERVALS)]


def record_of_signs_json(record: Record) -> dict[str, Any]:
    """Return the rates of a detector's record, for machines; some take a classifier's place."""
    signs, done = record.signs, record.triggered
    value: dict[str, Any] = {}
    if signs is not None:
        value["clean_accuracy"] = SignRate.of(signs.right, signs.groups).json()
        value["ap50"] = None if signs.map50 != signs.map50 else signs.map50
        value["false_positives"], value["frames"] = signs.false_positives, signs.frames
    if done is not None and record.trial.transfer is not None:
        value["triggered_accuracy"] = SignRate.of(done.right, done.groups).json()
        value["strengthened"] = list(record.strengthened)
    elif done is not None:
        value |= attack_json(done)
    return value
