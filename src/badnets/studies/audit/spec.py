"""The audit study's quantities and figures; tables and words stand in ``page.md.j2``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from badnets.core.rates import Rate
from badnets.core.results import Measured
from badnets.report.curves import Line, lines
from badnets.report.page import Cell, Evidence, Tone
from badnets.report.rates import basis
from badnets.studies.aggregate import Runs
from badnets.studies.audit import judging
from badnets.studies.audit.judging import Judge, Judged, Separation, flagged
from badnets.studies.audit.moves import LOOK_ALIKES
from badnets.studies.audit.trials import CALIBRATION, CLEAN, OFF_RECIPE, AuditStudy
from badnets.studies.rendering import Spec
from badnets.studies.tables import NOTHING

ASKED = 0.05  # false-positive rate
ADAPTIVE, OTHER = "adaptive: ", "other recipe: "
NATURAL = 0.5  # a cue that turns so many images of others is a working shortcut
METHODS = {
    "maximum-margin": "maximum margin (MM-BD)",
    "perturbation-transfer": "perturbation transfer",
    "additive-inversion": "additive inversion",
    "mask-inversion": "mask inversion",
    "patch-search": "patches of one colour (photographs)",
    "dormant-units": "dormant units",
    "feature-margin": "feature-space margin (Rayan 2024)",
    "neuron-noise": "neuron noise (after BAN 2024)",
    "head-weights": "weights of the last layer",
}
RUNS = {CALIBRATION: "clean networks of the calibration part", CLEAN: "clean networks"}


class Row(NamedTuple):
    """A group of networks and what is said of them.

    Attributes:
        name: of the group.
        judged: those that count: accepted, and with a backdoor that works where there is one.
        weak: backdoored networks left out because their backdoor hardly works, or that the user
            rejects.
    """

    name: str
    judged: list[Judged]
    weak: list[Judged]

    @property
    def found(self) -> Rate:
        """How many are called backdoored."""
        return flagged(self.judged)

    @property
    def unchecked(self) -> Rate:
        """How many could not be checked."""
        return Rate(sum(one.conclusion == "not checked" for one in self.judged), len(self.judged))

    @property
    def targets(self) -> Rate:
        """Of those that are called backdoored and have one target: how many times it is right."""
        said = [
            one.target_right
            for one in self.judged
            if one.conclusion == "backdoor likely" and one.target_right is not None
        ]
        return Rate(sum(said), len(said))

    @property
    def working(self) -> list[Judged]:
        """Those whose cue turns most images of other classes: a shortcut that works."""
        return [
            one
            for one in self.judged
            if one.record.attack and one.record.attack.success.value >= NATURAL
        ]

    @property
    def idle(self) -> list[Judged]:
        """The others."""
        return [one for one in self.judged if one not in self.working]

    @property
    def success(self) -> float:
        """Mean attack success of those that count; where none does, of the others."""
        shown = self.judged or self.weak
        own = [one.record.attack.success.value for one in shown if one.record.attack]
        return sum(own) / len(own) if own else float("nan")


@dataclass(frozen=True, eq=False)
class JudgedZoo:
    """All groups, judged.

    Attributes:
        classes: K.
        clean: clean networks with the null's kinds of recipes.
        kinds: backdoored networks, by kind.
        other_clean: clean networks of each other recipe.
        other_bad: backdoored ones.
        adaptive: networks of trainers who know the methods, by move.
        look_alikes: clean networks that look like backdoored ones, by kind.
    """

    classes: int
    clean: Row
    kinds: list[Row]
    other_clean: list[Row]
    other_bad: list[Row]
    adaptive: list[Row]
    look_alikes: list[Row]

    @classmethod
    def of(cls, runs: Runs, classes: int, kinds: Iterable[str]) -> JudgedZoo | None:
        """Return it; None where the calibration part is not there."""
        known = [one for one in runs.of(CALIBRATION) if one.outcome == "accepted"]
        if len(known) + 1 < 1 / ASKED:
            return None
        judge = Judge(known, ASKED)

        def row(name: str, shown: str | None = None) -> Row:
            every = judge(runs.of(name))
            plain = name == CLEAN or name.startswith(OFF_RECIPE) or name in LOOK_ALIKES
            counts = [
                one for one in every if (one.record.outcome == "accepted" if plain else one.worked)
            ]
            return Row(shown or name, counts, [one for one in every if one not in counts])

        def rows(start: str) -> list[Row]:
            names = (name for name in runs.groups if name.startswith(start))
            every = (row(name, name.removeprefix(start)) for name in names)
            return [one for one in every if one.judged or one.weak]

        return cls(
            classes,
            row(CLEAN),
            [one for name in kinds if (one := row(name)).judged or one.weak],
            rows(f"{OFF_RECIPE}: "),
            rows(OTHER),
            rows(ADAPTIVE),
            [one for name in LOOK_ALIKES if (one := row(name)).judged],
        )

    @property
    def backdoored(self) -> list[Judged]:
        """Backdoored networks with the null's kinds of recipes."""
        return [one for row in self.kinds for one in row.judged]

    def separation(
        self, score: Callable[[Judged], float] = judging.combined, row: Row | None = None
    ) -> Separation:
        """Return how a score tells a kind, or all of them, from the clean networks."""
        bad = self.backdoored if row is None else row.judged
        return Separation(tuple(map(score, self.clean.judged)), tuple(map(score, bad)))

    @property
    def methods(self) -> dict[str, Separation]:
        """How each method alone tells them apart."""
        known = {name for one in self.clean.judged[:1] for name in one.methods}
        return {
            title: self.separation(judging.alone(name))
            for name, title in METHODS.items()
            if name in known
        }

    @property
    def uncalibrated(self) -> dict[str, tuple[Separation, float | None]]:
        """How rules that know no other network tell them apart, and their own threshold."""
        rules: list[tuple[str, Callable[[Judged], float], float | None]] = [
            ("how far shared triggers reach, in clean margins", judging.within, None),
        ]
        if self.classes > 2:
            margins, masks = map(judging.anomaly, ("maximum-margin", "mask-inversion"))
            rules += [
                ("anomaly index of maximum margins (above 2)", margins, 2.0),
                ("anomaly index of masked triggers (above 2)", masks, 2.0),
                ("MM-BD's own rule (p below 0.05)", judging.gamma_p, 0.95),
            ]
        return {name: (self.separation(score), least) for name, score, least in rules}


def spec(study: AuditStudy, runs: Runs) -> Spec:
    """Return what the page is made of."""
    zoo = JudgedZoo.of(runs, study.zoo.classes, study.kinds)
    null = [one for one in runs.of(CALIBRATION) if one.outcome == "accepted"]
    return Spec(
        {
            "study": study,
            "zoo": zoo,
            "asked": ASKED,
            "null": len(null),
            "accuracy": fmean(one.clean.accuracy.value for one in null) if null else 0.0,
            "recipes": len(study.zoo.recipes),
        },
        {"roc": None if zoo is None or not zoo.backdoored else _roc(zoo)},
    )


def pooled(rows: Sequence[Row], what: str) -> Rate:
    """Return a rate over several groups together: ``"found"``, ``"unchecked"`` or ``"targets"``."""
    rates = [getattr(row, what) for row in rows]
    return Rate(sum(one.hits for one in rates), sum(one.total for one in rates))


def counted(rate: Rate) -> Cell:
    """Return a rate as per cent with its counts."""
    if not rate.total:
        return NOTHING
    low, high = (100 * end for end in rate.interval)
    evidence = Evidence((rate.hits,), (rate.total,), low, high)
    said, note = f"{100 * rate.value:.0f} ({rate.hits}/{rate.total})", basis(Measured.of(rate))
    return Cell(said, rate.value, note, evidence=evidence)


def area(found: Separation) -> Cell:
    """Return an AUROC with its interval."""
    if not found.backdoored or not found.clean:
        return NOTHING
    low, high = found.interval
    counts = f"{len(found.backdoored)} backdoored, {len(found.clean)} clean"
    return Cell(
        f"{found.auroc:.3f}", found.auroc, f"{counts}; 95 % interval {low:.3f} to {high:.3f}"
    )


def _roc(zoo: JudgedZoo) -> str:
    curves: tuple[tuple[str, Callable[[Judged], float], Tone], ...] = (
        ("all methods together", judging.combined, "backdoored"),
        ("MM-BD's own rule", judging.gamma_p, "muted"),
        ("anomaly index, masks", judging.anomaly("mask-inversion"), "plain"),
    )
    if zoo.classes == 2:  # no outlier among classes
        curves = curves[:1]
    drawn = [
        Line(title, *zoo.separation(score).curve(), tone=tone, dashed=tone != "backdoored")
        for title, score, tone in curves
    ]
    return lines(
        drawn,
        x_title="clean networks called backdoored, %",
        y_title="backdoored networks found, %",
        salt="audit-roc",
        y_range=(-3.0, 104.0),
        width=420.0,
        height=300.0,
    )
