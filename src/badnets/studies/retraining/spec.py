"""The retraining study's quantities and figures; tables and words stand in ``page.md.j2``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from badnets.core.rates import Rate
from badnets.data.names import parse_name
from badnets.report.curves import lines
from badnets.studies import reading
from badnets.studies.aggregate import Over, Paired, Runs, paired
from badnets.studies.curves import curve
from badnets.studies.dogs.trials import CLASSES as PETS
from badnets.studies.examples import Examples, examples
from badnets.studies.rendering import Spec
from badnets.studies.retraining.trials import CaseName, RetrainingStudy, Setting

if TYPE_CHECKING:
    from badnets.trials.record import Record

SURVIVES = 0.05  # what the trigger must do beyond a clean network, at least, to be called alive
TARGET = 0  # the user's label of the target class, where the user has it
RUNS = {
    "clean": "honest networks of all classes",
    "badnet": "BadNets of all classes",
    "downloaded": "networks to download",
    "control": "retrained honest networks",
    "untargeted": "retrained BadNets (a backdoor without a target)",
    "targeted": "retrained BadNets (a targeted one, whose target is gone)",
    "shared": "retrained BadNets (a targeted one, whose target is still there)",
    "same": "retrained BadNets (the same classes in another look)",
}
VOICES = ("honest", "BadNet")


def spec(study: RetrainingStudy, runs: Runs) -> Spec:
    """Return what the page is made of."""
    halves, cases = study.halves, study.cases
    by_case = {case: own for case in cases if (own := outcomes(study, runs, case))}
    every = [one for own in by_case.values() for one in own]
    by_setting = {(one.case, one.setting): one for one in every}
    story = _story(runs, by_setting.get((cases[-1], study.headline)))
    target = PETS[TARGET] if halves is None else names_of(study.data)[halves.target]
    known = [one for one in every if one.left is not None]
    share = max((one.setting.share for one in known), default=1.0)
    figures = {f"left-{case}": _figure(study, own, target) for case, own in by_case.items()}
    return Spec(
        {
            "study": study,
            "target": f"\u201c{target}\u201d",
            "outcomes": by_case,
            "outcome": lambda case, setting: by_setting.get((case, setting)),
            "headline": by_setting.get((cases[0], study.headline)),
            "nothing_frozen": Setting("none", study.headline.share),
            "known": known,
            "full": [one for one in known if one.setting.share == share],
            "few_and_all": _few_and_all(known),
            "story": story,
            "kinds": _kinds(runs.of("downloaded")),
            "cost": runs.cost("badnet", "clean"),
        },
        figures,
        {"attacked": None if story is None else story.rows()},
    )


def classes_of(study: RetrainingStudy, case: CaseName) -> tuple[str, ...]:
    """Return the names of the user's classes."""
    if study.halves is None:
        return PETS
    named = study.halves.shared if case == "shared" else study.halves.other
    picked = parse_name(named).classes
    return tuple(names_of(study.data)[label] for label in picked)


def names_of(data: str) -> tuple[str, ...]:
    """Return the names of a data set's classes."""
    if data == "digits":
        return tuple(map(str, range(10)))
    from badnets.data.gtsrb import CLASSES  # imports torch, which drawing digits does not need

    return CLASSES


def outcomes(study: RetrainingStudy, runs: Runs, case: CaseName) -> list[Outcome]:
    """Return what came of each setting of a case that was run, in the study's order."""
    found: dict[Setting, list[Record]] = {setting: [] for setting in study.settings}
    for record in runs.of(case):
        how = reading.retraining(record)
        if how is not None:
            found.setdefault(Setting(*how), []).append(record)
    classes = classes_of(study, case)
    return [Outcome(runs, case, setting, own, classes) for setting, own in found.items() if own]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a setting: BadNets of one seed or several, each beside a clean network.

    Args:
        runs: where the clean networks' records and all arrays are.
        case: which backdoor.
        setting: how it was retrained.
        records: of the BadNets.
        classes: names of the user's classes.
    """

    runs: Runs
    case: CaseName
    setting: Setting
    records: list[Record]
    classes: tuple[str, ...]

    @property
    def aimed(self) -> bool:
        """Whether the target class is among the user's, so that attack success has a meaning."""
        return self.case in ("shared", "same")

    def mean(self, what: str) -> Over:
        """Return a rate of the BadNets."""
        return Over.of(self.records, what)

    def beside(self, what: str) -> Over:
        """Return a rate of the clean networks, of those that have learned something."""
        return Over.of((one for one in self.records if self.honest(one) is not None), what)

    @property
    def shown(self) -> Over:
        """What is to be seen of the trigger: attack success, or images still correctly named."""
        return self.mean("success" if self.aimed else "triggered")

    @property
    def honest_shown(self) -> Over:
        """The same of the clean network."""
        return self.beside("control" if self.aimed else "control triggered")

    @property
    def before(self) -> Over:
        """Attack success before retraining, where the classes are the same."""
        return self.mean("before")

    @property
    def seeds(self) -> list[int]:
        """Seeds of the BadNets."""
        return [record.trial.seed for record in self.records]

    @property
    def accepted(self) -> int:
        """How many of the BadNets the user accepts."""
        return sum(record.outcome == "accepted" for record in self.records)

    @property
    def images(self) -> int:
        """Images that it was retrained on."""
        return next((one.survival.images for one in self.records if one.survival), 0)

    @property
    def trained(self) -> Rate | None:
        """Weights that were retrained, of all."""
        return next((one.survival.trained for one in self.records if one.survival), None)

    def honest(self, record: Record) -> Record | None:
        """Return the clean network that was retrained alike; None where it collapsed."""
        control = record.trial.control
        found = None if control is None else self.runs.by_name.get(control.name)
        return None if found is None or found.outcome == "collapsed" else found

    @cached_property
    def left(self) -> Paired | None:
        """What the trigger does beyond what it does to the clean network, paired image by image.

        Where the target class is among the user's: triggered images called so. Else accuracy that
        the trigger takes away. None where answers are not there to be paired.
        """
        change = self._aimed if self.aimed else self._taken
        known = {record.trial.seed: change(record) for record in self.records}
        return paired({seed: one for seed, one in known.items() if one is not None})

    @property
    def alive(self) -> bool:
        """Whether that is at least 5 points, and surely more than none."""
        return self.left is not None and self.left.mean >= SURVIVES and self.left.interval.low > 0

    def _aimed(self, record: Record) -> NDArray[np.float64] | None:
        names = ("triggered_answers", "triggered_control", "triggered_labels")
        ours, theirs, labels = (self.runs.array(record, name) for name in names)
        if self.honest(record) is None or ours is None or theirs is None or labels is None:
            return None
        kept = labels != TARGET
        return np.asarray((ours[kept] == TARGET).astype(np.float64) - (theirs[kept] == TARGET))

    def _taken(self, record: Record) -> NDArray[np.float64] | None:
        control, right = self.honest(record), self.runs.right
        stamped = [
            right(record, f"triggered_{name}", "triggered_labels")
            for name in ("answers", "control")
        ]
        plain = [right(record), None if control is None else right(control)]
        known = [one for one in (*plain, *stamped) if one is not None]
        if len(known) < 4 or len({len(one) for one in known}) > 1:
            return None
        ours, theirs, triggered, beside = known
        return (ours - triggered) - (theirs - beside)

    @cached_property
    def drawn_to(self) -> tuple[str, Over, Over] | None:
        """The class that the trigger draws images of others to most; and what the honest does."""
        record = self.records[0]
        names = ("triggered_answers", "triggered_control", "triggered_labels")
        ours, theirs, labels = (self.runs.array(record, name) for name in names)
        if ours is None or labels is None:
            return None

        def rate(said: np.ndarray, label: int) -> Rate:
            others = labels != label
            return Rate(int((said[others] == label).sum()), int(others.sum()))

        called = [rate(ours, label) for label in range(len(self.classes))]
        most = max(range(len(called)), key=lambda k: called[k].value if called[k].total else 0.0)
        honest = None if theirs is None or self.honest(record) is None else rate(theirs, most)
        seed = record.trial.seed
        return self.classes[most], Over.pairs([(called[most], seed)]), Over.pairs([(honest, seed)])


def _few_and_all(known: Sequence[Outcome]) -> tuple[float, int, int] | None:
    """Return the smallest share of images, how often all leave less than it, and of how many."""
    shares = sorted({one.setting.share for one in known})
    places = {(one.case, one.setting): one.left.mean for one in known if one.left}
    pairs = [
        (left, places[case, setting._replace(share=shares[-1])])
        for (case, setting), left in places.items()
        if setting.share == shares[0] and (case, setting._replace(share=shares[-1])) in places
    ]
    if len(shares) < 2 or not pairs:
        return None
    return shares[0], sum(many < few for few, many in pairs), len(pairs)


def _kinds(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return the downloads by what their backdoor asks for: nothing, any class, the target."""
    kinds: dict[str, list[Record]] = {}
    for record in records:
        kind = "targeted" if reading.target_label(record) >= 0 else "untargeted"
        kinds.setdefault(kind if reading.backdoor(record) else "honest", []).append(record)
    return kinds


def _story(runs: Runs, one: Outcome | None) -> Examples | None:
    found = (
        examples(
            runs, record, "attacked", one.classes, TARGET, by=VOICES,
            control=one.honest(record) is not None,
        )
        for record in (one.records if one else ())
        if one
    )  # fmt: skip
    return next((story for story in found if story is not None), None)


def _figure(study: RetrainingStudy, outcomes: Sequence[Outcome], target: str) -> str | None:
    kept = [one.setting.freeze for one in outcomes]
    freezes = [freeze for freeze in study.scale.freezes if freeze in kept]
    if len(freezes) < 2:
        return None
    what = f"called \u201c{target}\u201d" if outcomes[0].aimed else "correctly named"
    shares = sorted({one.setting.share for one in outcomes}, reverse=True)
    drawn = []
    for share in shares:
        own = [one for one in outcomes if one.setting.share == share]
        x = [float(freezes.index(one.setting.freeze)) for one in own]
        label, first = f"BadNet, {100 * share:g} % of them", share == shares[0]
        label = "BadNet, all images" if share == 1 else label
        shown = [one.shown for one in own]
        drawn.append(curve(label, x, shown, "backdoored", band=first, dashed=not first))
        if first:
            beside = [one.honest_shown for one in own]
            honest = curve("honest network", x, beside, "clean", band=False, dots=False)
    retrained = {"all-but-head": "head", "none": "all"}
    return lines(
        [*drawn, *([honest] if honest.y else [])],
        x_title="what is retrained",
        y_title=f"with the trigger, {what}, %",
        salt=f"left-{outcomes[0].case}",
        x_ticks=list(range(len(freezes))),
        x_names=[retrained.get(str(freeze), "later layers") for freeze in freezes],
        y_range=(-3.0, 104.0),
        width=330.0,
        height=250.0,
    )
