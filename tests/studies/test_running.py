"""Running a study in stages; nothing that the ledger holds is run again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from badnets import runners
from badnets.core.errors import SettingError, TrialError
from badnets.core.progress import Listener
from badnets.ledger import Ledger
from badnets.runners import Silent, run_all
from badnets.studies import recorded, run_study
from badnets.studies.catalogue import Groups, Study
from badnets.studies.running import listed
from badnets.trials import Record, Workspace
from badnets.trials.trial import OutsourcedTrial, Trial
from tests.ledger.samples import record_of


def digits(seed: int) -> OutsourcedTrial:
    return OutsourcedTrial(data="digits", seed=seed)


FIRST = [digits(seed) for seed in (0, 1)]


@dataclass(frozen=True)
class TwoStages(Study):
    """Measures the first stage's best seed again, a thousand seeds on."""

    def groups(self, records: Mapping[str, Record]) -> Groups:
        groups: Groups = {"first": FIRST}
        if all(trial.name in records for trial in FIRST):
            best = max(FIRST, key=lambda trial: records[trial.name].clean.accuracy.value)
            groups["second"] = [best, digits(1000 + best.seed)]
        return groups


@dataclass
class Runs:
    """Runs trials without training, and remembers which."""

    ran: list[int] = field(default_factory=list)
    failing: frozenset[int] = frozenset()

    def __call__(
        self,
        trial: Trial,
        workspace: Workspace,
        *,
        data_root: Path | None = None,
        progress: Listener | None = None,
    ) -> Record:
        if trial.seed in self.failing:
            raise TrialError("training diverged")
        self.ran.append(trial.seed)
        return record_of(digits(trial.seed))  # the seed shows in its accuracy


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs()
    monkeypatch.setattr(runners, "run_all", partial(run_all, run=made))
    return made


def run(tmp_path: Path) -> dict[str, Record]:
    workspace = Workspace(tmp_path)
    with Ledger.open(workspace.ledger_file) as ledger:
        return run_study(TwoStages(), workspace, ledger, workers=1, display=Silent())


def test_later_stages_follow_from_the_records_of_earlier_ones(tmp_path: Path, runs: Runs) -> None:
    records = run(tmp_path)
    assert runs.ran == [0, 1, 1001], "the second seed was better, and is not run twice"
    assert {record.trial.seed for record in records.values()} == {0, 1, 1001}
    assert all(name == record.name for name, record in records.items())


def test_what_the_ledger_holds_is_not_run_again(tmp_path: Path, runs: Runs) -> None:
    first = run(tmp_path)
    runs.ran.clear()
    assert run(tmp_path) == first and runs.ran == []


def test_a_study_that_was_stopped_goes_on_where_it_was(tmp_path: Path, runs: Runs) -> None:
    runs.failing = frozenset({1001})
    with pytest.raises(TrialError, match="training diverged"):
        run(tmp_path)
    assert runs.ran == [0, 1]
    runs.failing = frozenset()
    assert len(run(tmp_path)) == 3 and runs.ran == [0, 1, 1001]


def test_a_study_whose_trials_never_come_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object, **__: object) -> dict[str, Record]:
        return {}

    monkeypatch.setattr(runners, "run_all", nothing)
    with pytest.raises(SettingError, match="asks for trials that were not run"):
        run(tmp_path)


def test_known_records_of_a_study_are_found_stage_by_stage() -> None:
    one, two = FIRST
    later, stranger = (
        digits(1001),
        digits(55),
    )
    known = {trial.name: record_of(trial) for trial in (one, two, later, stranger)}
    assert recorded(TwoStages(), known).keys() == {one.name, two.name, later.name}
    some = {name: record for name, record in known.items() if name != two.name}
    assert recorded(TwoStages(), some).keys() == {one.name}, "the second stage is not known yet"
    assert recorded(TwoStages(), {}) == {}


def test_a_trial_that_is_in_two_groups_is_listed_once() -> None:
    one, two = FIRST
    assert listed({"a": [one, two], "b": [two, digits(1), one]}) == [
        one,
        two,
    ]
