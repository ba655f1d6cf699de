"""``badnets audit``: verdicts on the command line, and calibrations from recipes."""

from __future__ import annotations

import json
from pathlib import Path

from badnets.data import DataSet
from tests.audit.small_models import backdoored, calibrated, tiny
from tests.cli.conftest import Cli

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
    assert json.loads(cli(*told, "--format", "json").out)["targets"] == [1]
    assert json.loads(cli("--format", "json", *told).out)["targets"] == [1]
    without = cli(*told, "--trigger-out", "found.safetensors")
    assert without.err == "badnets: no trigger was recovered, found.safetensors is not written\n"
    assert not (tmp_path / "found.safetensors").exists()
    assert "NAME.safetensors, got 'x.png'" in cli(*told, "--trigger-out", "x.png").refused()
    assert "NAME.html, got 'bad'" in cli(*told, "--page", "bad").refused()


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
