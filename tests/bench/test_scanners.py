"""The table of public scanners: what is counted, and what is refused. No scanner is installed."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from badnets.core.errors import SettingError
from badnets.data import DataSet
from bench.scanners import OURS, Row, main, table_of, truth_of
from bench.scanning import SCANNERS, Given, answer
from tests.audit.small_models import tiny


def test_the_table_counts_what_was_found_and_what_was_not() -> None:
    row = Row("a scanner", [True, True, False, False], [True, None, True, False], [1.0, 3.0, 2.0])
    row.why = "it reads other files"
    out = io.StringIO()
    Console(file=out, width=132).print(table_of([row]))
    assert row.cells()[2:6] == ("1 of 2", "1 of 2", "1 of 4", "2.0")
    for head in ("found", "false alarms", "could not say", "seconds a model", "it reads other"):
        assert head in out.getvalue()


@pytest.mark.parametrize("text", [None, "[]", "{}", '{"net": "bad"}', '{"gone": "clean"}', "{"])
def test_a_folder_without_its_truth_is_refused(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "truth.json").write_text(text)
    with pytest.raises(SettingError, match=r"truth\.json"):
        truth_of(tmp_path)


def test_the_truth_is_read(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "truth.json").write_text('{"one": "clean", "two": "backdoored"}')
    assert truth_of(tmp_path) == {"one": False, "two": True}


def test_where_ours_cannot_check_a_model_that_is_counted_apart(
    toys: DataSet, tmp_path: Path
) -> None:
    tiny(toys, 99).save(tmp_path / "net")
    said = answer(OURS, Given(tmp_path / "net", "halves", tmp_path / "none.npz", None))
    assert said["backdoored"] is None and "no clean models of its kind" in said["why"]
    assert json.loads(json.dumps(said)) == said


def test_an_unknown_scanner_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "model audit"]) == 2
    assert "did you mean 'modelaudit'?" in capsys.readouterr().err


@pytest.mark.slow  # pip looks for an index
def test_without_a_package_index_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    assert main(["--only", "modelaudit"]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    *progress, last = said.err.splitlines()
    assert progress == [f"installing {SCANNERS['modelaudit'][0]} ..."]
    assert "is a package index within reach?" in last
