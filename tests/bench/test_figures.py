"""What a benchmark says: figures, the wanted ones beside them, and the table at the end."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from bench.measuring import Pairs, interleaved
from bench.results import Result, Wanted
from bench.summary import print_summary

RATIO = Result("ours / theirs", (1.04, 1.02, 1.3), "x", wanted=Wanted("<=", 1.05), note="small")


@pytest.mark.parametrize(
    ("sign", "limit", "value", "verdict"),
    [
        ("<=", 1.05, 1.05, "met"),
        ("<=", 1.05, 1.06, "missed"),
        (">=", 2.5, 2.5, "met"),
        (">=", 2.5, 2.4, "missed"),
        (">=", 2.5, float("nan"), "missed"),
    ],
)
def test_a_figure_is_met_or_missed(sign: str, limit: float, value: float, verdict: str) -> None:
    wanted = Wanted("<=" if sign == "<=" else ">=", limit)
    assert Result("ratio", (value,), "x", wanted=wanted).verdict == verdict


def test_a_figure_whose_condition_failed_is_missed_and_a_small_run_is_not_judged() -> None:
    assert RATIO.verdict == "met"
    assert replace(RATIO, holds=False).verdict == "missed"
    assert replace(RATIO, judged=False).verdict == "not judged"
    assert replace(RATIO, wanted=None).verdict == ""


def test_a_line_tells_all() -> None:
    assert RATIO.line == (
        "ours / theirs: 1.040 x (median, range 1.020 to 1.300, n=3; wanted <= 1.05 x: met) (small)"
    )


def test_a_mean_is_a_mean_and_numbers_have_digits_that_say_something() -> None:
    seeds = Result("accuracy", (99.3, 99.5), "%", centre="mean")
    assert seeds.measured == "99.40 %"
    assert Result("warp", (1234567.8,), "images/s").measured == "1,234,568 images/s"
    assert Result("time", (18.34,), "s").measured == "18.3 s"


def test_a_count_says_of_how_many() -> None:
    held = Result("folders", (20,), "count", wanted=Wanted(">=", 21), tried=21, each={"a": "error"})
    assert held.line == "folders: 20 of 21 (n=21; wanted all: missed)"
    none = Result("let in", (0,), "count", wanted=Wanted("<=", 0), tried=100_026)
    assert (none.measured, none.aim, none.verdict) == ("0 of 100,026", "0", "met")
    assert Result.from_json(json.loads(json.dumps(held.to_json()))) == held


def test_a_result_survives_json() -> None:
    line = {"benchmark": "loop", **json.loads(json.dumps(RATIO.to_json()))}
    assert line["verdict"] == "met"
    assert line["value"] == 1.04
    assert Result.from_json(line) == RATIO


def test_both_sides_are_measured_in_turn() -> None:
    calls: list[str] = []
    pairs = interleaved(lambda: calls.append("ours"), lambda: calls.append("theirs"), 3)
    assert calls == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert len(pairs.ours) == len(pairs.theirs) == 3


def test_ratios_of_a_worked_example() -> None:
    pairs = Pairs((2.0, 3.0), (1.0, 6.0))
    assert pairs.slower == (2.0, 0.5)
    assert pairs.faster == (0.5, 2.0)
    assert pairs.note("ours", "bare") == "ours 2.50 s, bare 3.50 s"


def test_the_table_has_every_figure_and_the_failures() -> None:
    out = io.StringIO()
    missed = replace(RATIO, what="another", values=(1.2,))
    print_summary({"loop": [RATIO, missed], "pool": None}, Console(file=out, width=132))
    text = out.getvalue()
    for word in ("ours / theirs", "1.040 x", "<= 1.05 x", "met", "another", "missed", "failed"):
        assert word in text
