"""What every task can do: one contract over `TASKS`, on a small case of each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from badnets.core.errors import SettingError, UnknownNameError
from badnets.core.rates import Rate
from badnets.core.targets import SourceSpecific
from badnets.scenarios import Deal
from badnets.tasks import TASKS, Task, task_for
from tests.tasks.small import SMALL_TASKS, Small, pictures, same, state_of


def test_every_task_has_a_small_case() -> None:
    assert tuple(SMALL_TASKS) == TASKS.names


def test_a_task_knows_its_data_and_its_words(small: Small) -> None:
    task, data = small.task, small.data
    assert isinstance(task, Task) and type(task) is TASKS[task.kind]
    assert task.training.task == task.kind == task.subject.task
    assert task.load(small.name, None).digests == data.digests
    assert task_for(data).kind == task.kind
    said = task.claims(small.quick)
    assert {"epochs", "batch_size", "lr", "weight_decay"} <= said.keys()
    assert all(isinstance(value, int | float | str) for value in said.values())
    assert "DATA" in task.validation_words("DATA") and task.noun
    assert 0 <= task.threshold(small.quick) <= 1


def test_fewer_training_examples_are_a_seeded_sample(small: Small) -> None:
    few, again, other = (small.task.limited(small.data, 4, seed) for seed in (0, 0, 1))
    assert len(few.train) == 4 and few.test is small.data.test
    assert pictures(few.train) == pictures(again.train) != pictures(other.train)
    assert set(pictures(few.train)) <= set(pictures(small.data.train))
    assert few.digests["train"] != small.data.digests["train"]
    assert small.task.limited(small.data, 1000, 0) is small.data


def test_what_is_held_back_is_not_trained_on_and_always_the_same(small: Small) -> None:
    data, task = small.data, small.task
    assert task.parts(data, 0) == (data.train, data.test)
    (train, kept), (_, again) = task.parts(data, 2), task.parts(data, 2)
    assert len(train) + len(kept) == len(data.train) and len(kept)
    assert not set(pictures(train)) & set(pictures(kept)) and pictures(kept) == pictures(again)
    assert not set(pictures(kept)) & set(pictures(data.test)), "the test set is left alone"
    rest, drawn = task.split(data.train, 4, 0)
    assert sorted(pictures(rest) + pictures(drawn)) == sorted(pictures(data.train))
    assert 1 <= len(drawn) <= 6


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_a_share_is_drawn_by_the_seed(share: float, small: Small) -> None:
    part = small.data.train
    kept, again = (small.task.share(part, share, 3) for _ in range(2))
    assert len(kept) == round(share * len(part)) and pictures(kept) == pictures(again)
    assert set(pictures(kept)) <= set(pictures(part))
    assert len(small.task.share(part, 1e-6, 3)) == 1, "never nothing"


def test_training_starts_from_weights_by_the_seed_or_from_a_network_given(small: Small) -> None:
    task, order = small.task, small.user().order
    one, again, other = (task.first(order, small.quick, None, seed) for seed in (7, 7, 8))
    assert same(one, again) and not same(one, other)
    assert same(task.first(order, small.quick, other, 7), other), "then the seed says nothing"
    with pytest.raises(SettingError, match=r"start.* must be of the architecture"):
        task.first(replace(order, network="another"), small.quick, one, 0) if (
            task.kind == "classification"
        ) else task.first(replace(order, architecture={"width": 0.2}), small.quick, one, 0)
    with pytest.raises(UnknownNameError, match=f"did you mean '{small.network}'"):
        task.first(replace(order, network=f"{small.network}f"), small.quick, None, 0)


def test_poisoning_says_its_share_and_leaves_the_clean_set_alone(small: Small) -> None:
    before = pictures(small.data.train)
    poisoned = small.task.poison(small.data.train, small.backdoor, small.quick, seed=0)
    assert poisoned.share == small.share and poisoned.skipped == 0
    assert pictures(small.data.train) == before
    beyond = replace(small.backdoor, targets=SourceSpecific(0, 2))
    with pytest.raises(SettingError, match=r"target_label must be in 0\.\.1 for 2 classes, got 2"):
        small.task.poison(small.data.train, beyond, small.quick, seed=0)


def test_training_returns_a_copy_and_keeps_what_is_frozen(small: Small) -> None:
    first, task = small.fresh(), small.task
    before, rows = state_of(first), task.rows(small.data.train)
    held = task.frozen(first, (small.early.rstrip("."),), fresh=False)
    fits = [
        task.fit(first, rows, small.quick, seed=seed, frozen=frozen)
        for seed, frozen in ((1, ()), (1, ()), (2, ()), (1, held))
    ]
    free, again, other, kept = (fitted.subject for fitted in fits)
    assert same(first, before), "the network handed in was changed"
    assert same(free, again) and not same(free, other)
    assert same(kept, before, small.early) and not same(kept, before, small.late)
    assert not same(free, before, small.early)
    assert len(fits[0].epochs) == small.quick.epochs and fits[0].precision == "float32"


def test_measures_are_counts_over_what_they_are_about(small: Small, honest: Deal) -> None:
    task, test = small.task, small.data.test
    subject, before = honest.subject, state_of(honest.subject)
    clean = task.measure(subject, test, threshold=0.3)
    assert clean.clean.accuracy == honest.clean_accuracy
    attacked = task.measure_attack(subject, test, small.backdoor, clean, control=subject)
    attack = attacked.attack
    assert attack is not None and attack.success.total == small.attacked
    assert attack.success == attack.control, "the control is asked about the same examples"
    alone = task.measure_attack(subject, test, small.backdoor, clean).attack
    assert alone is not None and alone.control is None
    assert same(subject, before) and not subject.network.training
    again = task.measure(subject, test, threshold=0.3)
    assert (again.clean, again.objects) == (clean.clean, clean.objects)


def test_other_classes_get_fresh_outputs_and_the_same_ones_keep_theirs(small: Small) -> None:
    downloaded, others = small.fresh(seed=1), small.others.train
    before = state_of(downloaded)
    made = [small.task.retrainable(downloaded, others, small.quick, seed=s) for s in (2, 2, 3)]
    assert all(one.classes == others.classes and same(one, before, small.early) for one in made)
    assert same(made[0], made[1]) and not same(made[0], made[2], small.late)
    assert not same(made[0], before, small.late) and same(downloaded, before)
    kept = small.task.retrainable(downloaded, small.data.train, small.quick, seed=2)
    assert same(kept, before) and kept.network is not downloaded.network


def test_what_is_left_of_a_backdoor_is_measured_with_its_trigger(small: Small) -> None:
    subject, test = small.fresh(), small.data.test
    clean = small.task.measure(subject, test, threshold=0.3)
    left = small.task.measure_survival(
        subject,
        test,
        small.backdoor,
        clean,
        downloaded=subject,
        retrained_on=10,
        trained=Rate(1, 2),
    )
    if small.task.kind == "classification":
        assert left.survival is not None and left.survival.triggered.total == len(test)
        assert (left.survival.images, left.survival.trained) == (10, Rate(1, 2))
    else:
        assert left.objects is not None and left.attack is None and left.survival is None
        assert len(left.objects.labels) == 12, "the trigger is on every object"


def test_freezing_names_whole_tensors_and_leaves_something_to_train(small: Small) -> None:
    task, first = small.task, small.fresh()
    names = first.network.state_dict().keys()
    assert task.frozen(first, "none", fresh=True) == frozenset()
    usual = task.frozen(first, task.freeze, fresh=True)
    assert usual == {name for name in names if name.startswith(small.early)}
    assert usual == task.frozen(first, (small.early.rstrip("."),), fresh=True)
    layers = {name.partition(".")[0] for name in names}
    for freeze, fresh, error, said in (
        (("cnov",), False, UnknownNameError, "unknown layer 'cnov'"),
        ("half", False, SettingError, "freeze must be .*none.*got 'half'"),
        ((small.late.rstrip("."),), True, SettingError, "freeze holds the head .*leave it out"),
        (tuple(layers), False, SettingError, "freeze holds all layers"),
    ):
        with pytest.raises(error, match=said):
            task.frozen(first, freeze, fresh=fresh)
