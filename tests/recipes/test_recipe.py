"""Recipes: what they describe, grids of it, and each mistake with its field and line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.errors import RecipeError
from badnets.core.placements import Fixed
from badnets.core.targets import AllToAll, AllToOne, SourceSpecific
from badnets.core.triggers import Patch, PixelPattern
from badnets.recipes import load_recipe
from badnets.scenarios import Search
from badnets.trials import OutsourcedTrial, Trial
from tests.data.photos import split

RECIPES = Path(__file__).parents[2] / "recipes"
BAD = "data: digits\nbackdoor:\n  trigger: patch\n  targets: all-to-one:7\n"


@pytest.fixture
def write(tmp_path: Path) -> Path:
    return tmp_path / "recipe.yaml"


def loaded(path: Path, text: str) -> list[Trial]:
    path.write_text(text, encoding="utf-8")
    return load_recipe(path)


def outsourced(path: Path, text: str) -> list[OutsourcedTrial]:
    trials = loaded(path, text)
    kept = [trial for trial in trials if isinstance(trial, OutsourcedTrial)]
    assert len(kept) == len(trials)
    return kept


def refused(path: Path, text: str) -> str:
    with pytest.raises(RecipeError) as error:
        loaded(path, text)
    return str(error.value).removeprefix(f"{path}, ")


def digits(**fields: Any) -> OutsourcedTrial:
    return OutsourcedTrial(data="digits", **fields)


def test_a_recipe_is_a_trial_with_its_control(write: Path) -> None:
    text = """
data: digits
network: gu-mnist
backdoor:
  trigger: {kind: patch, size: [2, 3], placement: {kind: fixed, corner: top-left}}
  targets: {kind: source-specific, source_class: 1, target_label: 7}
  poisoning_rate: every
  mode: add
training: {epochs: 2, lr: 4e-3, optimizer: sgd}
search: {rates: [0.1, every], target_success: 0.9, held_back: 100}
target_accuracy: 0.95
evaluate_on: held-back
held_back: 200
train_limit: 900
observe: [examples, units]
seed: 3
"""
    honest = digits(
        training={"epochs": 2, "lr": 0.004, "optimizer": "sgd"},
        target_accuracy=0.95,
        evaluate_on="held-back",
        held_back=200,
        train_limit=900,
        seed=3,
    )
    trigger = Patch(size=(2, 3), placement=Fixed(corner="top-left"))
    expected = honest.model_copy(
        update={
            "backdoor": Backdoor(trigger, SourceSpecific(1, 7), poisoning_rate="every"),
            "search": Search(rates=(0.1, "every"), target_success=0.9, held_back=100),
            "observe": ("examples", "units"),
            "control": honest,
        }
    )
    (trial,) = loaded(write, text)
    assert trial == expected
    assert trial.name == expected.name


def test_defaults_are_those_of_a_trial(write: Path) -> None:
    assert loaded(write, "data: digits") == [OutsourcedTrial(data="digits")]


def test_kinds_can_be_written_alone_or_with_their_first_settings(write: Path) -> None:
    text = "data: digits\nbackdoor: {trigger: 'patch:4', targets: 'source-specific: 1, 7'}"
    (trial,) = outsourced(write, text)
    assert trial.backdoor == Backdoor(Patch(4), SourceSpecific(1, 7))
    text = "data: digits\nbackdoor: {trigger: patch:0.2, targets: all-to-all}"
    (trial,) = outsourced(write, text)
    assert trial.backdoor == Backdoor(Patch(0.2), AllToAll())


def test_control_can_be_left_out(write: Path) -> None:
    assert outsourced(write, BAD)[0].control == OutsourcedTrial(data="digits")
    assert outsourced(write, BAD + "control: false")[0].control is None


def test_start_is_the_honest_network_of_the_same_or_of_other_settings(write: Path) -> None:
    (trial,) = outsourced(write, BAD + "training: {epochs: 1}\nstart: clean")
    assert trial.start == trial.control == digits(training={"epochs": 1})
    (trial,) = outsourced(
        write, BAD + "training: {epochs: 1}\nstart: {training: {epochs: 5}, seed: 9}"
    )
    assert trial.start == digits(training={"epochs": 5}, seed=9)
    assert trial.control == trial.start, "the clean network answers the triggered images"


def test_seeds_and_sweeps_make_a_grid_in_order(write: Path) -> None:
    text = (
        BAD
        + """
sweep:
  backdoor.poisoning_rate: [0.1, 0.2]
  backdoor.trigger.size: [2, 3]
  training.epochs: [1]
seeds: [5, 6]
"""
    )
    trials = outsourced(write, text)
    found = []
    for trial in trials:
        assert trial.backdoor is not None
        assert isinstance(trial.backdoor.trigger, Patch)
        found.append((trial.backdoor.poisoning_rate, trial.backdoor.trigger.size, trial.seed))
    assert found == [
        (rate, size, seed) for rate in (0.1, 0.2) for size in (2, 3) for seed in (5, 6)
    ]
    assert {trial.training.epochs for trial in trials} == {1}
    assert {trial.control.seed for trial in trials if trial.control} == {5, 6}


def test_a_sweep_inside_a_shorthand_keeps_the_rest_of_it(write: Path) -> None:
    text = "data: digits\nbackdoor: {trigger: 'patch:2', targets: 'all-to-one:7'}\nsweep:\n  "
    swept = outsourced(write, text + "backdoor.trigger.opacity: [0.5, 1]")
    triggers = [trial.backdoor.trigger for trial in swept if trial.backdoor]
    assert triggers == [Patch(2, opacity=0.5), Patch(2)]


def test_a_sweep_over_whole_triggers(write: Path) -> None:
    text = BAD + "sweep:\n  backdoor.trigger: [pixel-pattern, {kind: patch, size: 2}]"
    triggers = [trial.backdoor.trigger for trial in outsourced(write, text) if trial.backdoor]
    assert triggers == [PixelPattern.gu(), Patch(2)]


@pytest.mark.parametrize("form", ["- {a}\n- {b}", "trials:\n- {a}\n- {b}\n- {a}"])
def test_a_list_of_recipes_holds_each_trial_once(write: Path, form: str) -> None:
    text = form.format(a="{data: digits, seed: 1}", b="{data: digits, seeds: [1, 2]}")
    assert [trial.seed for trial in loaded(write, text)] == [1, 2]


EVERY_RECIPE = pytest.mark.parametrize(
    "path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem
)


@EVERY_RECIPE
def test_the_recipes_that_come_with_us_are_valid(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    split(tmp_path / "pictures", {"cat": 3, "dog": 3})  # what folder:pictures means here
    trials = load_recipe(path)
    assert trials
    assert all(trial.control for trial in trials if trial.implanted is not None)


@EVERY_RECIPE
def test_a_recipe_opens_with_what_it_shows_and_its_command(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    opening = text[: re.search(r"^[^#]", text, re.MULTILINE).start()]  # type: ignore[union-attr]
    assert opening.startswith("# yaml-language-server: $schema=schema.json\n# ")
    assert re.search(rf"^#   badnets .*(run|calibrate) recipes/{path.name}", opening, re.MULTILINE)


def test_the_usual_attacks_are_there_for_the_usual_data() -> None:
    kinds = {"patch", "blended", "sinusoid", "warp"}
    maps = {"all-to-one", "all-to-all", "clean-label"}
    for data in ("digits", "mnist", "gtsrb", "dogs-vs-cats"):
        backdoors = [one.implanted for one in load_recipe(RECIPES / f"{data}-attacks.yaml")]
        assert {one.trigger.kind for one in backdoors if one} == kinds
        assert {one.targets.kind for one in backdoors if one} == maps


def test_the_recipes_in_the_documents_are_valid(write: Path) -> None:
    page = (RECIPES.parent / "docs" / "reproduce.md").read_text(encoding="utf-8")
    first, strength, search = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    trials = outsourced(write, first)
    assert len(trials) == 9
    assert [trial.seed for trial in trials[:3]] == [0, 1, 2]
    assert trials[0].backdoor == Backdoor(Patch(0.1), AllToOne(7))
    assert outsourced(write, strength) == load_recipe(RECIPES / "digits-strength.yaml")
    assert len(outsourced(write, search)) == 80


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dta: digits", "line 1: dta: unknown field 'dta': did you mean 'data'?"),
        ("data: digit", "line 1: data: unknown data set 'digit': did you mean 'digits'?"),
        ("data: digits\nnetwork: gu-mnst", "line 2: network: unknown network 'gu-mnst': did you"),
        ("data: digits\nnetwork: torchvision.resnet19", "line 2: network: unknown torchvision"),
        ("data: digits\n\ntraining:\n  epoch: 2", "line 4: training.epoch: unknown field 'epoch'"),
        ("data: digits\ntraining: {epochs: 0}", "line 2: training.epochs: must be >= 1, got 0"),
        (
            "data: digits\ntraining: {epochs: 1.5}",
            "line 2: training.epochs: must be a whole number, got 1.5",
        ),
        (
            "data: digits\ntraining: {epochs: yes}",
            "training.epochs: must not be true or false, got true",
        ),
        ("data: digits\ntraining: {lr: fast}", "training.lr: must be a number, got 'fast'"),
        ("data: digits\ntraining: {optimizer: adam}", "must be 'adamw' or 'sgd', got 'adam'"),
        ("data: digits\ntraining: 4", "line 2: training: must be a mapping, got 4"),
        ("data: digits\nseed: -1", "line 2: seed: must be >= 0, got -1"),
        ("data: digits\ntarget_accuracy: 99", "target_accuracy: must be <= 1, got 99"),
        ("data: digits\nobserve: units", "line 2: observe: must be a list, got 'units'"),
        ("data: digits\nobserve:\n- unit", "line 2: observe: unknown observation 'unit': did you"),
        ("data: digits\nsearch: {}", "line 2: search: search belongs to a malicious trainer"),
        ("data: digits\nseed: 1\nseeds: [2]", "line 3: seeds: give seed or seeds, not both"),
        ("data: digits\nseeds: three", "line 2: seeds: expected a list"),
        ("data: digits\nseeds: []", "line 2: seeds: expected a list of values, at least one"),
        ("data: digits\nsweep: [1]", "line 2: sweep: expected a mapping"),
        ("data: digits\nsweep:\n  sed: [1]", "line 3: sweep.sed: unknown field 'sed': did you"),
        ("data: digits\nsweep:\n  seed.x: [1]", "seed: must be a whole number, got a mapping"),
        ("data: digits\nsweep: {seed: 1}", "sweep.seed: expected a list"),
        ("data: digits\nstart: clen", "line 2: start: expected clean, or a mapping"),
        ("data: digits\nstart: {lr: 1}", "line 2: start.lr: unknown field 'lr'"),
        ("data: digits\nobserve: [pictures]", "line 2: observe: unknown observation 'pictures'"),
        (f"how: add\n{BAD}", "line 1: how: unknown field 'how': indent it below 'backdoor', where"),
        (f"{BAD}  how: add\n", "line 5: backdoor.how: unknown field 'how': it is called 'mode' h"),
        (f"{BAD}  seed: 3\n", "line 5: backdoor.seed: unknown field 'seed': it stands beside 'b"),
        ("data: digits\nepochs: 3", "line 2: epochs: unknown field 'epochs': indent it below 'tr"),
        (BAD.replace("all-to-one:7", "7"), "did you mean 'all-to-one:7'?"),
        (
            "data: digits\nsample: {count: 3}",
            "line 2: sample: unknown field 'sample': indent it below",
        ),
        ("data: digits\ncontrol: 3", "control: expected true or false, got 3"),
        (
            "data: digits\nresist: 5",
            "line 2: resist: must be one of anti-backdoor, audit-and-retrain",
        ),
        ("5", "line 1: expected a mapping"),
        ("[]", "line 1: expected at least one trial"),
        ("trials: {}", "line 1: trials: expected a list of trials"),
        ("trials: []\ndata: digits", "line 2: data: unknown field 'data'"),
        ("- data: digits\n- 3", "line 2: [1]: expected a mapping"),
        ("- data: digits\n- data: digits\n  sed: 1", "line 3: [1].sed: unknown field 'sed'"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_field(write: Path, text: str, said: str) -> None:
    assert said in refused(write, text)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("patch", "pach", "line 3: backdoor.trigger: unknown trigger 'pach': did you mean"),
        ("patch", "{size: 3}", "line 3: backdoor.trigger: kind is missing: one of single-p"),
        (
            "patch",
            "3",
            "line 3: backdoor.trigger: a number alone is no trigger: did you mean 'patch:3'",
        ),
        ("patch", "[3]", "line 3: backdoor.trigger: must be one of single-pixel, "),
        ("patch", "{kind: 3}", "line 3: backdoor.trigger: kind must be one of single-p"),
        ("patch", "{kind: patch, sise: 3}", "trigger.sise: unknown field 'sise': did you mean"),
        (
            "patch",
            "{kind: patch, size: big}",
            "trigger.size: must be whole pixels (3px) or a share of",
        ),
        ("patch", "patch:40", "line 3: backdoor.trigger: Patch of 40x40 pixels does not fit"),
        ("patch", "patch:1,2,3,4,5", "gives 5 values, patch takes 4"),
        (
            "patch",
            "{kind: patch, opacity: 2}",
            "line 3: backdoor.trigger.opacity: must be <= 1, got 2",
        ),
        ("patch", "{kind: patch, placement: {kind: fixt}}", "placement.kind: unknown placement"),
        ("patch", "{kind: patch, placement: {down: 1}}", "placement: kind is missing"),
        ("patch", "pixel-pattern:guu", "unknown pixel pattern 'guu': did you mean 'gu'?"),
        ("patch", "sticker:none.png", "line 3: backdoor.trigger: "),
        ("all-to-one:7", "all-to-one", "line 4: backdoor.targets.target_label: is missing"),
        ("all-to-one:7", "all-to-one:x", "targets.target_label: unknown class 'x': known: 0, 1, 2"),
        ("all-to-one:7", "all-to-one:10", "line 4: backdoor.targets: target_label must be in 0..9"),
        ("all-to-one:7", "all-to-one:-1", "targets.target_label: must be >= 0, got"),
        ("all-to-one:7", "source-specific:7,7", "source_class and target_label must differ"),
        ("all-to-one:7", "all-to-all:10", "shift 10 maps each of 10 classes to itself"),
        (
            "all-to-one:7\n",
            "all-to-one:7\n  poisoning_rate: 1.5\n",
            "line 5: backdoor.poisoning_rate: must be < 1",
        ),
        (
            "all-to-one:7\n",
            "all-to-one:7\n  poisoning_rate: often\n",
            "must be a number or 'every', got 'often'",
        ),
        (
            "all-to-one:7\n",
            "all-to-one:7\n  mode: swap\n",
            "line 5: backdoor.mode: must be 'add' or 'replace'",
        ),
        ("all-to-one:7\n", "all-to-one:7\n  rte: 0.1\n", "line 5: backdoor.rte: unknown field"),
        ("  targets: all-to-one:7\n", "", "line 2: backdoor.targets: is missing"),
    ],
)
def test_a_backdoor_that_cannot_be_is_told_once(write: Path, old: str, new: str, said: str) -> None:
    told = refused(write, BAD.replace(old, new))
    assert said in told
    assert "\n" not in told


def test_further_mistakes_are_beside_the_first_each_once(write: Path) -> None:
    text = """
data: digts
trainng: {}
training: {epoch: 3, lr: fast, batch_size: yes}
backdoor: {trigger: pach, targets: all-to-one:-1, rte: 1}
seeds: []
sweep: {foo: [1], training.shift: [1, 2], target_accuracy: 1}
"""
    write.write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(write)
    told = [str(one).removeprefix(f"{write}, ") for one in (caught.value, *caught.value.others)]
    found = [line.partition(": ")[2].partition(": ")[0] for line in told]
    assert found == [
        "trainng",
        "sweep.foo",
        "sweep.target_accuracy",
        "seeds",
        "training.batch_size",
        "training.lr",
        "training.epoch",
        "backdoor.trigger",
        "backdoor.targets.target_label",
        "backdoor.rte",
    ]


def test_mistakes_of_several_recipes_in_a_list_are_all_found(write: Path) -> None:
    write.write_text("- {data: digts}\n- {data: digits}\n- 3\n- {data: mnits, seeds: [1, 2]}\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe(write)
    told = [str(one).removeprefix(f"{write}, ") for one in (caught.value, *caught.value.others)]
    assert [line.split(":")[:2] for line in told] == [
        ["line 1", " [0].data"],
        ["line 3", " [2]"],
        ["line 4", " [3].data"],
    ]


def test_a_mistake_in_a_sweep_is_told_with_the_line_of_its_value(write: Path) -> None:
    text = BAD + "sweep:\n  backdoor.poisoning_rate:\n  - 0.1\n  - 2\n"
    assert refused(write, text).startswith(
        "line 8: backdoor.poisoning_rate: must be < 1 or 'every'"
    )
    text = BAD + "sweep:\n  backdoor.trigger:\n  - patch\n  - kind: patch\n    sise: 4\n"
    assert refused(write, text).startswith("line 9: backdoor.trigger.sise: unknown field")
