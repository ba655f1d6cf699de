"""Trials of retraining: from a recipe to a record, with the clean network beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.errors import RecipeError
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data import DataSet
from badnets.ledger import Ledger
from badnets.runners import run_all
from badnets.scenarios import Retrain
from badnets.train.settings import Training
from badnets.trials.recipe import load_recipe
from badnets.trials.record import Record
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace

RECIPES = Path(__file__).parents[2] / "recipes"
TEXT = """
data: halves
network: tiny
start:
  training: {epochs: 20, batch_size: 16, lr: 0.01, precision: float32}
  backdoor: {trigger: "patch:2", targets: "all-to-one:1", rate: 0.3}
retrain: {share: 0.5}
training: {epochs: 2, batch_size: 16, lr: 0.001, precision: float32}
target_accuracy: 0.9
observe: [examples, units]
"""


def loaded(path: Path, text: str) -> list[Trial]:
    path.write_text(text, encoding="utf-8")
    return load_recipe(path)


@pytest.mark.usefixtures("toys")
class TestRecipe:
    def test_beside_it_a_clean_network_is_retrained_in_the_same_way(self, tmp_path: Path) -> None:
        (trial,) = loaded(tmp_path / "r.yaml", TEXT)
        assert trial.start is not None and trial.control is not None
        assert trial.retrain == Retrain(share=0.5) == trial.control.retrain
        assert trial.start.backdoor == Backdoor(Patch(2), AllToOne(1), rate=0.3) == trial.implanted
        assert trial.control.start == trial.start.control
        assert trial.control.is_clean and not trial.is_clean
        assert trial.control.observe == ()
        assert trial.title == (
            "halves, tiny, retrained from halves all->1, frozen all-but-head, 50 % of the data, "
            "seed 0"
        )
        assert Trial.model_validate_json(trial.model_dump_json()).name == trial.name

    def test_without_one(self, tmp_path: Path) -> None:
        for text in (
            f"{TEXT}control: false\n",
            TEXT.replace("start:\n", "start:\n  control: false\n"),
        ):
            assert loaded(tmp_path / "r.yaml", text)[0].control is None

    def test_a_sweep_over_what_is_frozen_and_how_much_data(self, tmp_path: Path) -> None:
        text = f"{TEXT}sweep:\n  retrain.freeze: [none, [conv]]\n  retrain.share: [0.2, 1]\n"
        trials = loaded(tmp_path / "r.yaml", text)
        found = [(one.retrain.freeze, one.retrain.share) for one in trials if one.retrain]
        assert found == [("none", 0.2), ("none", 1), (("conv",), 0.2), (("conv",), 1)]
        assert len({one.name for one in trials}) == 4
        assert len({one.start.name for one in trials if one.start}) == 1

    def test_a_trigger_of_ones_own_by_its_short_form(self, tmp_path: Path) -> None:
        text = TEXT.replace(
            "{share: 0.5}", "{trigger: 'patch:3', targets: random-wrong, share: 0.5}"
        )
        (trial,) = loaded(tmp_path / "r.yaml", text)
        assert trial.retrain is not None and trial.retrain.attack is not None
        assert trial.retrain.attack.trigger == Patch(3)

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("{share: 0.5}", "{share: 2}", "line 7: retrain.share: share must be in (0, 1]"),
            ("{share: 0.5}", "{freeze: head}", "retrain.freeze"),
            ("{share: 0.5}", "{freeze: [cnov]}", "line 7: retrain.freeze: unknown layer 'cnov'"),
            ("{share: 0.5}", "{freeze: [conv, fc]}", "freeze holds all layers"),
            ("{share: 0.5}", "{freezes: none}", "did you mean 'freeze'"),
            ("{share: 0.5}", "{trigger: patch}", "belong together"),
            (
                "{share: 0.5}",
                "{trigger: patch, targets: 'all-to-one:5'}",
                "retrain.targets: target_label",
            ),
            ("retrain:", "backdoor: {trigger: patch, targets: 'all-to-one:1'}\nretrain:", "of its"),
            ("retrain:", "transfer: {trigger: patch}\nretrain:", "transfer needs detection"),
        ],
    )
    def test_each_mistake_names_its_field(
        self, tmp_path: Path, old: str, new: str, said: str
    ) -> None:
        with pytest.raises(RecipeError) as caught:
            loaded(tmp_path / "r.yaml", TEXT.replace(old, new))
        assert said in str(caught.value)

    def test_a_start_that_is_no_mapping_and_images_of_another_size(self, tmp_path: Path) -> None:
        lines = TEXT.splitlines()
        clean = "\n".join([*lines[:3], "start: clean", *lines[6:]])
        with pytest.raises(RecipeError, match="expected a mapping, the trial to download"):
            loaded(tmp_path / "r.yaml", clean)
        other = TEXT.replace("start:\n", "start:\n  data: digits\n")
        with pytest.raises(RecipeError, match="takes images of 1x28x28, those of data are 1x8x8"):
            loaded(tmp_path / "r.yaml", other)

    def test_only_classifiers_are_retrained_so(self, tmp_path: Path) -> None:
        with pytest.raises(RecipeError, match="retrain is for classifiers: give `transfer`"):
            loaded(tmp_path / "r.yaml", "data: scenes\ndetection: {}\nretrain: {}\n")

    @pytest.mark.parametrize("name", ["retrain-digits", "retrain-gtsrb"])
    def test_our_recipes_compare_with_a_clean_network(self, name: str) -> None:
        trials = load_recipe(RECIPES / f"{name}.yaml")
        assert all(one.retrain is not None and one.control is not None for one in trials)


class TestRun:
    @pytest.fixture
    def records(self, toys: DataSet, tmp_path: Path) -> tuple[Record, Record]:
        (trial,) = loaded(tmp_path / "r.yaml", TEXT)
        with Ledger.open(tmp_path / "ledger.sqlite") as book:
            done = run_all([trial], Workspace(tmp_path / "runs"), book, workers=1)
            assert trial.control is not None
            control = book.get(trial.control.name)
        assert control is not None
        return done[trial.name], control

    def test_the_record_says_what_survived(self, records: tuple[Record, Record]) -> None:
        record, control = records
        assert record.outcome == "accepted"
        assert record.attack is not None and record.survival is not None
        assert record.attack.success.value > 0.9
        assert record.attack.control is not None and record.attack.control.value < 0.1
        assert record.survival.before is not None and record.survival.before.value > 0.9
        assert record.survival.control_clean == control.clean.accuracy
        assert record.survival.drop > 0.4
        assert record.poisoned_share is None
        assert {"examples", "filters"} <= record.arrays.keys()
        assert record.units
        assert control.attack is None and control.survival is None
        assert Record.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"start": None}, "retrain needs start"),
        ({"backdoor": Backdoor(Patch(2), AllToOne(1))}, "no backdoor of its own"),
        ({"network": "other"}, "start must have the same data and network"),
        ({"control": Trial(data="digits")}, "control must have the same data and network"),
    ],
)
def test_a_trial_that_does_not_fit_together(more: dict[str, object], said: str) -> None:
    plain = {"start": Trial(seed=1), "retrain": Retrain(), "training": Training(epochs=1)}
    with pytest.raises(ValueError, match=said):
        Trial(**{**plain, **more})  # type: ignore[arg-type]
