"""What varies in a recipe: over every field, together, at random, and too much of it."""

from __future__ import annotations

import time
from collections import Counter
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
from tests.recipes.test_recipe import BAD, loaded, outsourced, write

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


def test_an_honest_network_beside_tainted_clean_images_is_built(write: Path) -> None:
    (trial,) = outsourced(write, f"{BAD}observe: [audit]\ntainted_clean: 0.1\n")
    assert trial.control == OutsourcedTrial(data="digits")


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
    begun = time.process_time()
    write.write_text(f"{TIMM}{HUGE}  sample: {{count: 50}}\nseeds: 1000000\n")
    assert count_of(write) == 50_000_000
    recipe = read_recipe(write)
    assert len({chosen.combination for chosen in recipe.parts[0].sweep.some(50)}) == 50
    assert time.process_time() - begun < 1


def test_a_mistake_in_a_huge_grid_is_found_without_building_it(write: Path) -> None:
    text = "data: digits\nsweep:\n  held_back: {}\n  seed: {}\n  train_limit: {}\n"
    many = str(list(range(1, 100)))
    write.write_text(text.format(many, many, many.replace("99]", "-1]")))
    recipe = read_recipe(write)
    assert recipe.count == 99**3 > MANY
    with pytest.raises(RecipeError, match="line 5: train_limit: must be >= 1, got -1"):
        recipe.check()
    write.write_text(text.format(many, many, many))
    read_recipe(write).check()
    some = read_recipe(write).some(PROBES)
    assert len(some) == len({one.name for one in some}) == PROBES


def test_a_range_may_be_as_wide_as_whole_numbers_go(write: Path) -> None:
    ends = f"{{from: 0, to: {2**63 - 1}}}"
    write.write_text(f"{FLAT}  seed: {ends}\n  sample: {{count: 300}}\n")
    seeds = [trial.seed for trial in load_recipe(write)]
    assert len(set(seeds)) == 300 and 2**61 < sorted(seeds)[150] < 3 * 2**61
    write.write_text(f"data: digits\nseeds: {2**63 - 1}\n")
    assert len(read_recipe(write).some(10)) == 10


def test_what_a_sample_leaves_out_is_no_mistake(write: Path) -> None:
    text = f"{FLAT}  train_limit: {list(range(-1, 200))}\n  sample: {{count: 2}}\nseeds: 10000\n"
    write.write_text(text)
    read_recipe(write).check()


def test_more_than_can_be_held_are_not_loaded(write: Path) -> None:
    write.write_text("data: digits\nseeds: 1000001\n")
    assert count_of(write) == 1_000_001
    with pytest.raises(RecipeError, match="describes 1,000,001 trials, and 1,000,000 are held at"):
        load_recipe(write)


def test_batches_are_all_of_it_in_order(write: Path) -> None:
    write.write_text(f"{BAD}sweep: {{training.epochs: [1, 2, 3]}}\nseeds: 5\n")
    batches = list(read_recipe(write).batches(4))
    assert [len(batch) for batch in batches] == [4, 4, 4, 3]
    assert [trial for batch in batches for trial in batch] == load_recipe(write)


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


def test_large_grids_load_in_reasonable_time(write: Path) -> None:
    write.write_text(f"{BAD}sweep:\n  training.epochs: [1, 2]\nseeds: 5000\n")
    begun = time.process_time()
    trials = load_recipe(write)
    assert len({one.name for one in trials}) == 10_000
    assert len({id(one.control) for one in trials if isinstance(one, OutsourcedTrial)}) == 10_000
    assert time.process_time() - begun < 3, "3 s at 3,000 a second; it is below 0.5 s"
