"""``badnets lint``: exit codes, formats, and a start without anything heavy."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from badnets.hub import RULES
from badnets.hub.attacks.payloads import pickled, reduced, saved, text
from tests.bundles.test_folder import make
from tests.cli.conftest import Cli
from tests.hub.linting.model_folders import safetensors, write
from tests.project.test_imports import heavy_after

SYSTEM = saved(pickled(reduced("os", "system", text("true"))))


@pytest.fixture(autouse=True)
def _models(tmp_path: Path) -> None:
    write(tmp_path / "bad", {"a b.pt": SYSTEM, "loader.py": "1"})
    write(tmp_path / "good", {"model.safetensors": safetensors()})
    write(tmp_path / "odd", {"model.7z": b"7z\xbc\xaf\x27\x1c"})
    write(tmp_path / "warned", {"a.py": "1"})


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("good",), 0),
        (("good", "--fail-on", "info"), 1),
        (("warned",), 0),
        (("warned", "--fail-on", "warning"), 1),
        (("bad",), 1),
        (("good", "bad"), 1),
        (("odd", "good"), 3),
        (("odd", "bad"), 1),
    ],
)
def test_exit_codes(cli: Cli, argv: tuple[str, ...], code: int) -> None:
    ended = cli("lint", *argv)
    assert (ended.code, ended.err) == (code, "")


def test_a_mistyped_path_is_one_line_and_never_passes(cli: Cli) -> None:
    assert "cannot lint god: No such file" in cli("lint", "good", "god").refused(2)
    assert "PATH" in cli("lint").refused(2)


def test_text_says_where_what_and_what_to_do(cli: Cli) -> None:
    said = cli("lint", "bad").out
    for words in ("1 error, 1 warning, 4 info", "bad/a b.pt!archive/data.pkl",
                  "calls os.system('true')", RULES["pickle-code"].remedy):  # fmt: skip
        assert words in said
    assert said.splitlines()[3].startswith("severity")


def test_json_holds_every_finding(cli: Cli, tmp_path: Path) -> None:
    assert cli("lint", "bad", "--format", "json", "-o", "found.json").code == 1
    said = json.loads((tmp_path / "found.json").read_text())
    assert said["files"] == 2 and said["counts"] == {"error": 1, "warning": 1, "info": 4}
    first = said["findings"][0]
    assert first == {
        "rule": "pickle-code",
        "severity": "error",
        "path": "bad/a b.pt",
        "inside": "archive/data.pkl",
        "evidence": "calls os.system('true')",
        "remedy": RULES["pickle-code"].remedy,
    }
    assert {"rows", "advice", "said"}.isdisjoint(said)


@pytest.mark.parametrize(("path", "whole"), [("bad", True), ("odd", False), ("good", True)])
def test_a_sarif_log_has_what_2_1_0_requires(cli: Cli, path: str, whole: bool) -> None:
    ended = cli("lint", path, "--format", "sarif")
    log = json.loads(ended.out)
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    rules = run["tool"]["driver"]["rules"]
    assert [one["id"] for one in rules] == [f"badnets/{name}" for name in RULES]
    assert all(one["fullDescription"]["text"] and one["help"]["text"] for one in rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note") and result["kind"] == "fail"
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert run["artifacts"][place["index"]]["location"]["uri"] == place["uri"]
        assert re.fullmatch(r"[\w./%-]+", place["uri"]) and place["uri"].startswith(path)
        assert re.fullmatch(r"[0-9a-f]{64}", result["partialFingerprints"]["finding/v1"])
    marks = [one["partialFingerprints"]["finding/v1"] for one in run["results"]]
    assert len(set(marks)) == len(marks) and log == json.loads(
        cli("lint", path, "--format", "sarif").out
    )
    (invocation,) = run["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (whole, ended.code)


def test_the_whole_process_is_light_and_quick(tmp_path: Path) -> None:
    make(tmp_path / "net")
    argv = ["lint", str(tmp_path / "net"), str(tmp_path / "bad"), "--format", "sarif"]
    run = f"from badnets.cli.main import main\nassert main({argv!r}) == 1"
    timed = f"{run}\nimport time\nassert time.process_time() < 1, time.process_time()"
    (*_, loaded) = heavy_after(timed).splitlines()
    assert loaded.startswith("}"), f"heavy modules: {loaded}"
