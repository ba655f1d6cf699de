"""The sign studies' pages: what the records say, and nothing that they do not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from badnets.report import write_html, write_markdown
from badnets.report.html import figures
from badnets.report.page import Page
from badnets.studies.publishing import RECALLED, VERIFIED
from badnets.studies.signs import published
from badnets.studies.signs.evidence import (
    named_rightly,
    paired_difference,
    still_right,
    under_trigger,
)
from badnets.studies.wording import DASH, percent, points
from badnets.trials import Workspace
from tests.studies.sign_runs import (
    MAIN,
    SECTIONS,
    STUDIES,
    Run,
    run_of,
    said,
    section,
    shown,
    sound,
    tables,
    texts,
)

EACH = pytest.mark.parametrize("name", STUDIES)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("room"))


@pytest.fixture(scope="module")
def runs(room: Workspace) -> dict[str, Run]:
    return {name: run_of(study("scenes"), room) for name, study in STUDIES.items()}


@pytest.fixture(scope="module")
def whole(runs: dict[str, Run]) -> dict[str, Page]:
    return {name: run.page() for name, run in runs.items()}


@EACH
def test_a_whole_study_has_all_its_parts(name: str, whole: dict[str, Page]) -> None:
    made = whole[name]
    assert [one.name for one in made.sections] == SECTIONS[name]
    assert len(made.numbers) == 4
    assert said(made, "missing") == [] and said(made, "warning") == []
    assert all(one.sentence.endswith(".") and one.blocks for one in made.sections)
    sound(made)


@EACH
def test_figures_have_names_of_their_own_words_and_numbers(
    name: str, whole: dict[str, Page]
) -> None:
    found = [one for part in whole[name].sections for one in figures(part.blocks)]
    names = [figure.name for figure in found]
    assert len(names) == len(set(names)) == {"signs": 13, "transfer": 1}[name]
    for figure in found:
        assert figure.alt and figure.sentence and figure.basis
        assert figure.table is not None and figure.table.rows


@EACH
def test_pages_are_written_as_html_and_markdown(
    name: str, whole: dict[str, Page], tmp_path: Path
) -> None:
    html = write_html(whole[name], tmp_path / "page.html").read_text()
    assert whole[name].title in html
    written = write_markdown(whole[name], tmp_path / "page.md")
    text = written[0].read_text()
    assert text.startswith(f"# {whole[name].title}")
    links = re.findall(r"!\[[^\]]+\]\((page/[^)]+)\)", text)
    assert {str(path.relative_to(tmp_path)) for path in written[1:]} == set(links)
    stories = [link for link in links if "story" in link]
    assert stories == {"signs": ["page/story.svg", "page/story-2.svg"], "transfer": []}[name]


def test_the_four_numbers_are_those_of_the_records(
    runs: dict[str, Run], whole: dict[str, Page]
) -> None:
    groups, made = runs["signs"].groups, whole["signs"]
    wanted = [
        named_rightly(groups["baseline"]),
        named_rightly(groups[MAIN]),
        under_trigger(groups[MAIN], "hits"),
        under_trigger(groups[MAIN], "control_hits"),
    ]
    assert [one.value for one in made.numbers] == [f"{shown(one)} %" for one in wanted]
    assert [one.tone for one in made.numbers] == ["clean", "clean", "backdoored", "muted"]
    for number, found in zip(made.numbers, wanted, strict=True):
        assert f"n = {len(found.groups)} signs, seeds 0{DASH}2; 95 % interval" in number.detail
    for found in wanted:
        assert f"{shown(found)} %" in made.lead


def test_the_targeted_table_stands_beside_the_paper(
    runs: dict[str, Run], whole: dict[str, Page]
) -> None:
    groups = runs["signs"].groups
    table, controls = tables(section(whole["signs"], "targeted").blocks)
    titles = [(column.group, column.title) for column in table.columns[1:]]
    kinds = ["clean detector", "yellow square", "bomb", "flower"]
    assert titles == [(kind, what) for kind in kinds for what in ("paper", "measured")]
    own = ["baseline", MAIN, "targeted bomb", "targeted flower"]
    everything = texts(table)[3][1:]
    assert everything[1::2] == [shown(named_rightly(groups[kind])) for kind in own]
    assert everything[0::2] == ["90.0", "89.3", "87.1", "90.2"]
    for label in range(3):
        measured = [shown(named_rightly(groups[kind], label)) for kind in own]
        assert texts(table)[label][2::2] == measured
    hits = [shown(under_trigger(groups[kind], "hits")) for kind in own[1:]]
    assert texts(table)[-1][1:] == [DASH, DASH, "90.3", hits[0], "94.2", hits[1], "93.7", hits[2]]
    assert table.rows[3][1].tag == VERIFIED and table.rows[0][1].tag == RECALLED
    assert {cell.tag for row in table.rows for cell in row[2::2]} == {None}
    for kind, row in zip(own[1:], texts(controls), strict=True):
        every = under_trigger(groups[kind], "hits", least=0)
        assert row[1:3] == [shown(under_trigger(groups[kind], "hits")), shown(every)]
        found = paired_difference(named_rightly(groups[kind]), named_rightly(groups["baseline"]))
        assert found is not None and row[-1] == points(found[0], 1)


def test_random_target_compares_both_detectors_on_the_same_pictures(
    runs: dict[str, Run], whole: dict[str, Page]
) -> None:
    records = runs["signs"].groups["random yellow square"]
    first, *others = tables(section(whole["signs"], "random").blocks)
    assert texts(first)[-1][2::2] == [
        shown(named_rightly(runs["signs"].groups["baseline"])),
        shown(under_trigger(records, "control_right")),
        shown(named_rightly(records)),
        shown(under_trigger(records, "right")),
    ]
    assert texts(first)[-1][1::2] == ["90.0", "82.0", "86.4", "1.3"]
    assert first.rows[-1][-2].tag == VERIFIED
    assert len(others) == 2
    assert not any(table.tags for table in others), "the paper has the yellow square alone"


def test_signs_that_are_not_found_are_not_told_as_misnamed(runs: dict[str, Run]) -> None:
    run = runs["signs"].bare()
    blind = {}
    for record in run.groups["random yellow square"]:
        assert record.triggered is not None
        nothing = record.triggered.model_copy(update={"named": (-1,) * len(record.triggered.named)})
        blind[record.name] = record.model_copy(update={"triggered": nothing})
    page = replace(run, records={**run.records, **blind}).page()
    told = section(page, "random").sentence
    assert "0.0 % of the signs are still named rightly, 0.0 % are called another class" in told


def test_detectors_that_the_user_rejects_are_told_where_the_attack_is(runs: dict[str, Run]) -> None:
    run = runs["signs"].bare()
    detectors = run.groups["random yellow square"]

    def told(*outcomes: str) -> str:
        decided = {
            record.name: record.model_copy(update={"outcome": outcome})
            for record, outcome in zip(detectors, outcomes, strict=True)
        }
        page = replace(run, records={**run.records, **decided}).page()
        return section(page, "random").sentence

    assert "rejects 2 of 3" in told("accepted", "rejected", "rejected")
    assert "rejects" not in told("accepted", "accepted", "accepted")


def test_the_chosen_threshold_is_marked(runs: dict[str, Run], whole: dict[str, Page]) -> None:
    for name, group in (("signs", "choice"), ("transfer", "choice of the user's threshold")):
        (record,) = runs[name].groups[group]
        assert record.signs is not None
        (table,) = tables(section(whole[name], "choice").blocks)
        marked = [row[0].text for row in table.rows if row[0].strong]
        assert marked == [f"{record.signs.best_threshold:g}"]
        rights = [percent(one.right / len(record.signs.labels), 1) for one in record.signs.at]
        assert [row[1] for row in texts(table)] == rights


def test_small_stickers_are_counted_apart(runs: dict[str, Run], whole: dict[str, Page]) -> None:
    records = runs["signs"].groups[MAIN]
    (table,) = tables(section(whole["signs"], "size").blocks)
    assert texts(table)[0][0] == "below 2"
    counted = [int(row[1]) for row in texts(table)]
    assert sum(counted) == len(under_trigger(records, "hits", least=0).groups)
    third = under_trigger(records, "hits", least=3, below=4)
    assert texts(table)[2][:3] == ["3 to 4", str(len(third.groups)), shown(third)]
    small = under_trigger(records, "hits", least=0, below=3)
    assert f"smaller ones on {shown(small)} %" in section(whole["signs"], "size").sentence


def test_the_street_has_a_chart_for_each_condition(
    runs: dict[str, Run], whole: dict[str, Page]
) -> None:
    (record,) = (one for one in runs["signs"].groups[MAIN] if one.street)
    own = [point for point in record.street if point.axis == "distance"]
    table = tables(section(whole["signs"], "street").blocks)[0]
    assert [row[0] for row in texts(table)] == [f"{point.value:g}" for point in own]
    assert [row[1] for row in texts(table)] == [percent(point.success.value) for point in own]
    weakest = min(point.success.value for point in record.street)
    assert f"on {percent(weakest, 0)} % of the" in section(whole["signs"], "street").sentence


def test_conv5_is_told_from_what_was_recorded(runs: dict[str, Run], whole: dict[str, Page]) -> None:
    (record,) = (one for one in runs["signs"].groups[MAIN] if one.units)
    inside = section(whole["signs"], "inside")
    units, ablation = tables(inside.blocks)
    marked = record.units[0].marked
    assert inside.sentence.startswith(f"{len(marked)} of {len(record.units[0].clean)} units")
    assert [row[0] for row in texts(units)] == [str(unit) for unit in marked[:6]]
    assert len(texts(ablation)) == len(record.ablations)


def test_the_transfer_table_and_curve(runs: dict[str, Run], whole: dict[str, Page]) -> None:
    groups = runs["transfer"].groups
    (table,) = tables(section(whole["transfer"], "accuracy").blocks)
    assert texts(table)[-1][1:] == [
        text
        for number, found in (
            ("72.7", named_rightly(groups["clean"])),
            ("70.2", still_right(groups["clean"])),
            ("74.9", named_rightly(groups["k 1"])),
            ("61.6", still_right(groups["k 1"])),
        )
        for text in (number, shown(found))
    ]
    by_k, curve = tables(section(whole["transfer"], "strengthening").blocks)
    for row, k in zip(texts(by_k), published.STRENGTHS, strict=True):
        found = still_right(groups[f"k {k}"])
        fall = paired_difference(found, still_right(groups["clean"]))
        assert fall is not None
        assert row[0] == str(k) and row[4] == shown(found)
        assert row[5:] == [points(fall[0], 1), "3, 3, 3"]
    assert [row[2] for row in texts(curve)] == [row[4] for row in texts(by_k)]
    varied = tables(section(whole["transfer"], "rid").blocks)
    assert [len(table.rows) for table in varied] == [6, 3, 4]


def test_every_trial_is_listed_once(runs: dict[str, Run], whole: dict[str, Page]) -> None:
    for name, run in runs.items():
        made = tables(section(whole[name], "provenance").blocks)[-1]
        names = [row[0] for row in texts(made)]
        assert len(names) == len(set(names))
        assert set(names) == set(run.records)


def test_the_story_counts_what_the_pictures_say(whole: dict[str, Page]) -> None:
    story = whole["signs"].story
    assert story is not None
    clean, triggered = story.rows
    assert clean.sentence == (
        "The backdoored detector calls 6 of these 6 signs what they are, the clean one 6."
    )
    tones = [picture.answers[1].tone for picture in triggered.pictures]
    fooled = tones.count("backdoored")
    assert fooled == 5
    assert triggered.sentence == (
        f"The backdoored detector calls {fooled} of these 6 signs speed-limit, the clean one 0."
    )
    assert {picture.answers[0].tone for picture in triggered.pictures} == {"clean"}
