"""badnets export, and badnets evaluate on what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from badnets.models import Subject, onnx_export, save_detector, save_subject
from tests.cli.conftest import Cli
from tests.models.onnx_toys import linear, write
from tests.models.plain_signs import tiny_zf
from tests.models.toys import tiny

ATTACK = ("--trigger", "patch:2", "--targets", "all-to-one:1")
ON = ("--data", "halves")


_made: list[onnx.ModelProto] = []


@pytest.fixture(autouse=True)
def _converted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch convert the one network of these tests once: that takes seconds."""
    really = onnx_export._converted

    def converted(subject: Subject) -> onnx.ModelProto:
        if not _made:
            _made.append(really(subject))
        copied = onnx.ModelProto()
        copied.CopyFrom(_made[0])
        return copied

    monkeypatch.setattr(onnx_export, "_converted", converted)


@pytest.fixture
def net(toys: object, tmp_path: Path) -> Path:
    """Return the bundle of an untrained network of two classes."""
    path = tmp_path / "net"
    save_subject(tiny(), path)
    return path


@pytest.mark.usefixtures("net")
def test_clean_accuracy_and_attack_success_come_through_conversion(cli: Cli) -> None:
    ended = cli("export", "net", "--onnx", "net.onnx", *ON, *ATTACK, "--json")
    assert ended.code == 0, ended
    told = json.loads(ended.out)
    assert told["before"] == told["after"]
    assert told["same_answers"]["hits"] == told["same_answers"]["total"] == 64
    assert 0 <= told["largest_logit_difference"] < 1e-4
    measured = json.loads(cli("evaluate", "net", *ON, *ATTACK, "--json").out)
    again = json.loads(cli("evaluate", "net.onnx", *ON, *ATTACK, "--json").out)
    assert {**again, "bundle": "net"} == measured
    control = cli("evaluate", "net", *ON, *ATTACK, "--control", "net.onnx", "--json")
    assert control.code == ended.code or "collapsed" in control.out
    assert "is an ONNX file" in cli("explain", "net.onnx", *ON, "--trigger", "patch:2").refused(2)


@pytest.mark.usefixtures("net")
def test_as_text_with_data_and_without(cli: Cli) -> None:
    ended = cli("export", "net", "--onnx", "net.onnx", *ON)
    assert "logits differ by" in ended.out
    lines = [line.split() for line in ended.out.splitlines()]
    accuracy = next(line for line in lines if line[:2] == ["clean", "accuracy"])[2:]
    assert accuracy[: len(accuracy) // 2] == accuracy[len(accuracy) // 2 :]
    ended = cli("export", "net", "--onnx", "plain.onnx")
    assert ended.code == 0
    assert "N x 1 x 8 x 8" in ended.out
    assert "accuracy" not in ended.out


@pytest.mark.usefixtures("net")
class TestBadInput:
    @pytest.mark.parametrize(
        ("argv", "said"),
        [
            (("net", "--onnx", "net.pb"), "the name must end in .onnx, got 'net.pb'"),
            (("net", "--onnx", "n.onnx", *ATTACK), "give --data too"),
            (("net", "--onnx", "n.onnx", *ON, *ATTACK[:2]), "belong together"),
            (("net", "--onnx", "n.onnx", "--data", "halvs"), "did you mean 'halves'"),
            (("net", "--onnx", "n.onnx", "--data", "digits"), "takes images of 1x8x8"),
            (("net", "--onnx", "n.onnx", "--data", "scenes"), "is labelled with boxes"),
            (("net", "--onnx", "n.onnx", *ON, "--trigger", "patch:9", *ATTACK[2:]), "not fit"),
            (("net", "--onnx", "n.onnx", *ON, *ATTACK[:3], "all-to-one:5"), "target_label must"),
            (("nothing", "--onnx", "n.onnx"), "nothing"),
            (("net",), "--onnx"),
        ],
    )
    def test_one_line_and_no_file(
        self, cli: Cli, tmp_path: Path, argv: tuple[str, ...], said: str
    ) -> None:
        assert said in cli("export", *argv).refused(2)
        assert not list(tmp_path.glob("*.onnx"))

    def test_a_name_that_is_taken(self, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "net.onnx").touch()
        assert "exists already" in cli("export", "net", "--onnx", "net.onnx").refused(3)

    def test_a_detector(self, cli: Cli, tmp_path: Path) -> None:
        save_detector(tiny_zf(), tmp_path / "detector")
        line = cli("export", "detector", "--onnx", "net.onnx").refused(2)
        assert "holds a detector" in line

    def test_evaluate_on_a_file_that_does_not_fit(self, cli: Cli, tmp_path: Path) -> None:
        write(linear(), tmp_path / "small.onnx")
        write(linear(images=("N", 1, 8, 8)), tmp_path / "odd.onnx")
        assert "takes images of 1x2x2" in cli("evaluate", "small.onnx", *ON).refused(2)
        assert "odd.onnx" in cli("evaluate", "odd.onnx", *ON).refused(2)
        assert "No such file" in cli("evaluate", "none.onnx", *ON).refused(2)
        assert "is for detectors" in cli("evaluate", "small.onnx", "--photos", ".").refused(2)
