"""What the page of the retraining study is drawn from: records by group, outcomes by setting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch

from badnets.core.rates import Rate
from badnets.data.gtsrb import CLASSES as SIGNS
from badnets.data.subsets import picked_of
from badnets.evaluate.survival import Survival
from badnets.report.page import Note
from badnets.studies.dogs.trials import CLASSES as PETS
from badnets.studies.grouped import Grouped
from badnets.studies.pairing import Paired, array, paired, right
from badnets.studies.retraining.trials import CaseName, RetrainingTrials, Setting
from badnets.studies.wording import OverSeeds
from badnets.trials.record import Record

SURVIVES = 0.05  # what the trigger must do beyond a clean network, at least, to be called alive
TARGET = 0  # the user's label of the target class, where she has it
NAMES = {"digits": tuple(str(digit) for digit in range(10)), "gtsrb": SIGNS}


@dataclass(frozen=True, eq=False)
class Evidence(Grouped):
    """Records by group, as `RetrainingTrials.groups` names them.

    Args:
        trials: what the study asks for.
    """

    trials: RetrainingTrials

    def lacking(self, group: str, what: str) -> tuple[Note, ...]:
        """Return what is to be said of a group's runs that are missing or collapsed."""
        return self.gaps(group, self._expected.get(group, 0), what)

    @cached_property
    def _expected(self) -> dict[str, int]:
        return {group: len(trials) for group, trials in self.trials.groups().items()}

    @cached_property
    def by_name(self) -> dict[str, Record]:
        """Every record by its trial's name."""
        return {record.name: record for record in self.everything}

    def outcomes(self, case: CaseName) -> list[Outcome]:
        """Return what came of each setting of a case that was run, in the study's order."""
        return self._outcomes[case]

    @cached_property
    def _outcomes(self) -> dict[CaseName, list[Outcome]]:
        """Kept, because each outcome is paired but once."""
        found: dict[CaseName, list[Outcome]] = {case: [] for case in self.trials.cases}
        for case in found:
            for setting in self.trials.settings:
                records = tuple(one for one in self.of(case) if setting_of(one) == setting)
                if records:
                    found[case].append(Outcome(self, case, setting, records))
        return found

    def outcome(self, case: CaseName, setting: Setting) -> Outcome | None:
        """Return what came of one setting; None where it was not run."""
        return next((one for one in self.outcomes(case) if one.setting == setting), None)

    @property
    def headline(self) -> Outcome | None:
        """The first case with a new head and all data; None where it was not run."""
        return self.outcome(self.trials.cases[0], self.trials.headline)

    def classes(self, case: CaseName) -> tuple[str, ...]:
        """Return the names of the user's classes."""
        halves = self.trials.halves
        if halves is None:
            return PETS
        _, picked = picked_of(halves.shared if case == "shared" else halves.other)
        return tuple(NAMES[self.trials.data][label] for label in picked)

    @property
    def target(self) -> str:
        """Name of the class that the targeted backdoor asks for, in quotation marks."""
        halves = self.trials.halves
        name = PETS[TARGET] if halves is None else NAMES[self.trials.data][halves.target]
        return f"\u201c{name}\u201d"

    def control_of(self, record: Record) -> Record | None:
        """Return the clean network that was retrained alike; None where it learned nothing."""
        control = record.trial.control
        found = None if control is None else self.by_name.get(control.name)
        return None if found is None or found.outcome == "collapsed" else found


def setting_of(record: Record) -> Setting | None:
    """Return how a network was retrained; None where it was not."""
    retrain = record.trial.retrain
    return None if retrain is None else Setting(retrain.freeze, retrain.share)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a setting: BadNets of one seed or several, each beside a clean network.

    Args:
        evidence: where the clean networks' records and all arrays are.
        case: which backdoor.
        setting: how it was retrained.
        records: of the BadNets.
    """

    evidence: Evidence
    case: CaseName
    setting: Setting
    records: tuple[Record, ...]

    @property
    def is_aimed(self) -> bool:
        """Whether the target class is among the user's, so that attack success has a meaning."""
        return self.case in ("shared", "same")

    @property
    def clean(self) -> OverSeeds:
        """Clean images named rightly."""
        return self._over(lambda left: left.clean)

    @property
    def triggered(self) -> OverSeeds:
        """The same with the trigger."""
        return self._over(lambda left: left.triggered)

    @property
    def control_clean(self) -> OverSeeds:
        """Clean images named rightly by the clean network."""
        return self._beside(lambda left: left.control_clean)

    @property
    def control_triggered(self) -> OverSeeds:
        """The same with the trigger."""
        return self._beside(lambda left: left.control_triggered)

    @property
    def before(self) -> OverSeeds:
        """Attack success before retraining, where the classes are the same."""
        return self._over(lambda left: left.before)

    @property
    def success(self) -> OverSeeds:
        """Triggered images that are called the target class."""
        return OverSeeds.of(self.records, success)

    @property
    def control_success(self) -> OverSeeds:
        """The same of the clean network."""
        kept = [one for one in self.records if self.evidence.control_of(one) is not None]
        return OverSeeds.of(kept, control)

    @property
    def shown(self) -> OverSeeds:
        """What is to be seen of the trigger: attack success, or images still named rightly."""
        return self.success if self.is_aimed else self.triggered

    @property
    def control_shown(self) -> OverSeeds:
        """The same of the clean network."""
        return self.control_success if self.is_aimed else self.control_triggered

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

    @cached_property
    def left(self) -> Paired | None:
        """What the trigger does beyond what it does to the clean network, paired image by image.

        Where the target class is among the user's: triggered images called so. Else accuracy that
        the trigger takes away. None where answers are not there to be paired.
        """
        change = self._aimed if self.is_aimed else self._taken
        known = {record.trial.seed: change(record) for record in self.records}
        return paired({seed: one for seed, one in known.items() if one is not None})

    @property
    def survives(self) -> bool | None:
        """Whether that is at least 5 points, and surely more than none; None where not known."""
        found = self.left
        return None if found is None else found.mean >= SURVIVES and found.interval.low > 0

    def _aimed(self, record: Record) -> torch.Tensor | None:
        if self.evidence.control_of(record) is None or record.attack is None:
            return None
        said = [
            array(record, f"triggered_{name}", self.evidence.get_array)
            for name in ("answers", "control", "labels")
        ]
        ours, theirs, labels = said
        if ours is None or theirs is None or labels is None:
            return None
        kept = labels != TARGET
        hits = (ours[kept] == TARGET).astype("f8") - (theirs[kept] == TARGET).astype("f8")
        return torch.from_numpy(hits)

    def _taken(self, record: Record) -> torch.Tensor | None:
        control = self.evidence.control_of(record)
        if control is None:
            return None
        read = self.evidence.get_array
        ours, theirs = right(record, read), right(control, read)
        stamped, beside = (
            right(record, read, said, "triggered_labels")
            for said in ("triggered_answers", "triggered_control")
        )
        if ours is None or theirs is None or stamped is None or beside is None:
            return None
        if len({len(one) for one in (ours, theirs, stamped, beside)}) > 1:
            return None
        return (ours - stamped) - (theirs - beside)

    def _over(self, measure: Callable[[Survival], Rate | None]) -> OverSeeds:
        return OverSeeds.of(self.records, _of_survival(measure))

    def _beside(self, measure: Callable[[Survival], Rate | None]) -> OverSeeds:
        """Return a measure of the clean networks, of those that have learned something."""
        kept = [one for one in self.records if self.evidence.control_of(one) is not None]
        return OverSeeds.of(kept, _of_survival(measure))


def _of_survival(measure: Callable[[Survival], Rate | None]) -> Callable[[Record], Rate | None]:
    return lambda record: None if record.survival is None else measure(record.survival)


def accuracy(record: Record) -> Rate:
    """Return the accuracy on clean test images."""
    return record.clean.accuracy


def success(record: Record) -> Rate | None:
    """Return the attack success rate."""
    return record.attack.success if record.attack else None


def control(record: Record) -> Rate | None:
    """Return how often the clean network gives the attacker's label to the same images."""
    return record.attack.control if record.attack else None
