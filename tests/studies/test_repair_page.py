"""The study of repairs: its trials, and a page from made-up records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from badnets.repair import REPAIRS
from badnets.report import to_markdown
from badnets.studies.repair.trials import METHODS, make
from badnets.studies.wording import DASH
from badnets.trials.checks import check_fit
from badnets.trials.trial import RepairedTrial
from tests.studies.made_digits import DigitMaker
from tests.studies.made_records import Run
from tests.studies.pages import UNDRAWN

pytestmark = UNDRAWN


@pytest.fixture(scope="module")
def run() -> Run:
    return Run.of(make("digits", quick=True), DigitMaker())


def test_every_repair_is_tried_on_every_kind_and_on_clean_networks() -> None:
    assert {*METHODS} == {*REPAIRS}
    groups = make("digits").groups({})
    kinds = [name for name in groups if ": " not in name]
    assert len(kinds) == 13 and kinds[0] == "clean"
    for method in METHODS:
        for kind in kinds:
            own = groups[f"{method}: {kind}"]
            assert [one.start for one in own if isinstance(one, RepairedTrial)] == groups[kind]
            assert all(one.control is None for one in own) == (kind == "clean")
    check_fit(groups["auto: warp"][0])


def test_the_page_compares_what_is_left_and_what_it_cost(run: Run) -> None:
    text = to_markdown(run.page()).text
    assert "By unlearning, attack success falls from 100.0 % to 1.9 %" in text
    for kind in ("patch", "blended", "all to all"):
        assert text.count(f"\n| {kind} |") == 3, "left, right all the same, and cost"
    assert "collapsed" not in text.split("## 1.")[0]
    assert "| clean | 1.05 | 1.05 |" in text


def test_what_was_not_run_is_said(run: Run) -> None:
    text = to_markdown(run.missing("unlearning: patch").page()).text
    assert "Not complete: 1 of 12 networks" in text and f"| patch | {DASH} |" in text
    nothing = to_markdown(Run(run.study, run.maker, {}).page()).text
    assert "No network has been repaired yet." in nothing


def test_collapsed_repairs_are_named_and_depth_is_beside_an_honest_network() -> None:
    study = replace(make("digits", quick=True), methods=("auto",), kinds=("patch",))
    run = Run.of(study, DigitMaker())
    text = to_markdown(run.page()).text
    assert "| patch | 1.95 | **40.00** | 4.00 | 97.00 | 98.00 |" in text
    fallen = run.trials["auto: clean"][0]
    assert f"1 network collapsed, so that nothing was repaired or defended: {fallen.title}" in (
        to_markdown(run.collapse([fallen]).page()).text.replace("\\", "")
    )
