"""Plans: what is needed comes first, equal trials once, what is held not at all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from badnets.runners import Step, plan
from badnets.trials.trial import OutsourcedTrial, Trial
from tests.ledger.samples import BACKDOOR, attacked_trial, clean_trial


def names(steps: list[Step]) -> list[str]:
    return [step.name for step in steps]


def nowhere(_: Trial) -> bool:
    return False


def everywhere(_: Trial) -> bool:
    return True


BASE = clean_trial(0)
FIRST, SECOND = attacked_trial(1, control=BASE), attacked_trial(2, control=BASE)


def test_what_is_required_comes_first_and_once() -> None:
    steps = plan([FIRST, SECOND, FIRST, BASE], set(), nowhere)
    assert names(steps) == [BASE.name, FIRST.name, SECOND.name]
    assert [step.needs for step in steps] == [set(), {BASE.name}, {BASE.name}]
    assert not any(step.remake for step in steps)


def test_what_is_held_is_not_run_again() -> None:
    assert plan([FIRST, BASE], {FIRST.name, BASE.name}, nowhere) == []
    steps = plan([FIRST, SECOND], {FIRST.name, BASE.name}, everywhere)
    assert steps == [Step(SECOND, frozenset())]


def test_a_bundle_that_is_needed_and_missing_is_made_again() -> None:
    steps = plan([BASE, FIRST], {BASE.name}, nowhere)
    assert steps == [
        Step(BASE, frozenset(), remake=True),
        Step(FIRST, frozenset({BASE.name})),
    ]


def test_a_store_is_asked_once_about_a_bundle_that_many_need() -> None:
    asked: list[Trial] = []

    def stored(trial: Trial) -> bool:
        asked.append(trial)
        return True

    attacks = [attacked_trial(seed, control=BASE) for seed in range(1, 20)]
    assert len(plan(attacks, {BASE.name}, stored)) == 19 and asked == [BASE]


def test_requirements_of_requirements() -> None:
    first = clean_trial(0)
    second = OutsourcedTrial(data="digits", start=first, seed=1)
    third = OutsourcedTrial(data="digits", start=second, control=first, backdoor=BACKDOOR, seed=2)
    assert names(plan([third], set(), nowhere)) == [first.name, second.name, third.name]
    steps = plan([third], {first.name, second.name}, lambda trial: trial == first)
    assert names(steps) == [second.name, third.name]
    assert [step.needs for step in steps] == [set(), {second.name}]


@st.composite
def families(draw: st.DrawFn) -> list[OutsourcedTrial]:
    trials: list[OutsourcedTrial] = []
    for seed in range(draw(st.integers(1, 7))):
        other = st.none() | st.sampled_from(trials) if trials else st.none()
        trials.append(
            OutsourcedTrial(data="digits", start=draw(other), control=draw(other), seed=seed)
        )
    return trials


@given(data=st.data(), trials=families())
def test_any_plan_is_complete_and_in_order(
    data: st.DataObject, trials: list[OutsourcedTrial]
) -> None:
    some = st.lists(st.sampled_from(trials))
    wanted = data.draw(st.permutations(trials))[: data.draw(st.integers(1, len(trials)))]
    held = {trial.name for trial in data.draw(some)}
    bundles = {trial.name for trial in data.draw(some)}
    steps = plan(wanted, held, lambda trial: trial.name in bundles)
    assert len(set(names(steps))) == len(steps)
    assert {trial.name for trial in wanted} <= held | set(names(steps))
    before: set[str] = set()
    needed = {other.name for step in steps for other in step.trial.requires()}
    for step in steps:
        assert step.needs <= before
        assert step.remake == (step.name in held)
        for other in step.trial.requires():
            assert other.name in before or {other.name} <= held & bundles
        if step.name not in {trial.name for trial in wanted if trial.name not in held}:
            assert step.name in needed
        before.add(step.name)
