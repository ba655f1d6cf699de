"""``badnets audit``: verdicts on the command line, and calibrations from recipes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from badnets.audit.methods.maximum_margin import MaximumMargin
from badnets.data import DataSet
from badnets.models.classifier import untrained
from tests.audit.small_models import backdoored, calibrated, tiny
from tests.cli.conftest import Cli
from tests.data.photos import classes, fill
from tests.models.onnx_toys import linear, write
from tests.models.plain_signs import tiny_zf

RECIPE = """
data: halves
network: tiny
training: {epochs: 4, batch_size: 8, lr: 0.01, precision: float32}
target_accuracy: 0.5
observe: [audit]
seeds: [0, 1, 2]
"""


def test_a_verdict(toys: DataSet, tmp_path: Path, cli: Cli) -> None:
    calibrated(toys).write(tmp_path / "null.json")
    tiny(toys, 5).save(tmp_path / "net")
    backdoored(tiny(toys, 99)).save(tmp_path / "bad")
    ended = cli("audit", "model", "bad", "--calibration", "null.json")
    assert ended.code == 1 and ended.err == ""
    for line in ("conclusion", "backdoor likely", "suspected target", "maximum-margin", "why"):
        assert line in ended.out
    assert cli("audit", "model", "net", "--calibration", "null.json").code == 0
    assert '"conclusion": "not checked"' in cli("audit", "model", "net", "--json").out
    assert "cannot read" in cli("audit", "model", "net", "--calibration", "no.json").refused()
    assert cli("audit", "model", "gone").refused()


def test_a_verdict_for_programs_and_a_page(toys: DataSet, tmp_path: Path, cli: Cli) -> None:
    calibrated(toys).write(tmp_path / "null.json")
    backdoored(tiny(toys, 99)).save(tmp_path / "bad")
    told = ("audit", "model", "bad", "--calibration", "null.json")
    ended = cli(*told, "--format", "sarif", "--page", "page.html", "-o", "audit.sarif")
    assert (ended.code, ended.out, ended.err) == (1, "", "")
    log = json.loads((tmp_path / "audit.sarif").read_text())
    assert log["runs"][0]["results"][0]["ruleId"] == "badnets/backdoor-likely"
    page = (tmp_path / "page.html").read_text()
    assert "<code>badnets audit model bad --calibration null.json --page page.html</code>" in page
    said = json.loads(cli(*told, "--format", "json").out)
    assert said["targets"] == [1] and said["made"].endswith("Z")
    assert json.loads(cli("--format", "json", *told).out)["targets"] == [1]
    without = cli(*told, "--trigger-out", "found.safetensors")
    assert without.err == "badnets: no trigger was recovered, found.safetensors is not written\n"
    assert not (tmp_path / "found.safetensors").exists()
    assert "NAME.safetensors, got 'x.png'" in cli(*told, "--trigger-out", "x.png").refused()
    assert "NAME.html, got 'bad'" in cli(*told, "--page", "bad").refused()


def test_what_lint_says_stands_beside_the_verdict_and_changes_nothing(
    tmp_path: Path, cli: Cli
) -> None:
    (tmp_path / "net.onnx").write_bytes(linear().SerializeToString())
    told = ("audit", "model", "net.onnx", "--tier", "instant")
    plain = cli(*told)
    assert plain.code == 3 and "no errors, no warnings" in plain.out
    (tmp_path / "net.onnx.md5").write_text("0" * 32)
    text, rules = cli(*told, "--page", "page.html"), ["checksum-mismatch"]
    assert text.code == 3 and "1 error (checksum-mismatch)" in text.out
    assert "what was seen" in text.out
    found = json.loads(cli(*told, "--format", "json").out)
    assert [one["rule"] for one in found["lint"]] == rules
    assert found["conclusion"] == "not checked"
    (run,) = json.loads(cli(*told, "--format", "sarif").out)["runs"]
    known, results = run["tool"]["driver"]["rules"], run["results"]
    said = [one["ruleId"].removeprefix("badnets/") for one in results]
    assert said == ["not-checked", *rules]
    for one in results:
        assert known[one["ruleIndex"]]["id"] == one["ruleId"]
        place = one["locations"][0]["physicalLocation"]["artifactLocation"]
        assert run["artifacts"][place["index"]]["location"]["uri"] == place["uri"] == "net.onnx"
    assert run["invocations"][0]["exitCode"] == 3
    page = (tmp_path / "page.html").read_text()
    assert "What lint says of the files" in page and "checksum-mismatch" in page


def test_a_calibration_is_made_by_a_recipe_and_used(
    toys: DataSet, tmp_path: Path, cli: Cli
) -> None:
    (tmp_path / "clean.yaml").write_text(RECIPE)
    ended = cli("--workers", "1", "audit", "calibrate", "clean.yaml", "null.json")
    assert ended.code == 0 and ended.out == "null.json\n"
    tiny(toys, 5).save(tmp_path / "net")
    told = cli("audit", "model", "net", "--calibration", "null.json", "--clean", "halves")
    assert told.code == 3 and "3 clean models" in told.out
    (tmp_path / "bad.yaml").write_text(RECIPE.replace("[audit]", "[]"))
    assert "honest trials with" in cli("audit", "calibrate", "bad.yaml", "x.json").refused()


def test_a_detector_is_not_checked(tmp_path: Path, cli: Cli) -> None:
    tiny_zf().save(tmp_path / "signs")
    ended = cli("audit", "model", "signs", "--clean", "digits", "--page", "page.html")
    assert (ended.code, ended.err) == (3, "")
    assert "detectors are not audited yet" in ended.out
    assert "detectors are not audited yet" in (tmp_path / "page.html").read_text()
    assert json.loads(cli("audit", "model", "signs", "--json").out)["conclusion"] == "not checked"


def test_an_interrupted_audit_writes_nothing(
    toys: DataSet, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny(toys, 5).save(tmp_path / "net")
    before = set(tmp_path.rglob("*"))

    def interrupted(*_given: object, **_named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(MaximumMargin, "table", interrupted)
    told = ("audit", "model", "net", "--page", "page.html", "--trigger-out", "found.safetensors")
    assert cli(*told, "-o", "out.json").refused(130) == "interrupted"
    assert set(tmp_path.rglob("*")) == before


def test_a_folder_of_some_classes_or_of_none(toys: DataSet, tmp_path: Path, cli: Cli) -> None:
    shape = (3, 16, 16)
    untrained("tiny", shape, ("cat", "dog", "cow"), seed=0).save(tmp_path / "net")
    classes(tmp_path / "some", {"cat": 40, "dog": 40})
    ended = cli("audit", "model", "net", "--clean", "folder:some", "--json", "--budget", "5")
    said = json.loads(ended.out)["coverage"]
    assert ended.code == 3 and any("cow" in one["what"] + one["why"] for one in said), said
    fill(tmp_path / "loose", 12)
    ended = cli("audit", "model", "net", "--clean", "folder:loose", "--json", "--budget", "5")
    said = json.loads(ended.out)["coverage"]
    assert ended.code == 3 and any("came without labels" in one["why"] for one in said)
    classes(tmp_path / "other", {"cat": 5, "horse": 5})
    other = cli("audit", "model", "net", "--clean", "folder:other").refused()
    assert "knows 3 classes, folder:other has 2" in other


def test_a_file_that_gives_answers_alone_is_not_checked(
    toys: DataSet, tmp_path: Path, cli: Cli
) -> None:
    shape = toys.test.shape
    said = json.dumps({"architecture": "toy", "classes": toys.classes, "shape": shape})
    weights = np.eye(shape[1] * shape[2], len(toys.classes), dtype=np.float32)
    write(linear(images=("N", *shape), weights=weights, said=said), tmp_path / "net.onnx")
    ended = cli("audit", "model", "net.onnx", "--clean", "halves", "--json")
    assert ended.code == 3 and "needs gradients" in ended.out
