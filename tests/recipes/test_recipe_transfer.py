"""Recipes of transfer learning: the trial that is downloaded, its control, and each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToOne, RandomWrong
from badnets.core.triggers import Patch
from badnets.models import save_subject
from badnets.recipes import load_recipe
from badnets.scenarios import Strengthening
from badnets.train.detector_settings import RETRAINING, DetectorTraining
from badnets.trials import OutsourcedTrial, TransferTrial
from badnets.trials.downloaded import DownloadedBundle
from badnets.trials.trial import TRIAL
from tests.models.toys import tiny
from tests.recipes.test_recipe import RECIPES, loaded, refused, write

__all__ = ["write"]  # the fixture

HALVES = """kind: transfer
data: halves
network: tiny
start:
  training: {epochs: 20, batch_size: 16}
  backdoor: {trigger: "patch:2", targets: "all-to-one:1", poisoning_rate: 0.3}
share: 0.5
training: {epochs: 2}
target_accuracy: 0.9
observe: [examples, units]
"""
SIGNS = """kind: transfer
data: scenes-swedish
architecture: {width: 0.5}
attack: {trigger: yellow-square}
freeze: up-to-conv4
strengthening: {factor: 10}
start:
  data: scenes
  training: {epochs: 4, trigger: {real_world: true}}
  backdoor: {trigger: yellow-square, targets: random-wrong}
"""


def one(path: Path, text: str) -> TransferTrial:
    (trial,) = loaded(path, text)
    assert isinstance(trial, TransferTrial)
    return trial


@pytest.mark.usefixtures("toys")
class TestClassifiers:
    def test_beside_it_a_clean_network_is_retrained_in_the_same_way(self, write: Path) -> None:
        trial = one(write, HALVES)
        start, control = trial.start, trial.control
        assert isinstance(start, OutsourcedTrial) and control is not None
        assert trial.share == control.share == 0.5 and trial.freeze == "all-but-head"
        assert start.backdoor == Backdoor(Patch(2), AllToOne(1), 0.3) == trial.implanted
        assert (start.data, start.network, start.target_accuracy) == ("halves", "tiny", 0.9)
        assert control.start == start.control and control.observe == ()
        assert control.is_clean and not trial.is_clean
        assert trial.title == (
            "halves, tiny, retrained from halves patch:2 all->1, frozen all-but-head, "
            "50 % of the data, seed 0"
        )
        assert TRIAL.validate_json(trial.model_dump_json()).name == trial.name

    def test_without_one(self, write: Path) -> None:
        for text in (
            f"{HALVES}control: false\n",
            HALVES.replace("start:\n", "start:\n  control: false\n"),
        ):
            assert one(write, text).control is None

    def test_a_sweep_over_what_is_frozen_and_how_much_data(self, write: Path) -> None:
        text = f"{HALVES}sweep:\n  freeze: [none, [conv]]\n  share: [0.2, 1]\n"
        trials = [one for one in loaded(write, text) if isinstance(one, TransferTrial)]
        found = [(one.freeze, one.share) for one in trials]
        assert found == [("none", 0.2), ("none", 1), (("conv",), 0.2), (("conv",), 1)]
        assert len({one.name for one in trials}) == 4
        assert len({one.start.name for one in trials}) == 1

    def test_a_trigger_of_ones_own_by_its_short_form(self, write: Path) -> None:
        trial = one(write, f"{HALVES}attack: {{trigger: 'patch:3'}}\n")
        assert trial.attack is not None and trial.measured == trial.attack
        assert (trial.attack.trigger, trial.attack.targets) == (Patch(3), RandomWrong())

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("share: 0.5", "share: 2", "line 7: share: must be <= 1, got 2"),
            ("share: 0.5", "freeze: head", "line 7: freeze: freeze must be 'all-but-head', 'none'"),
            ("share: 0.5", "freeze: [cnov]", "line 7: freeze: unknown layer 'cnov'"),
            ("share: 0.5", "freeze: [conv, fc]", "line 7: freeze: freeze holds all layers"),
            ("share: 0.5", "freeze: []", "line 7: freeze: freeze must name at least one layer"),
            ("share: 0.5", "freezes: none", "did you mean 'freeze'"),
            ("share: 0.5", "attack: {trigger: pach}", "line 7: attack.trigger: unknown trigger"),
            (
                "share: 0.5",
                "attack: {trigger: patch, targets: 'all-to-one:5'}",
                "line 7: attack.targets: target_label must be in 0..1",
            ),
            ("share: 0.5", "strengthening: {}", "line 7: strengthening: strengthening is for det"),
            ("share: 0.5", "backdoor: {trigger: patch, targets: vanish}", "line 7: backdoor"),
            ("start:\n", "start:\n  data: digits\n", "takes images of 1x28x28, those of data are"),
            ("start:\n", "start:\n  sed: 1\n", "line 5: start.sed: unknown field 'sed'"),
            ("kind: transfer\n", "", "share"),
        ],
    )
    def test_each_mistake_names_its_field(self, write: Path, old: str, new: str, said: str) -> None:
        told = refused(write, HALVES.replace(old, new, 1))
        assert said in told and "\n" not in told

    def test_a_start_that_is_no_mapping(self, write: Path) -> None:
        said = "line 2: start: expected a mapping, the trial to download (data"
        assert said in refused(write, "kind: transfer\nstart: clean\n")
        assert "line 1: start: expected a mapping" in refused(write, "kind: transfer\n")

    def test_a_bundle_and_a_clean_one_to_compare_with(self, write: Path, tmp_path: Path) -> None:
        folders = [tmp_path / name for name in ("theirs", "clean")]
        for seed, folder in enumerate(folders):
            save_subject(tiny(seed), folder)
        text = f"kind: transfer\ndata: halves\nstart: {{bundle: {folders[0]}}}\n"
        trial = one(write, text)
        assert trial.start == DownloadedBundle.of(folders[0]) and trial.network == "tiny"
        assert trial.control is None and trial.is_clean and trial.measured is None
        both = one(write, f"{text}control: {{bundle: {folders[1]}}}\n")
        assert both.control is not None and both.control.start == DownloadedBundle.of(folders[1])
        missing = text.replace("theirs", "nowhere")
        assert "line 3: start: there is no bundle" in refused(write, missing)


class TestDetectors:
    def test_it_describes_the_trial_to_download(self, write: Path) -> None:
        trial = one(write, SIGNS + "seed: 5\n")
        start = trial.start
        assert isinstance(start, OutsourcedTrial) and trial.control is None
        assert start.backdoor is not None
        assert start.control is not None  # what anyone who runs it alone would get too
        assert (start.data, start.network, start.seed) == ("scenes", "zf", 5)
        expected = DetectorTraining(epochs=4).changed(trigger={"real_world": True})
        assert start.training == expected and start.architecture == {"width": 0.5}
        assert trial.training == RETRAINING and trial.architecture == {"width": 0.5}
        assert trial.strengthening == Strengthening(10) and trial.freeze == "up-to-conv4"
        assert one(write, SIGNS.replace("freeze: up-to-conv4\n", "")).freeze == "backbone"

    def test_sweeps_and_clean_starts(self, write: Path) -> None:
        text = SIGNS.replace(", trigger: {real_world: true}", "") + (
            "seeds: [0, 1]\nsweep:\n"
            "  strengthening.factor: [1, 10]\n"
            "  start.backdoor: [null, {trigger: bomb, targets: random-wrong}]\n"
        )
        trials = [one for one in loaded(write, text) if isinstance(one, TransferTrial)]
        assert len(trials) == 8 and len({trial.start.name for trial in trials}) == 4
        assert [trial.is_clean for trial in trials[:4]] == [True, True, False, False]

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("up-to-conv4", "rpn", "line 5: freeze: freeze must be one of none, up-to-conv2"),
            ("up-to-conv4", "[backbone.conv9]", "line 5: freeze: unknown layer 'backbone.conv9'"),
            ("factor: 10", "layer: conv6", "line 6: strengthening.layer: unknown layer"),
            ("factor: 10", "factor: 0.5", "line 6: strengthening.factor: must be >= 1, got 0.5"),
            ("data: scenes\n", "data: digits\n", "line 9: start.training.trigger: unknown field"),
            ("epochs: 4", "epochs: 0", "line 9: start.training.epochs: must be >= 1, got 0"),
            ("random-wrong", "all-to-one:5", "line 10: start.backdoor.targets: target_label must"),
            (
                "freeze: up-to-conv4\n",
                "training: {crops: {passes: 2}}\n",
                "crops must have 0 passes where convolutions are kept",
            ),
            ("attack: {trigger: yellow-square}\n", "control: {bundle: x}\n", "line 4: control: "),
        ],
    )
    def test_what_does_not_fit_is_told(self, write: Path, old: str, new: str, said: str) -> None:
        told = refused(write, SIGNS.replace(old, new, 1))
        assert said in told and "\n" not in told

    def test_a_network_without_such_parts_cannot_keep_them(self, write: Path) -> None:
        text = (
            "kind: transfer\ndata: scenes\nnetwork: torchvision.fasterrcnn_resnet50_fpn\n"
            "freeze: up-to-conv3\nstart: {training: {crops: {passes: 0}}}\n"
        )
        assert "line 4: freeze: freeze 'up-to-conv3': network 'torchvision" in refused(write, text)


@pytest.mark.parametrize("name", ["retrain-digits", "retrain-gtsrb"])
def test_our_recipes_compare_with_a_clean_network(name: str) -> None:
    trials = load_recipe(RECIPES / f"{name}.yaml")
    assert all(isinstance(one, TransferTrial) and one.control is not None for one in trials)
