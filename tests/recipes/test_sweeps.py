"""What varies in a recipe: over every field, together, at random, and too much of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from badnets.core.errors import RecipeError
from badnets.recipes import count_of, load_recipe, read_recipe, trial_from
from badnets.recipes.recipe import MANY, PROBES
from badnets.recipes.sweeps import Axis, Range, Sample, Sweep, _shuffled
from badnets.recipes.yaml_lines import Lines, parse_yaml
from badnets.trials import OutsourcedTrial, RepairedTrial, Trial
from badnets.trials.trial import TRIAL
from tests.recipes.test_recipe import BAD, loaded, outsourced, refused, write

__all__ = ["write"]  # the fixture

FLAT = "data: digits\nsweep:\n"
HUGE = "".join(f"  architecture.a{n}: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n" for n in range(30))
TIMM = "data: digits\nnetwork: timm.resnet18\nsweep:\n"


def values(trials: list[Trial], *fields: str) -> list[tuple[Any, ...]]:
    """Return some fields of each trial."""

    def value(held: Any, field: str) -> Any:
        for name in field.split("."):
            held = getattr(held, name)
        return held

    return [tuple(value(one, field) for field in fields) for one in trials]


@pytest.mark.parametrize(
    ("text", "fields", "expected"),
    [
        ("data: [digits, mnist]", ["data"], ["digits", "mnist"]),
        ("network: [gu-mnist, small-resnet]", ["network"], ["gu-mnist", "small-resnet"]),
        ("backdoor.trigger.size: [2, 3]", ["backdoor.trigger.size"], [2, 3]),
        ("backdoor.targets: [all-to-all, all-to-one:1]", ["backdoor.targets.kind"], None),
        ("training.lr: [0.1, 0.2]", ["training.lr"], [0.1, 0.2]),
        ("observe: [[audit], [audit, units]]", ["observe"], [("audit",), ("audit", "units")]),
        ("resist: [null, audit-and-retrain]", ["resist"], None),
        ("resist.trusted: [0.1, 0.2]", ["resist.trusted"], [0.1, 0.2]),
        ("start.seed: [4, 5]", ["start.seed"], [4, 5]),
        ("start.training.epochs: [4, 5]", ["start.training.epochs"], [4, 5]),
        ("target_accuracy: [0.5, 0.6]", ["target_accuracy"], [0.5, 0.6]),
    ],
)
def test_every_field_of_a_training_varies(
    write: Path, text: str, fields: list[str], expected: list[Any] | None
) -> None:
    start = "start: clean\n" if text.startswith("start") else ""
    resist = "resist: audit-and-retrain:0.3\n" if text.startswith("resist.") else ""
    trials = loaded(write, f"{BAD}{start}{resist}sweep:\n  {text}\n")
    assert len(trials) == len({one.name for one in trials}) == 2
    found = values(trials, *fields)
    assert len(set(map(repr, found))) == 2
    assert expected is None or found == [(value,) for value in expected]


def test_every_field_of_a_repair_and_of_its_start_varies(write: Path) -> None:
    text = (
        "kind: repaired\nmethod: 'fine-tuning:3'\n"
        "start: {data: digits, backdoor: {trigger: patch, targets: 'all-to-one:7'}}\n"
        "sweep:\n  share: [0.5, 1]\n  audit: [false, true]\n  start.backdoor.trigger.size: [2, 3]\n"
        "  method: [auto, fine-pruning]\nseeds: 2\n"
    )
    trials = loaded(write, text)
    assert len(trials) == 32 - 8, "of `auto` it says nothing whether an audit looks too"
    assert all(isinstance(one, RepairedTrial) and one.control for one in trials)
    assert {getattr(one.start, "seed", None) for one in trials if one.kind == "repaired"} == {0, 1}
    inside = text.replace("  method: [auto, fine-pruning]\n", "  method.epochs: [1, 2]\n")
    found = Counter(values(loaded(write, inside), "method.epochs"))
    assert found == {(1,): 16, (2,): 16}


def test_what_is_zipped_varies_together_and_by_product_with_the_rest(write: Path) -> None:
    text = f"""{FLAT}  training.lr: [0.1, 0.2]
  zip:
    training.epochs: [1, 2, 3]
    target_accuracy: [0.7, 0.8, 0.9]
seeds: [5, 6]
"""
    found = values(loaded(write, text), "training.lr", "training.epochs", "target_accuracy", "seed")
    pairs = [(1, 0.7), (2, 0.8), (3, 0.9)]
    assert found == [(lr, *pair, seed) for lr in (0.1, 0.2) for pair in pairs for seed in (5, 6)]
    several = (
        f"{FLAT}  zip:\n  - {{training.epochs: [1, 2], training.lr: [0.1, 0.2]}}\n"
        "  - {data: [digits, mnist], train_limit: [50, 60]}\n"
    )
    found = values(loaded(write, several), "training.epochs", "training.lr", "data", "train_limit")
    data = [("digits", 50), ("mnist", 60)]
    assert found == [(*one, *two) for one in ((1, 0.1), (2, 0.2)) for two in data]


def test_seeds_can_be_counted(write: Path) -> None:
    assert [one.seed for one in loaded(write, "data: digits\nseeds: 3")] == [0, 1, 2]
    assert loaded(write, "data: digits\nseeds: 1") == [OutsourcedTrial(data="digits")]


def test_a_field_inside_another_that_varies_is_set_in_each(write: Path) -> None:
    text = (
        f"{BAD}sweep:\n  backdoor.trigger.opacity: [0.5, 1]\n"
        "  backdoor.trigger: [patch:2, patch:3]\n"
    )
    found = values(loaded(write, text), "backdoor.trigger.opacity", "backdoor.trigger.size")
    assert found == [(0.5, 2), (0.5, 3), (1, 2), (1, 3)]


SAMPLED = f"""{FLAT}  training.epochs: [1, 2, 3, 4, 5]
  training.batch_size: [16, 32, 64]
  sample: {{count: 6, seed: 3}}
"""


def test_a_sample_takes_each_combination_at_most_once(write: Path) -> None:
    found = values(loaded(write, SAMPLED), "training.epochs", "training.batch_size")
    assert len(found) == len(set(found)) == 6 and count_of(write) == 6
    assert found == [(3, 32), (5, 64), (1, 32), (2, 16), (4, 16), (3, 16)], "on every machine"
    assert values(loaded(write, SAMPLED), "training.epochs", "training.batch_size") == found
    more = values(
        loaded(write, SAMPLED.replace("count: 6", "count: 15")),
        "training.epochs",
        "training.batch_size",
    )
    assert more[:6] == found, "a larger sample keeps the smaller one"
    assert sorted(more) == [(epochs, size) for epochs in range(1, 6) for size in (16, 32, 64)]
    other = loaded(write, SAMPLED.replace("seed: 3", "seed: 4"))
    assert set(values(other, "training.epochs", "training.batch_size")) != set(found)


def test_seeds_are_outside_of_the_sample(write: Path) -> None:
    trials = loaded(write, f"{SAMPLED}seeds: [7, 8]\n")
    assert len(trials) == count_of(write) == 12
    assert len(set(values(trials, "training.epochs", "training.batch_size"))) == 6
    assert Counter(one.seed for one in trials) == {7: 6, 8: 6}


def test_a_range_is_drawn_from(write: Path) -> None:
    text = f"""{FLAT}  evaluate_on: [test, held-back]
  training.lr: {{from: 0.001, to: 0.1, scale: log}}
  training.weight_decay: {{from: 0, to: 0.5}}
  training.epochs: {{from: 1, to: 3}}
  training.batch_size: {{from: 8, to: 512, scale: log}}
  sample: {{count: 60}}
"""
    trials = loaded(write, text)
    found = outsourced(write, text)
    lr = sorted(one.training.lr for one in found)
    assert 0.001 <= lr[0] < 0.002 and 0.05 < lr[-1] <= 0.1
    assert 20 <= sum(one < 0.01 for one in lr) <= 40, "each factor of ten as often"
    decay = [one.training.weight_decay for one in found]
    assert 20 <= sum(one < 0.25 for one in decay) <= 40
    assert Counter(one.training.epochs for one in found) == dict.fromkeys((1, 2, 3), 20)
    assert Counter(one.evaluate_on for one in found) == {"test": 30, "held-back": 30}
    sizes = [one.training.batch_size for one in found]
    assert all(isinstance(one, int) and 8 <= one <= 512 for one in sizes)
    assert 20 <= sum(one < 64 for one in sizes) <= 40
    assert len(trials) == 60 and all(float(f"{one:.6g}") == one for one in lr)


@given(
    low=st.integers(1, 50), size=st.integers(1, 50), log=st.booleans(), share=st.floats(0, 0.999)
)
def test_what_is_drawn_lies_within(low: int, size: int, log: bool, share: float) -> None:
    whole = Range(("x",), ("x",), low, low + size, log).at(share).value
    assert isinstance(whole, int) and low <= whole <= low + size
    broken = Range(("x",), ("x",), low / 7, low / 7 + size / 7, log).at(share).value
    assert low / 7 <= broken <= low / 7 + size / 7


@given(total=st.integers(1, 60), purpose=st.text(max_size=5))
def test_a_shuffle_has_everything_once(total: int, purpose: str) -> None:
    assert sorted(_shuffled(total, purpose)) == list(range(total))


def test_a_shuffle_favours_nothing() -> None:
    firsts = Counter(next(_shuffled(5, str(number))) for number in range(2_000))
    assert all(330 < count < 470 for count in firsts.values()), firsts


def sweep(*lengths: int, sample: Sample | None = None) -> Sweep:
    axes = tuple(Axis(((str(n),),), (range(of),), ((str(n),),)) for n, of in enumerate(lengths))
    return Sweep(axes, (), sample, Axis((), (), ()), Lines("x"), ())


@settings(max_examples=30)
@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4), most=st.integers(1, 700))
def test_some_are_among_all_and_probes_hold_every_value(lengths: list[int], most: int) -> None:
    whole = sweep(*lengths)
    every = [tuple(one.value for one in chosen.combination) for chosen in whole]
    assert len(every) == whole.count
    some = [tuple(one.value for one in chosen.combination) for chosen in whole.some(most)]
    assert len(set(some)) == len(some) == min(most, whole.count) and set(some) <= set(every)
    probes = [tuple(one.value for one in chosen.combination) for chosen in whole.probes(100)]
    assert set(probes) <= set(every)
    for place, length in enumerate(lengths):
        assert {one[place] for one in probes} == set(range(length))


def test_more_combinations_than_there_are_atoms_cost_nothing(write: Path) -> None:
    write.write_text(TIMM + HUGE)
    begun = time.process_time()
    assert count_of(write) == 10**30
    write.write_text(f"{TIMM}{HUGE}  sample: {{count: 50}}\nseeds: 1000000\n")
    assert count_of(write) == 50_000_000
    recipe = read_recipe(write)
    assert len({chosen.combination for chosen in recipe.parts[0].sweep.some(50)}) == 50
    assert time.process_time() - begun < 1


def test_a_mistake_in_a_huge_grid_is_found_without_building_it(write: Path) -> None:
    text = "data: digits\nsweep:\n  held_back: {}\n  seed: {}\n  train_limit: {}\n"
    many = str(list(range(1, 300)))
    write.write_text(text.format(many, many, many.replace("299]", "-1]")))
    recipe = read_recipe(write)
    assert recipe.count == 299**3 > MANY
    with pytest.raises(RecipeError, match="line 5: train_limit: must be >= 1, got -1"):
        recipe.check()
    write.write_text(text.format(many, many, many))
    read_recipe(write).check()
    some = read_recipe(write).some(PROBES)
    assert len(some) == len({one.name for one in some}) == PROBES


@pytest.mark.parametrize(
    "text",
    [
        BAD,
        f"{BAD}start: clean\n",
        f"{BAD}start: {{seed: 9, training: {{epochs: 3}}}}\n",
        f"{BAD}control: false\nobserve: [units]\n",
        "data: mnist\n",
        f"kind: transfer\ndata: digits\nstart: {{{BAD.splitlines()[0]}, backdoor: {{trigger: "
        "patch, targets: 'all-to-one:1'}}\n",
        "kind: repaired\nstart: {seed: 3, data: digits, backdoor: {trigger: patch, targets: "
        "'all-to-one:1'}}\n",
        "data: scenes\nbackdoor: {trigger: yellow-square, targets: 'source-specific:0,1', "
        "poisoning_rate: every}\ntraining: {trigger: {poisoned_copies: 2}}\n",
    ],
)
def test_each_trial_of_a_grid_is_as_if_built_alone(write: Path, text: str) -> None:
    grid = f"{text}sweep: {{target_accuracy: [0.5, 0.6]}}\nseeds: [3, 0, 5, 4]\n"
    found = loaded(write, grid)
    plain, lines = parse_yaml(text, "alone")
    for accuracy in (0.5, 0.6):
        for seed in (3, 0, 5, 4):
            alone = trial_from({**plain, "target_accuracy": accuracy, "seed": seed}, lines)
            built = found.pop(0)
            assert built == alone and built.name == alone.name
            assert TRIAL.validate_json(built.model_dump_json()).name == alone.name
            assert [one.name for one in built.requires()] == [one.name for one in alone.requires()]
    assert not found


def test_seeds_that_are_none_are_refused_wherever_they_stand(write: Path) -> None:
    for seeds, said in (
        ("[0, 1, 2, -3]", "line 2: seed: must be >= 0, got -3"),
        ("[0, 1, 2, x]", "seed: must be a whole number, got 'x'"),
        ("[0, 1, 2, 3.5]", "seed: must be a whole number, got 3.5"),
    ):
        told = refused(write, f"data: digits\nseeds: {seeds}\n")
        assert said in told, told


@pytest.mark.parametrize(
    ("swept", "said"),
    [
        ("backdoor.poisonig_rate: [0.1]", "line 3: sweep.backdoor.poisonig_rate: unknown field"),
        ("backdoor.poisonig_rate: [0.1]", "did you mean 'poisoning_rate'?"),
        ("poisoning_rate: [0.1]", "did you mean 'backdoor.poisoning_rate'?"),
        ("trainig.lr: [0.1]", "line 3: sweep.trainig.lr: unknown field 'trainig.lr': did you"),
        ("training.windows.sides: [64]", "training.windows: unknown field 'windows'"),
        ("start.training.epoch: [2]", "line 3: start.training.epoch: unknown field 'epoch'"),
        ("training.lr: []", "line 3: sweep.training.lr: expected a list of values, at least one"),
        ("training.lr: 0.1", "line 3: sweep.training.lr: expected a list of values, at least one"),
        ("zip: 3", "line 3: sweep.zip: expected a mapping of fields to lists of equal length"),
        ("zip: []", "line 3: sweep.zip: expected a mapping"),
        ("zip: {}", "line 3: sweep.zip: expected a mapping"),
        ("zip: [{seed: [1]}, 4]", "line 3: sweep.zip[1]: expected a mapping of fields to lists"),
        ("zip: {seed: [1], sed: [2]}", "line 3: sweep.zip.sed: unknown field 'sed'"),
        ("zip: {seed: []}", "sweep.zip.seed: expected a list of values, at least one"),
        (
            "zip: {seed: [1, 2], training.lr: [0.1]}",
            "line 3: sweep.zip.training.lr: 1 values, but seed has 2: what varies together has",
        ),
        (
            "zip: {seed: [1], training.lr: {from: 1, to: 2}}",
            "sweep.zip.training.lr: a range varies on its own: put it beside `zip`",
        ),
        (
            "seed: [1]\n  zip: {seed: [2]}",
            "line 4: sweep.zip.seed: seed is swept twice, first in line 3: keep one",
        ),
        ("seed: [1]\nseeds: [2]", "line 4: seeds: seed is swept twice, first in line 3: keep one"),
        ("seed: [1]\nseeds: 0", "line 4: seeds: seed is swept twice"),
        ("held_back: [1]\nseeds: 0", "line 4: seeds: must be >= 1 (so many seeds, from 0 on)"),
        ("held_back: [1]\nseeds: true", "line 4: seeds: expected a list of values"),
        ("training.lr: {from: 0.1, to: 1}", "line 3: sweep.training.lr: a range is drawn from: gi"),
        (
            "sample: {count: 1}\n  training.lr: {to: 1}",
            "line 4: sweep.training.lr: from is missing",
        ),
        (
            "sample: {count: 1}\n  training.lr: {from: 1, to: x}",
            "line 4: sweep.training.lr.to: must be a number, got 'x'",
        ),
        (
            "sample: {count: 1}\n  training.lr: {from: 1, to: 1}",
            "line 4: sweep.training.lr.to: must be above from (1), got 1",
        ),
        (
            "sample: {count: 1}\n  training.lr: {from: 0, to: 1, scale: log}",
            "line 4: sweep.training.lr.from: must be > 0 where scale is log, got 0",
        ),
        (
            "sample: {count: 1}\n  training.lr: {from: 1, to: 2, scale: cubic}",
            "line 4: sweep.training.lr.scale: must be 'linear' or 'log', got 'cubic'",
        ),
        (
            "sample: {count: 1}\n  training.lr: {from: 1, to: 2, step: 1}",
            "line 4: sweep.training.lr.step: unknown field 'step'",
        ),
        (
            "sample: {count: 1}\n  training.lr: {from: -2.0, to: -1.0}",
            "line 4: training.lr: must be > 0, got -",
        ),
        ("sample: 5", "line 3: sweep.sample: expected a mapping (count, seed), got 5"),
        ("sample: {}", "line 3: sweep.sample: count is missing"),
        ("sample: {cuont: 5}", "line 3: sweep.sample.cuont: unknown field 'cuont'"),
        ("sample: {count: 0}", "line 3: sweep.sample.count: must be a whole number >= 1, got 0"),
        ("sample: {count: 1.5}", "sweep.sample.count: must be a whole number >= 1, got 1.5"),
        ("sample: {count: 1, seed: -1}", "sweep.sample.seed: must be a whole number >= 0, got -1"),
        (
            "seed: [1, 2]\n  sample: {count: 3}",
            "line 4: sweep.sample.count: there are 2 combinations, so a sample has at most as many",
        ),
        (
            "target_accuracy: {from: 0.5, to: 0.5000009}\n  sample: {count: 40}",
            "line 4: sweep.sample.count: after 2 different combinations 1,000 draws in a row gave",
        ),
    ],
)
def test_a_sweep_that_cannot_be_is_told(write: Path, swept: str, said: str) -> None:
    told = refused(write, f"{FLAT}  {swept}\n")
    assert said in told and "\n" not in told, told


def test_a_field_that_is_unknown_deep_inside_is_told_with_its_line(write: Path) -> None:
    told = refused(write, f"{BAD}sweep:\n  backdoor.trigger.sise: [2]\n")
    assert told.startswith("line 6: backdoor.trigger.sise: unknown field 'sise'")
    told = refused(write, f"{BAD}sweep: {{seed.x.y: [2]}}\nseed: 3\n")
    assert "line 5: seed.x.y: seed is not a mapping, so nothing in it can vary" in told


def test_a_kind_that_is_unknown_is_told_where_it_is_to_hold_what_varies(write: Path) -> None:
    text = BAD.replace("patch", "pach:2") + "sweep:\n  backdoor.trigger.opacity: [0.5]\n"
    told = refused(write, text)
    assert told.startswith("line 6: backdoor.trigger.opacity: unknown trigger 'pach': did you mean")


def test_a_grid_that_is_wrong_throughout_is_told_at_once(write: Path) -> None:
    many = str(list(range(300)))
    begun = time.process_time()
    told = refused(write, f"{FLAT}  seed: {many}\n  training.epoch: [1, 2]\n")
    assert "line 4: sweep.training.epoch" in told
    told = refused(write, f"{FLAT}  seed: {many}\n  target_accuracy: {many.replace('[0, 1,', '[')}")
    assert "target_accuracy: must be <= 1, got" in told
    assert time.process_time() - begun < 3


def built_in(path: Path, build: Callable[[], object]) -> float:
    begun = time.process_time()
    build()
    return time.process_time() - begun


def test_large_grids_load_in_reasonable_time(write: Path) -> None:
    write.write_text(f"{BAD}sweep:\n  training.epochs: [1, 2]\nseeds: 5000\n")
    begun = time.process_time()
    trials = load_recipe(write)
    assert len({one.name for one in trials}) == 10_000
    assert len({id(one.control) for one in trials if isinstance(one, OutsourcedTrial)}) == 10_000
    assert time.process_time() - begun < 3, "3 s at 3,000 a second; it is below 0.5 s"
