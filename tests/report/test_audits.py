"""The page and the SARIF log of an audit, whatever it says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from badnets.audit import audit
from badnets.core.nulls import placed
from badnets.core.standings import standings
from badnets.data import DataSet
from badnets.report import to_html
from badnets.report.audit_figures import class_table
from badnets.report.audits import audit_page
from badnets.report.page import Page, Story
from badnets.report.sarif_log import sarif
from tests.audit.small_models import audited, calibrated, tiny

CONCLUSIONS = pytest.mark.parametrize(
    "conclusion", ["backdoor likely", "nothing found", "not checked"]
)


@CONCLUSIONS
def test_a_page_says_what_was_found_and_what_was_not_looked_at(
    toys: DataSet, conclusion: str
) -> None:
    given = audited(toys, conclusion)
    assert given.verdict.conclusion == conclusion
    page = audit_page(given, "net", "badnets audit model net")
    html = to_html(page)
    assert page.title.lower().startswith(
        {"backdoor likely": "a backdoor is likely"}.get(conclusion, conclusion.split()[0])
    )
    names = [section.name for section in page.sections]
    assert {"methods", "classes", "coverage", "basis"} <= set(names)
    assert ("among" in names) == (conclusion != "not checked")
    assert ("trigger" in names) == (conclusion == "backdoor likely")
    for missed in given.verdict.coverage:
        assert missed.what in html and missed.why.split(" needs ")[0] in html
    (last,) = (section.sentence for section in page.sections if section.name == "coverage")
    assert ("natural shortcut" in last) == (conclusion == "backdoor likely")
    assert not re.search(r"\bsafe\b|is clean\b|no backdoor", re.sub("<style.*?</style>", "", html))


def test_several_targets_are_said_to_go_by_source(toys: DataSet) -> None:
    given = audited(toys, "backdoor likely")
    several = given._replace(verdict=given.verdict.model_copy(update={"targets": (0, 1)}))
    assert audit_page(several, "net", "again").title.endswith("with 2 targets, by source class")


def test_the_picture_shows_images_without_and_with_the_trigger(toys: DataSet) -> None:
    page = audit_page(audited(toys, "backdoor likely"), "net", "again")
    assert page.story is not None
    before, after = page.story.rows
    assert len(before.pictures) == len(after.pictures) == 8
    assert all(one.mark is not None and one.mark[1] > 0.5 for one in after.pictures)
    values = {one.label: one.value for one in page.numbers}
    assert values["The same images without it"] == "3.1 %"
    alone = next(one for one in _stories(page) if "on black" in one.rows[0].pictures[0].alt)
    assert len(alone.rows[0].pictures) == 3
    unlike = audit_page(audited(toys, "not checked"), "net", "again")
    assert unlike.story is not None and len(unlike.story.rows) == 1
    assert audit_page(audited(toys, "nothing found"), "net", "again").story is None, "no images"


def _stories(page: Page) -> list[Story]:
    return [block for one in page.sections for block in one.blocks if isinstance(block, Story)]


def test_a_comparison_that_carries_no_verdict_is_shown_with_the_reason(toys: DataSet) -> None:
    given = audit(tiny(toys, 5), calibration=calibrated(toys), max_fpr=0.01)
    page = audit_page(given, "net", "again")
    assert page.title.startswith("Not checked") and page.notes == ()
    assert "cannot carry a verdict: 24 clean models cannot vouch for a rate of 0.01" in page.lead
    among = next(section for section in page.sections if section.name == "among")
    assert "That says nothing here" in among.sentence


def test_all_models_are_scored_as_the_verdict_scores_the_suspect(toys: DataSet) -> None:
    given = audited(toys, "backdoor likely")
    nulls = given.ruling.nulls
    tables = {one.method: given.ruling.tables[one.method] for one in nulls}
    place, all_of = placed(tables, nulls), standings(tables, nulls)
    assert all_of.scores[-1] == pytest.approx(place.score)
    assert len(all_of.scores) == 25 and max(all_of.scores) == all_of.scores[-1]
    assert {name: scores[-1] for name, scores in all_of.methods.items()} == pytest.approx(
        {name: one.score for name, one in place.methods.items()}
    )


@pytest.mark.parametrize("count", [2, 5, 30])
@pytest.mark.parametrize("rows", ["one", "pairs"])
@pytest.mark.parametrize("calibrated_", [True, False])
def test_a_table_is_drawn_for_any_number_of_classes(
    count: int, rows: str, calibrated_: bool
) -> None:
    line = tuple(float(k) for k in range(count))
    pairs = tuple(
        tuple(None if source == k else cell for k, cell in enumerate(line))
        for source in range(count)
    )
    svg = class_table(
        (line,) if rows == "one" else pairs,
        [f"class {k}" for k in range(count)],
        pointed_at=(1,),
        calibrated=calibrated_,
        salt="t",
    )
    assert svg.startswith("<svg") and "nan" not in svg.lower()
    assert "class" in svg


@CONCLUSIONS
def test_a_sarif_log_has_what_2_1_0_requires(toys: DataSet, conclusion: str) -> None:
    verdict = audited(toys, conclusion).verdict
    log: dict[str, Any] = sarif(verdict, "some net")
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "badnets"
    assert [set(rule) >= {"id", "shortDescription", "fullDescription"} for rule in driver["rules"]]
    (result,) = run["results"]
    assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert result["message"]["text"].endswith(".")
    level = {"backdoor likely": "error", "nothing found": "none", "not checked": "note"}
    assert result["level"] == level[conclusion]
    assert (result["kind"] == "fail") == (result["level"] != "none"), "as 3.27.10 wants it"
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place["uri"] == run["artifacts"][place["index"]]["location"]["uri"] == "some%20net"
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] == (conclusion != "not checked")
    assert invocation["exitCode"] == verdict.exit_code
    notices = invocation["toolExecutionNotifications"]
    assert len(notices) == len(verdict.notes) + len(verdict.coverage)
    assert all(one["message"]["text"] and one["level"] for one in notices)
    told = result["properties"]
    assert told["conclusion"] == conclusion and "coverage" in told
    if conclusion != "not checked":
        assert told["p_value"] == verdict.p_value and told["null"] == "approximate"
