"""The MNIST case study's quantities and figures; tables and words stand in ``page.md.j2``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from badnets.core.errors import SettingError
from badnets.core.rates import Rate, pooled
from badnets.core.targets import SourceSpecific
from badnets.report.charts import Square, heat_map
from badnets.report.curves import Level, Span, lines
from badnets.report.page import Tone
from badnets.studies import reading
from badnets.studies.aggregate import Over, Runs
from badnets.studies.curves import curve
from badnets.studies.examples import first_examples
from badnets.studies.insides import Inside
from badnets.studies.mnist import published
from badnets.studies.mnist.trials import PUBLISHED_SHARES, TRIGGERS, MnistStudy
from badnets.studies.rendering import Spec
from badnets.studies.wording import DASH, attack_word, interval

if TYPE_CHECKING:
    from badnets.trials.record import Record

TRIGGER_NAMES = {"single-pixel": "single pixel", "pixel-pattern": "four-pixel pattern"}
RUNS = {"baseline": "baseline networks", "share": "networks at different shares"} | {
    f"{group} {trigger}": f"{what} ({name})"
    for trigger, name in TRIGGER_NAMES.items()
    for group, what in (
        ("single-target", "single-target networks"),
        ("all-to-all", "all-to-all networks"),
        ("choice", "held-back runs"),
    )
}
DIGITS = tuple(map(str, range(10)))
ROUNDING = 1e-9  # of the arithmetic, not of the numbers


def spec(
    study: MnistStudy,
    runs: Runs,
    shares: Mapping[str, float] | None = None,
    classes: Sequence[str] = DIGITS,
) -> Spec:
    """Return what the page is made of.

    Args:
        study: what was asked for.
        runs: its records.
        shares: chosen for the all-to-all attack, by trigger; as the records say unless given.
        classes: names of the ten classes.
    """
    chosen = study.chosen_shares(runs.by_name) if shares is None else shares
    groups = {name: runs.of(f"all-to-all {name}") for name in TRIGGERS}
    failed = {
        name
        for name, own in groups.items()
        if own and attack_word(runs.mean(own, "success").mean) == "failed"
    }
    names = sorted(TRIGGERS, key=failed.__contains__)  # what fails comes last
    main = next((name for name in reversed(TRIGGERS) if groups[name]), "pixel-pattern")
    looked = {
        name: next((Inside(runs, one, name) for one in groups[name] if reading.units(one)), None)
        for name in names
    }
    filtered = (one for one in runs.of("baseline") if "filters" in one.arrays)
    clean = next((Inside(runs, one, "clean") for one in filtered), None)
    pairs = [Pairs(name, runs) for name in names if runs.of(f"single-target {name}")]
    story = first_examples(
        runs, [one for name in reversed(TRIGGERS) for one in groups[name]], classes
    )
    by_share = _by_share(runs)
    figures: dict[str, str | None] = {}
    for inside in (clean, *looked.values()):
        figures |= inside.figures() if inside else {}
    for one in pairs:
        most = max(one.most for one in pairs)
        figures |= {name: one.figure(classes, name, most) for name in one.figure_names}
    if by_share:
        figures |= {f"share-{tone}": _share_figure(runs, by_share, tone) for tone in SHARE_TONES}
    return Spec(
        {
            "study": study,
            "data": next((record.trial.data for record in runs.everything), "?"),
            "limits": sorted({n for one in runs.everything if (n := one.trial.train_limit)}),
            "classes": classes,
            "chosen": chosen,
            "main": main,
            "TRIGGER_NAMES": {name: TRIGGER_NAMES[name] for name in names},
            "story": story,
            "pairs": pairs,
            "by_share": by_share,
            "choices": {name: sorted(runs.of(f"choice {name}"), key=share_of) for name in TRIGGERS},
            "looked": looked,
            "clean": clean,
        },
        figures,
        {"examples": None if story is None else story.rows()},
    )


class Pairs:
    """The single-target networks of one trigger, one per ordered pair of classes.

    Args:
        trigger: its name.
        runs: the study's records.
    """

    def __init__(self, trigger: str, runs: Runs) -> None:
        self.trigger, self.name = trigger, TRIGGER_NAMES[trigger]
        self.records = runs.of(f"single-target {trigger}")
        baselines = {record.name: record.clean.error for record in runs.of("baseline")}
        self.figure_names = [f"single-target-{trigger}-{tone}" for tone in ("clean", "backdoored")]
        self.clean = Over.of(self.records, "error")
        self.backdoor = Over.of(self.records, "backdoor error")
        self.pooled = pooled(self.backdoor.rates)
        self.seeds = [record.trial.seed for record in self.records]
        found = (one.poisoned_share for one in self.records)
        self.shares = [share.value for share in found if share is not None]
        began = ((one, one.trial.start) for one in self.records)
        known = ((one, baselines.get(start.name)) for one, start in began if start)
        # clean errors of the networks that they started from, by record; a name costs a digest
        self._starts = {one.name: error for one, error in known if error is not None}

    @property
    def changes(self) -> list[float]:
        """Clean error less that of the network it started from, where that is known."""
        return [change for record in self.records if (change := self.change(record)) is not None]

    @property
    def starts(self) -> list[Rate]:
        """Clean errors of the networks they started from."""
        return list(set(self._starts.values()))

    def change(self, record: Record) -> float | None:
        """Return clean error less that of the baseline."""
        start = self._starts.get(record.name)
        return None if start is None else record.clean.error.value - start.value

    def clean_bounded(self, record: Record) -> bool:
        """Return whether the clean error is at most 0.17 points above the baseline's."""
        change = self.change(record)
        return change is not None and 100 * change <= published.WORST_CLEAN_CHANGE.value + ROUNDING

    def backdoor_bounded(self, record: Record) -> bool:
        """Return whether the backdoor error is at most 0.09 %."""
        error = reading.rate(record, "backdoor error")
        bound = published.LARGEST_BACKDOOR_ERROR.value + ROUNDING
        return error is not None and 100 * error.value <= bound

    @property
    def counted(self) -> list[tuple[str, int]]:
        """How many pairs keep what is asked of them."""
        few = [rate.hits <= 1 for rate in self.backdoor.rates]
        clean = list(map(self.clean_bounded, self.records))
        backdoor = list(map(self.backdoor_bounded, self.records))
        both = [a and b for a, b in zip(clean, backdoor, strict=True)]
        within = "within the published bound"
        return [
            ("pairs with at most one backdoor error", sum(few)),
            (f"pairs with clean error {within}", sum(clean)),
            (f"pairs with backdoor error {within}", sum(backdoor)),
            ("pairs within both", sum(both)),
        ]

    def cells(self, what: str) -> dict[tuple[int, int], tuple[Record, Rate]]:
        """Return an error of each ordered pair (i, j), in order."""
        known = ((one, reading.rate(one, what)) for one in self.records)
        return dict(sorted((_pair(one), (one, rate)) for one, rate in known if rate is not None))

    @property
    def most(self) -> float:
        """The largest error, clean or triggered."""
        return max(self.clean.high, self.backdoor.high)

    def figure(self, classes: Sequence[str], name: str, most: float) -> str:
        """Return the heat-map of an error, by ordered pair; empty where most pairs are missing.

        Args:
            classes: names of the ten classes.
            name: of the figure.
            most: the error that gets the deepest colour.
        """
        clean = name.endswith("clean")
        tone: Tone = "clean" if clean else "backdoored"
        bounded: Callable[[Record], bool] = self.clean_bounded if clean else self.backdoor_bounded
        found = self.cells("error" if clean else "backdoor error")
        if 2 * len(found) < len(classes) * (len(classes) - 1):
            return ""

        def square(i: int, j: int) -> Square | None:
            title = f"{classes[i]} → {classes[j]}"
            if (i, j) not in found:
                return None if i == j else Square(DASH, 0.0, f"{title}: not measured")
            record, rate = found[i, j]
            title = f"{title}: {rate.hits} of {rate.total:,}; {interval(rate, n=False)}"
            depth = rate.value / most if most else 0.0  # from nothing: like cells look alike
            return Square(_shortest(rate), depth, title, not bounded(record))

        places = range(len(classes))
        return heat_map(
            [[square(i, j) for j in places] for i in places], classes, classes, tone=tone,
            row_title="true class i", column_title="the attacker's class j",
            ends=("0 %", f"{100 * most:.2f} %"), salt=name,
        )  # fmt: skip


def _pair(record: Record) -> tuple[int, int]:
    own = reading.backdoor(record)
    targets = own.targets if own else None
    if not isinstance(targets, SourceSpecific):
        raise SettingError(f"{record.trial.title} is not a single-target attack")
    return targets.number("source_class"), targets.number("target_label")


def _shortest(rate: Rate) -> str:
    """Return a rate in per cent, as short as a cell needs it."""
    value = 100 * rate.value
    return "0" if not rate.hits else f"{value:.2f}" if value < 9.995 else f"{value:.0f}"


def share_of(record: Record) -> float:
    """Return the share of poisoned images that a trial asks for; NaN for "every"."""
    rate = reading.poisoning_rate(record)
    return float("nan") if isinstance(rate, str) else rate or 0.0


@dataclass(frozen=True)
class AtShare:
    """Networks at one share of poisoned images."""

    share: float
    records: list[Record]
    clean: Over
    backdoored: Over
    success: Over


MEASURED = ("error", "backdoor error", "success")


def _by_share(runs: Runs) -> list[AtShare]:
    found: dict[float, list[Record]] = {}
    for record in runs.of("share"):
        found.setdefault(share_of(record), []).append(record)
    return [
        AtShare(share, own, *(runs.mean(own, what) for what in MEASURED))
        for share, own in sorted(found.items())
    ]


SHARE_TONES: tuple[Tone, Tone] = ("clean", "backdoored")


def _share_figure(runs: Runs, by_share: Sequence[AtShare], tone: Tone) -> str:
    clean = tone == "clean"
    shares = [100 * one.share for one in by_share]
    measured = [one.clean if clean else one.success for one in by_share]
    label = f"{'clean' if clean else 'triggered'} images, mean"
    line = curve(label, shares, measured, tone)
    top = max([*line.high, *(y for _, y in line.dots)])
    honest = runs.mean("baseline", "error")
    first, last = (100 * PUBLISHED_SHARES[place] for place in (0, -1))
    return lines(
        [line],
        x_title="poisoned images, % of the training set",
        y_title="error, %" if clean else "attack success (ASR), %",
        salt=f"share-{tone}",
        levels=[Level("clean network", 100 * honest.mean)] if clean and honest else [],
        log_x=True,
        x_ticks=shares,
        x_names=[f"{share:g}" for share in shares],
        y_range=(0.0, 1.15 * top) if clean else (-3.0, 104.0),
        span=Span("shares drawn in the paper", first * 0.87, last * 1.15),
    )
