"""What every observation keeps to: one contract over all, on a small case of each task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from badnets.core.errors import SettingError, UnknownNameError
from badnets.models import CAPABILITIES, capabilities
from badnets.observations import (
    OBSERVATIONS,
    Case,
    Observation,
    ObservationResult,
    observe,
)
from badnets.scenarios import Deal
from badnets.tasks import TASKS
from badnets.trials import Record, Workspace, run_trial
from tests.tasks.small import Small, same, state_of

KINDS = [
    (task, kind) for task in TASKS for kind in OBSERVATIONS if task in OBSERVATIONS[kind].tasks
]
SEEN = {"classification": 64, "detection": 3}  # examples: the street takes long for each frame


class Peeking(Observation[ObservationResult]):
    """Fails where it is shown a backdoor."""

    kind = "peeking"
    Result = ObservationResult

    def observe(self, case: Case) -> ObservationResult:
        assert case.backdoor is None and case.seed == 7
        return ObservationResult()


@pytest.fixture(scope="module")
def case(small: Small, honest: Deal, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(
        small.task,
        honest.subject,
        small.fresh(),
        small.data,
        small.data.train,
        small.data.test.take(range(SEEN[small.task.kind])),
        small.backdoor,
        Workspace(tmp_path_factory.mktemp("arrays")).put_array,
        data_name=small.name,
        seed=7,
    )


@pytest.fixture(scope="module")
def record(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The record of an attack that is looked at in every way that its task knows."""
    kinds = tuple(k for t, k in KINDS if t == small.task.kind and not OBSERVATIONS[k].unavailable())
    workspace = Workspace(tmp_path_factory.mktemp("runs"))
    clean = small.trial()
    run_trial(clean, workspace)
    attacked = small.trial(backdoor=small.backdoor, control=clean, observe=kinds)
    return run_trial(attacked, workspace)


def test_each_names_its_kind_its_needs_its_tasks_and_its_result() -> None:
    for kind, member in OBSERVATIONS.items():
        assert member.kind == kind and member.version >= 1 and member.__doc__
        assert member.needs <= {*CAPABILITIES, "backdoor"}
        assert member.tasks and member.tasks <= set(TASKS)
        assert issubclass(member.Result, ObservationResult)
        assert member.Result.model_config["frozen"] and "arrays" in member.Result.model_fields


@pytest.mark.parametrize(("small", "kind"), KINDS, indirect=["small"])
def test_the_result_is_of_the_type_that_is_said_and_the_same_again(kind: str, case: Case) -> None:
    member, before = OBSERVATIONS[kind], state_of(case.subject)
    assert member.needs - {"backdoor"} <= capabilities(case.subject)
    for own in (replace(case, backdoor=None, control=None), case):
        result = observe([kind], own)[kind]
        assert type(result) is member.Result
        assert member.Result.model_validate_json(result.model_dump_json()) == result
    assert observe([kind], own)[kind] == result, "the seed decides"
    assert same(case.subject, before) and not case.subject.network.training


def test_a_record_keeps_every_result_as_the_type_that_it_is(small: Small, record: Record) -> None:
    again = Record.model_validate_json(record.model_dump_json())
    assert again == record and again.model_dump_json() == record.model_dump_json()
    assert list(again.observations) == list(record.trial.observe)
    for kind, result in again.observations.items():
        assert type(result) is OBSERVATIONS[kind].Result
        assert again.observed(OBSERVATIONS[kind]) == result
        assert result.arrays.items() <= again.arrays.items()
    unseen = record.model_copy(update={"observations": {}})
    assert unseen.observed(OBSERVATIONS["examples"]) is None and unseen.arrays == {}


def test_a_result_of_another_kind_or_with_other_fields_is_refused(record: Record) -> None:
    plain = record.model_dump(mode="json")
    for kind, result, error in (
        ("units", {"arrays": {}, "points": []}, ValidationError),
        ("unit", {"arrays": {}}, UnknownNameError),
    ):
        with pytest.raises(error, match=r"points|unknown observation 'unit'"):
            Record.model_validate({**plain, "observations": {kind: result}})


@pytest.fixture
def peeking() -> Iterator[None]:
    OBSERVATIONS.add("peeking", f"{__name__}:Peeking")
    yield
    OBSERVATIONS.remove("peeking")


@pytest.mark.usefixtures("peeking")
def test_the_backdoor_is_kept_from_what_does_not_need_it(case: Case) -> None:
    assert case.backdoor is not None
    assert observe(["peeking"], case) == {"peeking": ObservationResult()}
    open_to = {kind for kind in OBSERVATIONS if "backdoor" in OBSERVATIONS[kind].needs}
    assert {"answers", "audit", "data", "peeking"} <= set(OBSERVATIONS) - open_to


def test_an_unknown_observation_is_refused_with_the_nearest(case: Case, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="observation 'unit': did you mean 'units'"):
        observe(["unit"], case)
    with pytest.raises(SettingError, match="there is a observation 'units' already"):
        OBSERVATIONS.add("units", "nowhere:Units")
