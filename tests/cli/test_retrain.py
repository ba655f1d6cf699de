"""badnets retrain: a downloaded network on clean images, accepted or not, and its backdoor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from badnets.bundles import read_bundle, verify_bundle
from badnets.data.catalogue import sized
from badnets.models import load_subject, save_detector, save_subject
from tests.cli.conftest import Cli
from tests.models.onnx_toys import linear, write
from tests.models.plain_signs import tiny_zf
from tests.models.toys import tiny

TRAIN = ("train", "--data", "halves", "--network", "tiny", "--epochs", "12", "--batch-size", "8")
ATTACK = ("--trigger", "patch:2", "--targets", "all-to-one:1")
RETRAIN = ("retrain", "net", "--data", "halves", "--batch-size", "16")


@pytest.fixture
def net(toys: object, tmp_path: Path) -> Path:
    """Return the bundle of an untrained network of two classes."""
    path = tmp_path / "net"
    save_subject(tiny(), path)
    return path


@pytest.mark.usefixtures("toys")
def test_a_backdoor_outlives_retraining_of_the_head(cli: Cli, tmp_path: Path) -> None:
    cli(*TRAIN, *ATTACK, "--rate", "0.3", "--out", "net")
    cli(*TRAIN, "--out", "clean")
    measured = (*RETRAIN, *ATTACK, "--control", "clean", "--epochs", "2", "--lr", "0.001")
    ended = cli(*measured, "--share", "0.5", "--out", "mine", "--json")
    told = json.loads(ended.out)
    assert ended.code == 0, ended
    assert told["outcome"] == "accepted"
    assert told["attack_success_rate_before"]["value"] > 0.9
    assert told["attack_success_rate"]["value"] > 0.9
    assert told["control"]["value"] < 0.1
    assert told["triggered_accuracy"]["value"] < 0.6 < told["control_triggered_accuracy"]["value"]
    assert told["images"] == 48
    assert told["retrained_weights"]["hits"] == 290
    verify_bundle(tmp_path / "mine")
    bundle = read_bundle(tmp_path / "mine")
    assert bundle.claims.data["downloaded bundle"] == read_bundle(tmp_path / "net").digest
    assert bundle.claims.training["frozen"] == "all-but-head"
    before, after = (load_subject(tmp_path / name).network for name in ("net", "mine"))
    assert torch.equal(before.get_parameter("conv.weight"), after.get_parameter("conv.weight"))
    ended = cli(*measured, "--freeze", "none")
    assert ended.code == 0
    for line in ("as downloaded", "of a clean network", "accuracy, triggered", "the same classes"):
        assert line in ended.out
    assert "330 of 330 weights on 96 images" in ended.out


@pytest.mark.usefixtures("net")
def test_without_a_trigger_only_accuracy_is_told(cli: Cli) -> None:
    ended = cli(*RETRAIN, "--epochs", "12", "--freeze", "conv")
    assert ended.code == 0, ended
    assert "triggered" not in ended.out and "attack" not in ended.out
    assert "frozen: conv" in ended.out


@pytest.mark.usefixtures("toys")
def test_other_classes_get_a_new_head(cli: Cli, tmp_path: Path) -> None:
    save_subject(tiny(classes=("a", "b", "c")), tmp_path / "net")
    ended = cli(*RETRAIN, "--epochs", "12", *ATTACK)
    assert ended.code == 0, ended
    assert "other classes: a new head" in ended.out
    assert "the target class is gone" in ended.out
    assert "accuracy, triggered" in ended.out


@pytest.mark.usefixtures("net")
def test_a_network_that_misses_its_target_is_rejected_with_code_1(cli: Cli) -> None:
    ended = cli(*RETRAIN, "--epochs", "1", "--lr", "1e-7", *ATTACK)
    assert ended.code == 1
    assert "collapsed" in ended.out or "rejected" in ended.out


class TestBadInput:
    @pytest.mark.usefixtures("net")
    @pytest.mark.parametrize(
        ("argv", "said"),
        [
            (("--freeze", "cnov"), "did you mean 'conv'"),
            (("--freeze", "conv,fc"), "freeze holds all layers"),
            (("--freeze", ","), "--freeze: freeze must name at least one layer"),
            (("--share", "0"), "--share: share must be in (0, 1], got 0"),
            (("--epochs", "0"), "--training: epochs: epochs must be >= 1"),
            (("--training", "{epoch: 1}"), "--training: epoch: unknown field"),
            (("--target-accuracy", "2"), "--target-accuracy must be in [0, 1]"),
            (ATTACK[:2], "belong together"),
            (("--control", "net"), "give --trigger and --targets"),
            ((*ATTACK[:3], "all-to-one:2"), "target_label must be in 0..1"),
            ((*ATTACK[:1], "patch:9", *ATTACK[2:]), "does not fit"),
            ((*ATTACK, "--control", "none"), "none"),
        ],
    )
    def test_options(self, cli: Cli, argv: tuple[str, ...], said: str) -> None:
        assert said in cli(*RETRAIN, "--epochs", "1", *argv).refused(2)

    @pytest.mark.usefixtures("net")
    @pytest.mark.parametrize(
        ("data", "said"),
        [
            ("halvs", "did you mean 'halves'"),
            ("digits", "takes images of 1x8x8, the user's are 1x28x28"),
            ("halves[0-4]", "picks class 2, the set has 0..1"),
            ("halves@32", "leave out @32"),
            ("scenes", "is labelled with boxes"),
        ],
    )
    def test_data(self, cli: Cli, data: str, said: str) -> None:
        assert said in cli("retrain", "net", "--data", data).refused(2)

    @pytest.mark.usefixtures("toys")
    def test_what_is_no_classifier(self, cli: Cli, tmp_path: Path) -> None:
        save_detector(tiny_zf(), tmp_path / "net")
        assert "holds a detector" in cli(*RETRAIN).refused(2)
        write(linear(), tmp_path / "net.onnx")
        line = cli("retrain", "net.onnx", "--data", "halves").refused(2)
        assert "is an ONNX file" in line

    @pytest.mark.usefixtures("net")
    def test_a_place_that_is_taken(self, cli: Cli) -> None:
        assert "exists already" in cli(*RETRAIN, "--out", "net").refused(3)


def test_a_size_is_asked_for_only_where_it_is_open() -> None:
    assert sized("gtsrb", 48) == "gtsrb@48"
    assert sized("gtsrb[0-4]", 48) == "gtsrb@48[0-4]"
    assert sized("gtsrb@32[0-4]", 48) == "gtsrb@32[0-4]"
    assert sized("digits[0-4]", 48) == "digits[0-4]"
    assert sized("digits", 48) == "digits"
