"""badnets train and badnets evaluate: a network made, kept, copied and measured."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from badnets.bundles import verify_bundle
from badnets.models import save_subject
from tests.cli.conftest import Cli
from tests.models.toys import tiny

BASIC = ("train", "--data", "halves", "--network", "tiny", "--epochs", "4", "--batch-size", "8")
ATTACK = ("--trigger", "patch:2", "--targets", "all-to-one:1")
MEASURE = ("evaluate", "net", "--data", "halves")


@pytest.mark.usefixtures("toys")
class TestTrain:
    def test_an_honest_network_is_kept_recorded_and_copied(self, cli: Cli, tmp_path: Path) -> None:
        ended = cli(*BASIC, "--target-accuracy", "0.9", "--out", "net")
        assert ended.code == 0
        assert "accepted" in ended.out
        assert "attack" not in ended.out
        verify_bundle(tmp_path / "net")
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
        ended = cli(*BASIC[:-4], "--epochs", "1", "--lr", "1e-7", "--target-accuracy", "1")
        assert ended.code == 1
        assert "rejected" in ended.out or "collapsed" in ended.out

    def test_what_is_recorded_is_not_trained_again_unless_its_bundle_is_gone(
        self, cli: Cli, tmp_path: Path
    ) -> None:
        first = json.loads(cli(*BASIC, *ATTACK, "--json").out)
        again = cli(*BASIC, *ATTACK, "--json", "--out", "net")
        assert "to run" not in again.err
        assert json.loads(again.out)["clean_accuracy"] == first["clean_accuracy"]
        shutil.rmtree(tmp_path / "runs" / "bundles")
        assert cli(*BASIC, *ATTACK, "--out", "other").code == first_code(first)
        assert verify_bundle(tmp_path / "other").tensors == verify_bundle(tmp_path / "net").tensors

    @pytest.mark.parametrize(
        ("argv", "said"),
        [
            (("--data", "halvs"), "--data: unknown data set 'halvs': did you mean 'halves'"),
            (("--network", "tiiny"), "--network: unknown network 'tiiny': did you mean 'tiny'"),
            ((*ATTACK, "--rate", "1.5"), "--rate: rate must be in [0, 1)"),
            ((*ATTACK, "--rate", "often"), "--rate: expected a number or 'every'"),
            (("--trigger", "patch", "--targets", "all-to-one:5"), "--targets: target_label must"),
            (("--trigger", "patch", "--targets", "source-specific:1,1"), "must differ"),
            (("--trigger", "patch", "--targets", "all-to-on:1"), "did you mean 'all-to-one'"),
            (("--trigger", "patch", "--targets", "all-to-one:1,2"), "gives 2 values"),
            (("--trigger", "patch:9", "--targets", "all-to-one:1"), "does not fit"),
            (("--trigger", "patch"), "targets is missing"),
            (("--targets", "all-to-all"), "trigger is missing"),
            (("--training", "{epoch: 3}"), "--training: epoch: unknown field 'epoch': did you"),
            (("--training", "long"), "--training: expected a mapping"),
            (("--epochs", "0"), "--training: epochs: epochs must be >= 1, got 0"),
            (("--target-accuracy", "99"), "--target-accuracy: expected <= 1"),
            (("--seed", "-1"), "--seed: expected >= 0"),
        ],
    )
    def test_bad_input_is_one_line_that_names_the_option(
        self, cli: Cli, argv: tuple[str, ...], said: str
    ) -> None:
        assert said in cli(*BASIC, *argv).refused(2)

    def test_a_rate_that_the_data_cannot_give_is_told(self, cli: Cli) -> None:
        ended = cli(*BASIC, *ATTACK, "--rate", "0.9")
        assert "the highest rate is" in ended.refused(3, after_work=True)

    def test_a_place_that_is_taken_is_refused_before_training(
        self, cli: Cli, tmp_path: Path
    ) -> None:
        (tmp_path / "net").mkdir()
        assert "net exists already" in cli(*BASIC, "--out", "net").refused(3)
        (tmp_path / "file").touch()
        assert "not a folder" in cli(*BASIC, "--out", "file/net").refused(3)
        assert not (tmp_path / "runs").exists()

    def test_a_workspace_that_cannot_be_written_is_one_line(self, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert "file" in cli(*BASIC, "--workspace", "file").refused(3)


def first_code(told: dict[str, str]) -> int:
    return 0 if told["outcome"] == "accepted" else 1


@pytest.mark.usefixtures("toys")
class TestEvaluate:
    @pytest.fixture(autouse=True)
    def _trained(self, toys: object, cli: Cli) -> None:
        cli(*BASIC, "--target-accuracy", "0.5", "--out", "net")

    def test_clean_accuracy_with_a_line_for_each_class(self, cli: Cli) -> None:
        ended = cli(*MEASURE)
        assert ended.code == 0
        assert [line.split()[0] for line in ended.out.splitlines()[-2:]] == ["left", "right"]
        assert "attack" not in ended.out

    def test_with_a_trigger_also_what_it_does(self, cli: Cli) -> None:
        told = json.loads(cli(*MEASURE, *ATTACK, "--control", "net", "--json").out)
        assert told["attack_success_rate"] == told["control"]
        assert told["attack_success_rate"]["total"] == 32
        assert told["attack_success_rate_per_class"][1] is None  # the target's own images
        assert 0 <= told["robust_accuracy"]["low"] <= told["robust_accuracy"]["value"]

    def test_a_network_that_says_the_same_of_all_is_no_attack(
        self, cli: Cli, tmp_path: Path
    ) -> None:
        subject = tiny()
        with torch.no_grad():
            for value in subject.network.parameters():
                value.zero_()
            subject.network.get_parameter("fc.bias")[1] = 1
        save_subject(subject, tmp_path / "constant")
        ended = cli("evaluate", "constant", "--data", "halves", *ATTACK)
        assert ended.code == 1
        assert "learned nothing" in ended.out
        assert "attack success" not in ended.out
        told = json.loads(cli("evaluate", "constant", "--data", "halves", *ATTACK, "--json").out)
        assert told["collapsed"] is True
        assert "attack_success_rate" not in told

    def test_other_classes_or_images_than_the_data_has_are_one_line(
        self, cli: Cli, tmp_path: Path
    ) -> None:
        save_subject(tiny(classes=("a", "b", "c")), tmp_path / "three")
        line = cli("evaluate", "three", "--data", "halves").refused(2)
        assert "knows 3 classes, halves has 2" in line
        line = cli("evaluate", "net", "--data", "digits").refused(2)
        assert "takes images of 1x8x8, those of digits are 1x28x28" in line

    @pytest.mark.parametrize(
        ("argv", "said"),
        [
            (("evaluate", "nowhere"), "there is no bundle at nowhere"),
            ((*MEASURE, "--trigger", "patch"), "belong together"),
            ((*MEASURE, "--control", "net"), "--trigger and --targets"),
            ((*MEASURE, "--trigger", "patch:9", "--targets", "all-to-all"), "does not fit"),
            ((*MEASURE, "--trigger", "patch", "--targets", "all-to-one:2"), "0..1"),
        ],
    )
    def test_bad_input_is_one_line(self, cli: Cli, argv: tuple[str, ...], said: str) -> None:
        if argv[-1] == "nowhere":
            argv = (*argv, "--data", "halves")
        assert said in cli(*argv).refused(2)

    def test_a_damaged_bundle_is_refused(self, cli: Cli, tmp_path: Path) -> None:
        model = tmp_path / "net" / "model.safetensors"
        model.write_bytes(model.read_bytes()[:-4])
        assert "model.safetensors" in cli(*MEASURE).refused(2)
