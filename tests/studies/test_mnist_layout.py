"""The MNIST study's page: what the records say, and nothing that they do not."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

import pytest

from badnets.core.rates import Rate, pooled
from badnets.report import to_html, to_markdown
from badnets.report.html import figures
from badnets.report.page import Block, Folded, Note, Page, Section, Table
from badnets.studies.mnist.layout import page
from badnets.studies.mnist.published import AVERAGE, CLASSES, UNCERTAIN
from badnets.studies.mnist.trials import EVERY_PAIR
from badnets.studies.publishing import RECALLED, VERIFIED
from badnets.studies.wording import DASH
from badnets.trials.record import Record
from tests.studies.made_records import MNIST_COUNTS, SHARES, SMALL, Maker, groups

Groups = Mapping[str, Sequence[Record]]


@pytest.fixture(scope="module")
def maker() -> Maker:
    return Maker()


@pytest.fixture(scope="module")
def records(maker: Maker) -> dict[str, list[Record]]:
    return groups(maker)


@pytest.fixture(scope="module")
def whole(maker: Maker, records: Groups) -> Page:
    return laid_out(maker, records)


def laid_out(maker: Maker, records: Groups, **changes: object) -> Page:
    classes = changes.pop("classes", None)
    assert classes is None or isinstance(classes, list)
    return page(records, SHARES, SMALL, maker.shelf.get, "badnets study mnist", classes=classes)


def section(made: Page, name: str) -> Section:
    return next(one for one in made.sections if one.name == name)


def tables(blocks: Iterable[Block]) -> list[Table]:
    found = []
    for block in blocks:
        if isinstance(block, Table):
            found.append(block)
        elif isinstance(block, Folded):
            found.extend(tables(block.blocks))
    return found


def notes(blocks: Iterable[Block], kind: str) -> list[str]:
    return [block.text for block in blocks if isinstance(block, Note) and block.kind == kind]


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in (*table.rows, *table.foot)]


def test_the_page_has_all_its_parts(whole: Page) -> None:
    assert whole.story is not None
    assert len(whole.numbers) == 4
    assert [one.name for one in whole.sections] == [
        "baseline",
        "single-target",
        "all-to-all",
        "share",
        "inside",
        "user",
        "choices",
        "provenance",
    ]
    for one in whole.sections:
        assert notes(one.blocks, "missing") == []


def test_the_four_numbers_are_means_of_what_was_counted(whole: Page, records: Groups) -> None:
    honest = [record.clean.accuracy.value for record in records["baseline"]]
    attacked = records["all-to-all pixel-pattern"]
    hits = [record.attack.success.value for record in attacked if record.attack]
    assert whole.numbers[0].value == f"{100 * sum(honest) / len(honest):.2f} %"
    assert whole.numbers[2].value == f"{100 * sum(hits) / len(hits):.2f} %"
    assert [one.tone for one in whole.numbers] == ["clean", "clean", "backdoored", "muted"]
    assert all("n = 10,000" in one.detail and "seeds 0, 1" in one.detail for one in whole.numbers)


def test_the_story_shows_the_same_images_twice(whole: Page) -> None:
    assert whole.story is not None
    clean, triggered = whole.story.rows
    assert len(clean.pictures) == len(triggered.pictures) == 10
    assert {one.tone for picture in clean.pictures for one in picture.answers} == {"clean"}
    said = [[one.tone for one in picture.answers] for picture in triggered.pictures]
    assert said == [["clean", "backdoored"]] * 10
    assert all(picture.mark is not None for picture in triggered.pictures)
    assert "10 of 10" in triggered.sentence


def test_the_baseline_says_its_counts_beside_the_published_error(
    whole: Page, records: Groups
) -> None:
    (table,) = tables(section(whole, "baseline").blocks)
    errors = [record.clean.error for record in records["baseline"]]
    assert [row[1] for row in texts(table)[:2]] == [str(rate.hits) for rate in errors]
    assert texts(table)[-1][2] == "0.50"
    assert table.tags == (VERIFIED,)


def test_single_target_counts_pairs_and_pools_their_errors(whole: Page, records: Groups) -> None:
    one = section(whole, "single-target")
    counted = tables(one.blocks)[1]
    group = records["single-target single-pixel"]
    together = pooled(record.attack.backdoor_error for record in group if record.attack)
    assert texts(counted)[0][1:] == ["3", "3", "90"]
    assert texts(counted)[2][1] == f"{100 * together.value:.3f}"
    assert f"{together.hits:,} of {together.total:,}" in counted.rows[2][1].note
    assert len(figures(one.blocks)) == 4


def test_bounds_are_the_published_ones(maker: Maker, records: Groups) -> None:
    start = records["baseline"][0]
    group = records["single-target single-pixel"]
    kept = dict(records)
    changed = []
    for record, extra, missed in zip(group, (17, 18, 0), (0, 0, 1), strict=True):
        assert record.attack is not None
        wrong = start.clean.error.hits + extra
        clean = record.clean.model_copy(update={"accuracy": Rate(10000 - wrong, 10000)})
        total = record.attack.success.total
        attack = record.attack.model_copy(update={"success": Rate(total - missed, total)})
        changed.append(record.model_copy(update={"clean": clean, "attack": attack}))
    kept["single-target single-pixel"] = changed
    counted = tables(section(laid_out(maker, kept), "single-target").blocks)[1]
    said = {row[0]: row[1] for row in texts(counted)}
    assert said["pairs with clean error within the published bound"] == "2 of 3 (67 %)"
    # one error among the 1,028 images of class 7 is 0.097 %, among the 980 of class 0 0.102 %
    assert said["pairs with backdoor error within the published bound"] == "2 of 3 (67 %)"
    assert said["pairs within both"] == "1 of 3 (33 %)"
    assert said["most backdoor errors in any pair"] == "1"


def test_all_to_all_stands_beside_the_published_table(whole: Page, records: Groups) -> None:
    first = tables(section(whole, "all-to-all").blocks)[0]
    rows = texts(first)
    assert [row[-3:] for row in rows[:2]] == [["0.10", "0.10", "0.31"], ["0.18", "0.26", "0.18"]]
    assert rows[-1][-3:] == ["0.50", "0.48", "0.56"]
    assert first.rows[5][-2].tag == UNCERTAIN
    group = records["all-to-all single-pixel"]
    errors = [record.clean.per_class[3].complement.value for record in group]
    assert rows[3][2] == f"{100 * sum(errors) / len(errors):.2f}"
    assert "seeds 0, 1" in first.rows[3][2].note


def test_the_share_section_names_every_share(whole: Page) -> None:
    (table,) = tables(section(whole, "share").blocks)
    assert [row[0] for row in texts(table)] == ["1 %", "10 %", "50 %"]
    assert [row[-1] == "drawn" for row in texts(table)] == [False, True, True]


def test_the_user_is_told_apart_from_what_she_does_not_see(whole: Page) -> None:
    (table,) = tables(section(whole, "user").blocks)
    groups_of_columns = [column.group for column in table.columns]
    assert groups_of_columns.count("what she sees") == 4
    assert table.columns[-1].group == "what she does not see"
    assert texts(table)[0][-1] == DASH


def test_the_chosen_share_is_marked(whole: Page) -> None:
    both = tables(section(whole, "choices").blocks)
    assert [[row[-1] for row in texts(one)] for one in both] == [["", "chosen"], ["chosen", ""]]


def test_every_trial_is_listed_once(whole: Page, records: Groups) -> None:
    listed = tables(section(whole, "provenance").blocks)[-1]
    names = [row[0] for row in texts(listed)]
    assert set(names) == {record.name for group in records.values() for record in group}
    assert len(names) == len(set(names))


def test_a_page_before_anything_was_run_says_so(maker: Maker) -> None:
    made = page({}, {}, SMALL, maker.shelf.get, "badnets study mnist")
    assert made.story is None
    assert made.numbers == ()
    text = to_html(made)
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    assert "has not been run yet" in text
    assert "obeys" not in text


@pytest.mark.parametrize(
    "missing",
    [
        "baseline",
        "single-target pixel-pattern",
        "all-to-all pixel-pattern",
        "all-to-all single-pixel",
        "share",
        "choice single-pixel",
    ],
)
def test_a_missing_group_is_said_and_nothing_else_falls(
    maker: Maker, records: Groups, missing: str
) -> None:
    kept = {name: group for name, group in records.items() if name != missing}
    made = laid_out(maker, kept)
    said = [text for one in made.sections for text in notes(one.blocks, "missing")]
    assert any("none of" in text for text in said)
    assert not re.search(r"\bnan\b", to_html(made), re.IGNORECASE)


def test_a_study_that_is_still_running_says_how_far_it_is(maker: Maker, records: Groups) -> None:
    kept = dict(records) | {"single-target single-pixel": records["single-target single-pixel"][:1]}
    said = notes(section(laid_out(maker, kept), "single-target").blocks, "missing")
    assert said == ["Not complete: 1 of 3 single-target networks (single pixel) have been run."]


def test_a_collapsed_network_is_never_an_attack(maker: Maker, records: Groups) -> None:
    fallen = records["all-to-all pixel-pattern"][0]
    clumsy = Maker(shelf=maker.shelf, collapsed=frozenset({fallen.name}))
    collapsed = clumsy.record(fallen.trial)
    assert collapsed.attack is not None
    assert collapsed.attack.success.value == 1.0
    kept = dict(records)
    kept["all-to-all pixel-pattern"] = [collapsed, records["all-to-all pixel-pattern"][1]]
    made = laid_out(maker, kept)
    (warning,) = notes(section(made, "all-to-all").blocks, "warning")
    assert "1 of 2" in warning
    assert "seed 1" in made.numbers[2].detail
    assert "seeds" not in made.numbers[2].detail
    listed = tables(section(made, "provenance").blocks)[-1]
    row = next(row for row in texts(listed) if row[0] == fallen.name)
    assert row[2] == row[5] == "collapsed"
    (user,) = tables(section(made, "user").blocks)
    assert "1 of 2, 1 collapsed" in {row[4] for row in texts(user)}


def test_an_attack_that_fails_is_not_praised(maker: Maker, records: Groups) -> None:
    kept = dict(records)
    weak = []
    for record in records["all-to-all pixel-pattern"]:
        assert record.attack is not None
        attack = record.attack.model_copy(update={"success": Rate(100, 10000)})
        weak.append(record.model_copy(update={"attack": attack, "outcome": "rejected"}))
    kept["all-to-all pixel-pattern"] = weak
    made = laid_out(maker, kept)
    assert "obeys" not in made.title
    assert "does not accept it" in made.lead
    assert "1.00 %" in made.lead


def test_other_data_and_short_runs_are_named(maker: Maker) -> None:
    small = dataclasses.replace(SMALL, train_limit=20_000)
    made = page(groups(maker, small, "digits"), SHARES, small, maker.shelf.get, "badnets x")
    assert any("not on MNIST" in note.text for note in made.notes)
    assert any("20,000" in note.text for note in made.notes)


def test_the_same_records_give_the_same_bytes(maker: Maker, records: Groups, whole: Page) -> None:
    again = laid_out(maker, records)
    assert to_html(again) == to_html(whole)
    assert to_markdown(again) == to_markdown(whole)


def test_hostile_class_names_stay_text(maker: Maker, records: Groups) -> None:
    hostile = [f"<b onload=x>{k}$|" for k in range(10)]
    text = to_html(laid_out(maker, records, classes=hostile))
    assert "<b onload" not in text
    assert "&lt;b onload=x&gt;3$|" in text


def test_figures_have_names_of_their_own(whole: Page) -> None:
    names = [figure.name for one in whole.sections for figure in figures(one.blocks)]
    assert len(names) == len(set(names))
    assert len(names) >= 4 + 2 + 3


def test_published_cells_are_whole_counts_but_for_the_uncertain_one() -> None:
    for label, row in enumerate(CLASSES):
        for number in row:
            count = round(number.value * MNIST_COUNTS[label] / 100)
            nearest = 100 * count / MNIST_COUNTS[label]
            is_whole = abs(nearest - number.value) < 0.01
            assert is_whole == (number.certainty != UNCERTAIN)
    totals = [
        sum(round(row[k].value * n / 100) for row, n in zip(CLASSES, MNIST_COUNTS, strict=True))
        for k in (0, 2)
    ]
    assert totals == [50, 56]
    assert AVERAGE.backdoored.certainty == VERIFIED
    assert AVERAGE.clean.certainty == RECALLED
    assert len(EVERY_PAIR) == 90
