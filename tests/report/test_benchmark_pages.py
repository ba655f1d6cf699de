"""Pages of benchmarks: figures beside those wanted, from what was recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from badnets.core.errors import DataError
from badnets.studies.benchmarks import write_benchmarks

FIGURES = "sweeps.jsonl"

ROW = {
    "benchmark": "sweeps", "created": "2026-11-30T04:00:00", "what": "1,000 trials, each",
    "aim": "<= 0.003 s", "measured": "0.001 s", "spread": "", "n": 1, "verdict": "met", "note": "",
    "each": {}, "machine": {"processor": "any", "cores": 2},
}  # fmt: skip


def test_figures_stand_beside_those_wanted(tmp_path: Path) -> None:
    assert write_benchmarks(tmp_path, tmp_path) == []
    lines = [ROW, {**ROW, "benchmark": "drivers", "what": "throughput", "verdict": "missed"}]
    lines.append({**ROW, "benchmark": "hub", "what": "a pull"})
    (tmp_path / FIGURES).write_text("".join(f"{json.dumps(one)}\n" for one in lines))
    page, table = write_benchmarks(tmp_path, tmp_path)
    text = page.read_text()
    assert "1 of 2 figures are met; the others are named below" in text
    assert "1,000 trials, each" in text and "a pull" not in text
    assert text.index("What a trial costs") < text.index("Several drivers") < len(text)
    assert "throughput" in table.read_text()


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / FIGURES).write_text('{"benchmark": "sweeps"}\n')
    with pytest.raises(DataError, match="a line is none of"):
        write_benchmarks(tmp_path, tmp_path)


def test_the_guard_has_a_page_of_its_own(tmp_path: Path) -> None:
    row = {**ROW, "benchmark": "guard", "what": "mnist, patch: AUROC", "note": "strip 88.5"}
    (tmp_path / "guards.jsonl").write_text(f"{json.dumps(row)}\n")
    page, _ = write_benchmarks(tmp_path, tmp_path)
    assert page.name == "guards.md"
    text = page.read_text()
    assert "strip 88.5" in text
    assert "python -m bench guard --json results/guards.jsonl --replace" in text
