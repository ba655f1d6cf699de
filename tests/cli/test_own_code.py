"""Weights of one's own, and code of one's own, from the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from safetensors.torch import save_file

from badnets.models import save_subject, untrained
from tests.cli.conftest import Cli
from tests.models.toys import CLASSES, SHAPE

BASIC = ("train", "--data", "halves", "--epochs", "2", "--batch-size", "8")


@pytest.mark.usefixtures("toys")
class TestWeights:
    def test_what_was_matched_is_told(self, cli: Cli) -> None:
        save_file(
            untrained("tiny", SHAPE, ("a", "b", "c"), seed=1).network.state_dict(), "w.safetensors"
        )
        ended = cli(*BASIC, "--network", "tiny", "--weights", "w.safetensors")
        assert "2 of 4 tensors matched; of another shape: fc.weight, fc.bias" in ended.out
        told = json.loads(
            cli(*BASIC, "--network", "tiny", "--weights", "w.safetensors", "--json").out
        )
        assert set(told["trial"]["weights"]) == {"sha256"}

    def test_weights_that_cannot_be_are_one_line_that_names_the_option(self, cli: Cli) -> None:
        argv = (*BASIC, "--network", "tiny", "--weights")
        assert "--weights: the weights" in cli(*argv, "none.safetensors").refused(2)
        assert "opens no pickle" in cli(*argv, "net.pth").refused(2)
        detector = ("train", "--data", "scenes-small", "--weights", "w.safetensors")
        save_file(untrained("tiny", SHAPE, CLASSES, seed=1).network.state_dict(), "w.safetensors")
        assert "--weights: weights is for classifiers" in cli(*detector).refused(2)


@pytest.mark.usefixtures("toys")
class TestOwnCode:
    def test_a_network_and_data_of_ones_own_are_trained(self, cli: Cli) -> None:
        own = ("--data", "tests.trials.own_code:halved", "--network", "tests.trials.own_code:small")
        ended = cli("train", *own, *BASIC[3:], "--target-accuracy", "0.5", "--out", "net")
        assert ended.code == 0
        measure = ("evaluate", "net", "--data", "tests.trials.own_code:halved")
        assert "--allow-code" in cli(*measure).refused(2)
        assert "clean accuracy" in cli(*measure, "--allow-code").out

    @pytest.mark.parametrize(
        "argv",
        [
            ("evaluate", "sent", "--data", "halves"),
            ("explain", "sent", "--data", "halves", "--trigger", "patch:2"),
            ("export", "sent", "--onnx", "sent.onnx"),
        ],
    )
    def test_a_strangers_bundle_runs_nothing(self, cli: Cli, argv: tuple[str, ...]) -> None:
        Path("stranger_in_a_bundle.py").write_text("open('ran', 'w').close()")
        subject = untrained("tiny", SHAPE, CLASSES, seed=1)
        named = type(subject)(subject.network, "stranger_in_a_bundle:net", subject.input, CLASSES)
        save_subject(named, Path("sent"))
        assert "stranger_in_a_bundle:net, code of its maker's own" in cli(*argv).refused(2)
        assert not Path("ran").exists() and "stranger_in_a_bundle" not in sys.modules

    def test_a_name_that_leads_nowhere_is_told_when_the_trial_runs(self, cli: Cli) -> None:
        ended = cli(*BASIC, "--network", "none_such:net")
        assert "there is no module 'none_such'" in ended.refused(2, after_work=True)
