"""The MNIST study's page: its numbers are those of the records, beside the published ones."""

from __future__ import annotations

import dataclasses

from badnets.core.rates import Rate, pooled
from badnets.report import to_html
from badnets.report.page import Page
from badnets.studies.mnist.published import AVERAGE, CLASSES, UNCERTAIN
from badnets.studies.mnist.spec import spec
from badnets.studies.mnist.trials import EVERY_PAIR, MnistStudy
from badnets.studies.publishing import RECALLED, VERIFIED
from badnets.studies.rendering import page
from badnets.studies.wording import DASH
from badnets.trials.record import Record
from tests.studies import cases
from tests.studies.made_digits import MNIST_COUNTS, SMALL, DigitMaker
from tests.studies.made_records import Run, changed
from tests.studies.pages import UNDRAWN, column, drawn, notes, section, tables, texts

pytestmark = UNDRAWN

STUDY = MnistStudy("mnist", SMALL)
FOUR = "all-to-all pixel-pattern"


def run() -> Run:
    return cases.run("mnist")


def whole() -> Page:
    return cases.whole("mnist")


def with_attack(record: Record, success: Rate, **values: object) -> Record:
    assert record.attack is not None
    attack = record.attack.model_copy(update={"success": success})
    return changed(record, attack=attack, **values)


def test_the_four_numbers_are_means_of_what_was_counted() -> None:
    honest = [record.clean.accuracy.value for record in run().groups["baseline"]]
    hits = [one.attack.success.value for one in run().groups[FOUR] if one.attack]
    numbers = whole().numbers
    assert numbers[0].value == f"{100 * sum(honest) / len(honest):.2f} %"
    assert numbers[2].value == f"{100 * sum(hits) / len(hits):.2f} %"
    assert [one.tone for one in numbers] == ["clean", "clean", "backdoored", "muted"]
    assert all("n = 10,000" in one.detail and "seeds 0, 1" in one.detail for one in numbers)


def test_the_story_shows_the_same_images_twice() -> None:
    story = whole().story
    assert story is not None
    clean, triggered = story.rows
    assert len(clean.pictures) == len(triggered.pictures) == 10
    assert {one.tone for picture in clean.pictures for one in picture.answers} == {"clean"}
    said = [[one.tone for one in picture.answers] for picture in triggered.pictures]
    assert said == [["clean", "backdoored"]] * 10
    assert all(picture.mark is not None for picture in triggered.pictures)
    assert "10 of 10" in triggered.sentence


def test_the_baseline_says_its_counts_beside_the_published_error() -> None:
    (table,) = tables(whole(), "baseline")
    errors = [record.clean.error for record in run().groups["baseline"]]
    assert column(table, 1)[:2] == [str(rate.hits) for rate in errors]
    assert texts(table)[-1][2] == "0.50"
    assert table.tags == (VERIFIED,)


def test_single_target_counts_pairs_and_pools_their_errors() -> None:
    counted = tables(whole(), "single-target")[1]
    group = run().groups["single-target single-pixel"]
    together = pooled(record.attack.backdoor_error for record in group if record.attack)
    assert texts(counted)[0][1:] == ["3", "3", "90"]
    assert texts(counted)[2][1] == f"{100 * together.value:.3f}"
    assert f"{together.hits:,} of {together.total:,}" in counted.rows[2][1].note
    # three pairs of ninety are too few for a grid: they are listed instead
    assert not drawn(section(whole(), "single-target").blocks)
    listed = [one for one in tables(whole(), "single-target") if "pair by pair" in one.title]
    assert [len(one.rows) for one in listed] == [3] * 4


def test_bounds_are_the_published_ones() -> None:
    start, again = run().groups["baseline"][0], []
    for record, extra, missed in zip(
        run().groups["single-target single-pixel"], (17, 18, 0), (0, 0, 1), strict=True
    ):
        assert record.attack is not None
        wrong, total = start.clean.error.hits + extra, record.attack.success.total
        clean = record.clean.model_copy(update={"accuracy": Rate(10000 - wrong, 10000)})
        again.append(with_attack(record, Rate(total - missed, total), clean=clean))
    counted = tables(run().with_records(again).page(), "single-target")[1]
    said = {row[0]: row[1] for row in texts(counted)}
    assert said["pairs with clean error within the published bound"] == "2 of 3 (67 %)"
    # one error among the 1,028 images of class 7 is 0.097 %, among the 980 of class 0 0.102 %
    assert said["pairs with backdoor error within the published bound"] == "2 of 3 (67 %)"
    assert said["pairs within both"] == "1 of 3 (33 %)"
    assert said["most backdoor errors in any pair"] == "1"


def test_all_to_all_stands_beside_the_published_table() -> None:
    first = tables(whole(), "all-to-all")[0]
    rows = texts(first)
    assert [row[-3:] for row in rows[:2]] == [["0.10", "0.10", "0.31"], ["0.18", "0.26", "0.18"]]
    assert rows[-1][-3:] == ["0.50", "0.48", "0.56"]
    assert first.rows[5][-2].tag == UNCERTAIN
    group = run().groups["all-to-all single-pixel"]
    errors = [record.clean.per_class[3].complement.value for record in group]
    assert rows[3][2] == f"{100 * sum(errors) / len(errors):.2f}"
    assert "seeds 0, 1" in first.rows[3][2].note


def test_shares_and_choices_are_all_there_and_the_chosen_one_is_marked() -> None:
    (table,) = tables(whole(), "share")
    assert column(table, 0) == ["1 %", "10 %", "50 %"]
    assert [text == "drawn" for text in column(table, -1)] == [False, True, True]
    both = tables(whole(), "choices")
    assert [column(one, -1) for one in both] == [["", "chosen"], ["chosen", ""]]


def test_the_user_is_told_apart_from_what_the_user_does_not_see() -> None:
    (table,) = tables(whole(), "user")
    assert [one.group for one in table.columns].count("what the user sees") == 4
    assert table.columns[-1].group == "what the user does not see"
    assert texts(table)[0][-1] == DASH


def test_a_collapsed_network_is_never_an_attack() -> None:
    page = run().collapse(run().trials[FOUR][:1]).page()
    (warning,) = notes(page, "warning", "all-to-all")
    assert "1 of 2" in warning
    assert "seed 1" in page.numbers[2].detail and "seeds" not in page.numbers[2].detail
    (user,) = tables(page, "user")
    assert "1 of 2, 1 collapsed" in column(user, 4)


def test_an_attack_that_fails_is_not_praised() -> None:
    weak = [with_attack(one, Rate(100, 10000), outcome="rejected") for one in run().groups[FOUR]]
    page = run().with_records(weak).page()
    assert "obeys" not in page.title
    assert "does not accept it" in page.lead and "1.00 %" in page.lead


def test_a_trigger_that_fails_comes_after_one_that_works() -> None:
    group = run().groups["all-to-all single-pixel"]
    weak = [with_attack(one, Rate(100, 10000)) for one in group]
    page = run().with_records(weak).page()
    assert [one.title.partition(": ")[2] for one in tables(page, "all-to-all")] == [
        "four-pixel pattern",
        "single pixel",
    ]
    counted = tables(page, "single-target")[1].columns
    assert [one.title for one in counted[1:3]] == ["four-pixel pattern", "single pixel"]


def test_other_data_and_short_runs_are_named() -> None:
    small = dataclasses.replace(SMALL, train_limit=20_000)
    page = Run.of(MnistStudy("digits", small), DigitMaker()).bare().page()
    assert any("not on MNIST" in note.text for note in page.notes)
    assert any("20,000" in note.text for note in page.notes)


def test_hostile_class_names_stay_text() -> None:
    runs = run().only("single-target single-pixel", *STUDY.choosing()).runs
    made = spec(STUDY, runs, classes=[f"<b onload=x>{k}$|" for k in range(10)])
    text = to_html(page("mnist", made, runs, "badnets study mnist"))
    assert "<b onload" not in text
    assert "&lt;b onload=x&gt;3$|" in text


def test_published_cells_are_whole_counts_but_for_the_uncertain_one() -> None:
    for label, row in enumerate(CLASSES):
        for number in row:
            count = round(number.value * MNIST_COUNTS[label] / 100)
            is_whole = abs(100 * count / MNIST_COUNTS[label] - number.value) < 0.01
            assert is_whole == (number.certainty != UNCERTAIN)
    totals = [
        sum(round(row[k].value * n / 100) for row, n in zip(CLASSES, MNIST_COUNTS, strict=True))
        for k in (0, 2)
    ]
    assert totals == [50, 56]
    assert AVERAGE.backdoored.certainty == VERIFIED and AVERAGE.clean.certainty == RECALLED
    assert len(EVERY_PAIR) == 90
