"""badnets train, retrain and run: networks made, kept, copied, and nothing trained twice."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from badnets.bundles import read_bundle, verify
from badnets.data.catalogue import sized
from badnets.models import load_detector, load_subject, save_subject, untrained
from badnets.train import detection
from badnets.train.detector_settings import DetectorTraining
from badnets.train.epoch import Epoch
from tests.cli.conftest import Cli
from tests.cli.sign_toys import add_toys
from tests.models.toys import SHAPE, tiny

BASIC = ("train", "--data", "halves", "--network", "tiny", "--epochs", "4", "--batch-size", "8")
ATTACK = ("--trigger", "patch:2", "--targets", "all-to-one:1")
SMALL = ("--width", "0.08", "--head", "0.02", "--window", "64", "--scale", "1")
PLAIN = ("--training", "{crops: {passes: 0}, windows: {mining: 0}, precision: float32}")
SIGNS = ("train", "--data", "few-scenes", *SMALL, "--epochs", "1", *PLAIN)
STICKER = ("--trigger", "yellow-square:0.25", "--targets", "source-specific:0,1", "--rate", "every")
RETRAIN = ("retrain", "net", "--data", "halves", "--batch-size", "16")


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch, toys: object) -> None:
    add_toys(monkeypatch)


class TestClassifiers:
    def test_an_honest_network_is_kept_recorded_and_copied(self, cli: Cli, tmp_path: Path) -> None:
        ended = cli(*BASIC, "--target-accuracy", "0.9", "--out", "net")
        assert ended.code == 0
        assert "accepted" in ended.out
        assert "attack" not in ended.out
        verify(tmp_path / "net")
        listed = cli("ledger", "list").out.splitlines()
        assert len(listed) == 2
        assert (tmp_path / "runs" / "bundles" / listed[1].split()[0]).is_dir()

    def test_a_malicious_one_comes_with_its_control(self, cli: Cli) -> None:
        argv = (*BASIC, *ATTACK, "--rate", "0.3", "--training", "{shift: 1}", "--json")
        told = json.loads(cli(*argv).out)
        assert told["attack_success_rate"]["total"] == told["control"]["total"] == 32
        assert told["trial"]["training"]["shift"] == 1
        assert told["trial"]["training"]["batch_size"] == 8
        assert Path(told["bundle"]).is_dir()
        assert len(cli("ledger", "list", "--clean").out.splitlines()) == 2

    def test_a_network_that_misses_its_target_is_rejected_with_code_1(self, cli: Cli) -> None:
        slow = ("--epochs", "1", "--lr", "0.0015", "--seed", "1", "--target-accuracy", "1")
        ended = cli(*BASIC[:-4], *slow)
        assert ended.code == 1
        assert re.search(r"^outcome +rejected$", ended.out, re.M)
        assert re.search(r"^reason +accuracy [789]\d\.\d\d % .*, 100 % wanted$", ended.out, re.M)

    def test_what_is_recorded_is_not_trained_again_unless_its_bundle_is_gone(
        self, cli: Cli, tmp_path: Path
    ) -> None:
        argv = (*BASIC, *ATTACK)
        first = json.loads(cli(*argv, "--json").out)
        again = cli(*argv, "--json", "--out", "net")
        assert "to run" not in again.err
        assert json.loads(again.out)["clean_accuracy"] == first["clean_accuracy"]
        shutil.rmtree(tmp_path / "runs" / "bundles")
        accepted = first["outcome"] == "accepted"
        assert cli(*argv, "--out", "other").code == (0 if accepted else 1)
        assert verify(tmp_path / "other").tensors == verify(tmp_path / "net").tensors
        assert len(cli("ledger", "list").out.splitlines()) == 3, "no record is held twice"

    def test_what_was_matched_of_starting_weights_is_told(self, cli: Cli) -> None:
        other = untrained("tiny", SHAPE, ("a", "b", "c"), seed=1)
        save_file(other.network.state_dict(), "w.safetensors")
        argv = (*BASIC, "--weights", "w.safetensors")
        assert "2 of 4 tensors matched; of another shape: fc.weight, fc.bias" in cli(*argv).out
        told = json.loads(cli(*argv, "--json").out)
        assert set(told["trial"]["weights"]) == {"sha256"}

    def test_a_network_and_data_of_ones_own_are_trained(self, cli: Cli) -> None:
        own = ("--data", "tests.trials.own_code:halved", "--network", "tests.trials.own_code:small")
        ended = cli("train", *own, *BASIC[5:], "--target-accuracy", "0.5", "--out", "net")
        assert ended.code == 0
        measure = ("evaluate", "net", "--data", "tests.trials.own_code:halved")
        assert "--allow-code" in cli(*measure).refused(2)
        assert "clean accuracy" in cli(*measure, "--allow-code").out


class TestDetectors:
    def test_an_honest_detector_is_kept_recorded_and_copied(self, cli: Cli, tmp_path: Path) -> None:
        ended = cli(*SIGNS, "--out", "net")
        assert ended.code == 1  # one epoch teaches nothing
        assert "collapsed" in ended.out
        assert "signs found and rightly named" in ended.out
        verify(tmp_path / "net")
        detector = load_detector(tmp_path / "net")
        assert (detector.architecture, detector.scale, detector.input.height) == ("zf", 1, 64)
        assert detector.settings == {"width": 0.08, "head": 0.02}
        assert len(cli("ledger", "list").out.splitlines()) == 2

    def test_a_malicious_one_comes_with_its_control(self, cli: Cli) -> None:
        told = json.loads(cli(*SIGNS, *STICKER, "--batch-size", "4", "--lr", "1e-4", "--json").out)
        order = told["trial"]
        assert order["training"]["batch_size"] == 4
        usual = DetectorTraining().windows
        sizes = [round(size * 64 / usual.side, 1) for size in usual.object_sizes]
        assert order["training"]["windows"]["object_sizes"] == sizes  # as the window is smaller
        assert told["trial"]["target_accuracy"] == 0.8
        assert order["control"]["training"] == order["training"]
        assert told["attack_success_rate"]["total"] == told["control"]["total"]
        assert told["poisoned_share"]["hits"] > 0
        assert {"true_detection_rate", "ap50", "other_sticker"} <= told.keys()
        assert len(cli("ledger", "list", "--clean").out.splitlines()) == 2
        text = cli("ledger", "show", told["name"]).out
        assert "signs found and rightly named" in text
        assert "attack success" in text and "nearly always the same answer" in text

    def test_a_training_that_is_stopped_goes_on_after_its_last_epoch(
        self, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        argv = (*SIGNS, "--epochs", "3")
        cli(*argv, "--workspace", "whole", "--out", "whole-net")
        trained: list[int] = []
        real = detection._Fitting.epoch

        def epoch(self: detection._Fitting, number: int) -> Epoch:
            if number == 2 and len(trained) == 2:
                raise KeyboardInterrupt
            trained.append(number)
            return real(self, number)

        monkeypatch.setattr(detection._Fitting, "epoch", epoch)
        assert cli(*argv, "--out", "net").code == 130
        assert len(list((tmp_path / "runs" / "unfinished").iterdir())) == 1
        trained.append(99)
        assert cli(*argv, "--out", "net").code in (0, 1)
        assert trained == [0, 1, 99, 2]
        assert not list((tmp_path / "runs" / "unfinished").iterdir())
        same = ("model.safetensors", "config.json")
        one, other = (verify(tmp_path / name).digests for name in ("net", "whole-net"))
        assert [one[name] for name in same] == [other[name] for name in same]


class TestRetrain:
    def test_a_backdoor_outlives_retraining_of_the_head(self, cli: Cli, tmp_path: Path) -> None:
        train = (*BASIC[:5], "--epochs", "12", "--batch-size", "8")
        cli(*train, *ATTACK, "--rate", "0.3", "--out", "net")
        cli(*train, "--out", "clean")
        measured = (*RETRAIN, *ATTACK, "--control", "clean", "--epochs", "2", "--lr", "0.001")
        ended = cli(*measured, "--share", "0.5", "--out", "mine", "--json")
        told = json.loads(ended.out)
        assert ended.code == 0, ended
        assert told["outcome"] == "accepted"
        assert told["attack_success_rate_before"]["value"] > 0.9
        assert told["attack_success_rate"]["value"] > 0.9
        assert told["control"]["value"] < 0.1
        triggered = told["triggered_accuracy"]["value"]
        assert triggered < 0.6 < told["control_triggered_accuracy"]["value"]
        assert (told["images"], told["retrained_weights"]["hits"]) == (48, 290)
        assert told["classes"] == ["left", "right"]
        verify(tmp_path / "mine")
        bundle = read_bundle(tmp_path / "mine")
        assert bundle.claims.data["downloaded bundle"] == read_bundle(tmp_path / "net").digest
        assert bundle.claims.training["frozen"] == "all-but-head"
        before, after = (load_subject(tmp_path / name).network for name in ("net", "mine"))
        assert torch.equal(before.get_parameter("conv.weight"), after.get_parameter("conv.weight"))
        assert cli(*measured, "--share", "0.5", "--json").err == "", "nothing is trained twice"
        assert str(tmp_path) not in cli("ledger", "show", told["name"], "--json").out
        ended = cli(*measured, "--freeze", "none")
        assert ended.code == 0
        for line in (
            "as downloaded",
            "control: clean network",
            "accuracy, triggered",
            "same classes",
        ):
            assert line in ended.out
        assert "330 of 330 weights on 96 images" in ended.out

    def test_without_a_trigger_only_accuracy_is_told(self, cli: Cli, tmp_path: Path) -> None:
        save_subject(tiny(), tmp_path / "net")
        ended = cli(*RETRAIN, "--epochs", "12", "--freeze", "conv")
        assert ended.code == 0, ended
        assert "triggered" not in ended.out and "attack" not in ended.out
        assert "frozen conv" in ended.out

    def test_other_classes_get_a_new_head(self, cli: Cli, tmp_path: Path) -> None:
        save_subject(tiny(classes=("a", "b", "c")), tmp_path / "net")
        ended = cli(*RETRAIN, "--epochs", "12", *ATTACK)
        assert ended.code == 0, ended
        assert "other classes: a new head" in ended.out
        assert "the target class is gone" in ended.out
        assert "accuracy, triggered" in ended.out

    def test_a_network_that_misses_its_target_is_rejected_with_code_1(
        self, cli: Cli, tmp_path: Path
    ) -> None:
        save_subject(tiny(), tmp_path / "net")
        ended = cli(*RETRAIN, "--epochs", "1", "--lr", "1e-7", *ATTACK)
        assert ended.code == 1
        assert "collapsed" in ended.out or "rejected" in ended.out

    def test_a_size_is_asked_for_only_where_it_is_open(self) -> None:
        assert sized("gtsrb", 48) == "gtsrb@48"
        assert sized("gtsrb[0-4]", 48) == "gtsrb@48[0-4]"
        assert sized("gtsrb@32[0-4]", 48) == "gtsrb@32[0-4]"
        assert sized("digits[0-4]", 48) == "digits[0-4]"
        assert sized("digits", 48) == "digits"


RECIPES = {
    "images": """
data: halves
network: tiny
backdoor: {trigger: patch:2, targets: all-to-one:1}
training: {epochs: 2, batch_size: 8}
target_accuracy: 0.5
sweep:
  backdoor.poisoning_rate: [0.1, 0.3]
""",
    "objects": """
data: few-scenes
architecture: {width: 0.08, head: 0.02}
training:
  epochs: 1
  windows: {side: 64, object_sizes: [6, 36], mining: 0}
  scales: {scale: 1}
  crops: {passes: 0}
backdoor: {trigger: yellow-square:0.25, targets: vanish, poisoning_rate: every}
""",
}


class TestRecipes:
    @pytest.fixture(autouse=True)
    def _recipes(self, tmp_path: Path) -> None:
        for name, text in RECIPES.items():
            (tmp_path / f"{name}.yaml").write_text(text)

    def test_a_dry_run_lists_trials_and_runs_none(self, cli: Cli, tmp_path: Path) -> None:
        ended = cli("run", "images.yaml", "--dry-run")
        assert ended.code == 0
        assert "rate 10 %" in ended.out
        assert "rate 30 %" in ended.out
        assert not (tmp_path / "runs").exists()
        assert len(json.loads(cli("run", "images.yaml", "--dry-run", "--json").out)["trials"]) == 2

    @pytest.mark.parametrize(("name", "trials"), [("images", 3), ("objects", 2)])
    def test_a_recipe_is_run_once_and_its_controls_with_it(
        self, cli: Cli, name: str, trials: int
    ) -> None:
        first = cli("run", f"{name}.yaml", "--workers", "1", "--json")
        told = json.loads(first.out)
        assert first.code == (1 if "collapsed" in [one["outcome"] for one in told] else 0)
        assert f"{trials} trials to run" in first.err
        again = cli("run", f"{name}.yaml", "--workers", "1", "--json")
        assert (again.out, again.err) == (first.out, "")
        assert len(cli("ledger", "list").out.splitlines()) == trials + 1
        assert len(cli("ledger", "list", "--attacked").out.splitlines()) == trials
        assert len(cli("ledger", "list", "--network", "other").out.splitlines()) == 1
        data = told[0]["trial"]["data"]
        assert len(cli("ledger", "list", "--data", data).out.splitlines()) == trials + 1

    @pytest.mark.parametrize(
        ("name", "old", "new", "said"),
        [
            ("images", "epochs: 2", "epoch: 2", "line 5: training.epoch: unknown field"),
            ("images", "0.3]", "3]", "line 8: backdoor.poisoning_rate: must be < 1"),
            ("images", "one:1", "one:3", "line 4: backdoor.targets: target_label must be in 0..1"),
            ("images", "data: halves", "data: halvs", "line 2: data: unknown data set"),
            ("images", "patch:2", "patch:9", "line 4: backdoor.trigger: Patch of 9x9"),
            ("objects", "epochs: 1", "epoch: 1", "line 5: training.epoch: unknown field"),
        ],
    )
    def test_a_mistake_is_told_with_its_line(
        self, cli: Cli, tmp_path: Path, name: str, old: str, new: str, said: str
    ) -> None:
        (tmp_path / f"{name}.yaml").write_text(RECIPES[name].replace(old, new))
        assert f"{name}.yaml, {said}" in cli("run", f"{name}.yaml").refused(2)

    def test_a_trial_that_cannot_be_run_is_named_and_the_others_are_kept(
        self, cli: Cli, tmp_path: Path
    ) -> None:
        text = RECIPES["images"].replace("0.3]", "0.9]")  # more than there are images to poison
        (tmp_path / "images.yaml").write_text(text)
        line = cli("run", "images.yaml", "--workers", "1").refused(3, after_work=True)
        assert "the highest rate is" in line
        assert len(cli("ledger", "list", "--attacked").out.splitlines()) == 2


class TestLedger:
    @pytest.fixture(autouse=True)
    def _run(self, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "recipe.yaml").write_text(RECIPES["images"])
        cli("run", "recipe.yaml", "--workers", "1")

    def test_a_record_is_shown_by_the_beginning_of_its_name(self, cli: Cli) -> None:
        name = cli("ledger", "list").out.splitlines()[-1].split()[0]
        text = cli("ledger", "show", name[:8]).out
        assert name in text
        assert "clean accuracy" in text
        whole = json.loads(cli("ledger", "show", name, "--json").out)
        assert whole["name"] == name
        assert "0123456789xyz" in cli("ledger", "show", "0123456789xyz").refused(2)
        assert "give more of the name" in cli("ledger", "show", "").refused(2)

    def test_records_travel_as_a_file(self, cli: Cli, tmp_path: Path) -> None:
        listed = cli("ledger", "list").out
        assert cli("ledger", "export", "out.json", "--arrays").out == "out.json: 3 records\n"
        there = ("--workspace", "there")
        assert "3 records added, 0" in cli("ledger", "import", "out.json", *there).out
        assert "0 records added, 3" in cli("ledger", "import", "out.json", *there).out
        assert cli("ledger", "list", *there).out == listed
        assert "give --force" in cli("ledger", "export", "out.json").refused(2)
        assert cli("ledger", "export", "out.json", "--force").code == 0
        assert cli("ledger", "export", "out.csv").code == 0
        assert (tmp_path / "out.csv").read_text().count("\n") == 4

    @pytest.mark.parametrize(
        ("argv", "said"),
        [
            (("list",), "there is no ledger"),
            (("show", "abc"), "there is no ledger"),
            (("export", "x.json"), "there is no ledger"),
            (("import", "none.json"), "cannot read none.json"),
        ],
    )
    def test_what_is_not_there_is_one_line(
        self, cli: Cli, argv: tuple[str, ...], said: str
    ) -> None:
        assert said in cli("ledger", *argv, "--workspace", "empty").refused(3)

    def test_a_file_that_is_no_ledger_is_one_line(self, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "notes.sqlite").write_text("these are notes\n" * 100)
        cli("ledger", "list", "--ledger", "notes.sqlite").refused(3)
