"""The retraining page: what it says follows from the records, and what is missing is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from badnets.core.errors import LedgerError
from badnets.report import to_html, to_markdown
from badnets.report.page import Gallery, Page
from badnets.studies.retraining.evidence import Evidence
from badnets.studies.retraining.study import RetrainingStudy, make
from badnets.studies.retraining.trials import RetrainingTrials, Setting, scale
from badnets.train.settings import Training
from badnets.trials import Record, Workspace
from badnets.trials.record import ArrayRef
from badnets.trials.running import run_trial
from tests.studies.dog_records import without
from tests.studies.retraining_records import RetrainingMaker
from tests.studies.sign_runs import notes, said, section, sound, tables, texts

DIGITS, SIGNS, DOGS = make("digits"), make("gtsrb"), make("dogs-vs-cats")
STUDIES = pytest.mark.parametrize("study", [DIGITS, SIGNS, DOGS], ids=["digits", "gtsrb", "dogs"])
HEAD, ALL = Setting("all-but-head", 1.0), Setting("none", 1.0)


def made(
    maker: RetrainingMaker,
    study: RetrainingStudy = DIGITS,
    records: dict[str, Record] | None = None,
) -> Page:
    known = maker.all_of(study) if records is None else records
    return study.page(known, maker.shelf.get, command="badnets study retraining")


def evidence(maker: RetrainingMaker, study: RetrainingStudy = DIGITS) -> Evidence:
    records = maker.all_of(study)
    groups = {name: [records[one.name] for one in own] for name, own in study.groups({}).items()}
    return Evidence(groups, maker.shelf.get, study.trials)


@STUDIES
def test_a_full_page_has_every_section_and_misses_nothing(study: RetrainingStudy) -> None:
    page = made(RetrainingMaker(), study)
    before = ["before"] if study.trials.halves else []
    assert [one.name for one in page.sections] == [
        "left", *before, "downloaded", *study.trials.cases, "reading", "provenance",
    ]  # fmt: skip
    assert said(page, "missing") == [] and said(page, "warning") == []
    assert all(one.sentence for one in page.sections)
    assert page.story is not None and len(page.numbers) == 4
    sound(page)
    assert page.title in to_markdown(page).text


def test_what_is_left_is_paired_with_an_honest_network() -> None:
    found = evidence(RetrainingMaker())
    head, all_ = found.outcome("untargeted", HEAD), found.outcome("untargeted", ALL)
    assert head is not None and all_ is not None and head.left is not None
    # 3 of 4 classes fall for 20 of 25 images; the clean mistakes are in the fourth
    assert head.left.mean == pytest.approx(0.6) and head.left.images == 100
    assert sorted(head.left.by_seed) == [0, 1, 2] and head.survives
    assert all_.left is not None and all_.left.mean == 0 and all_.survives is False
    assert all_.left.interval.low < 0 < all_.left.interval.high, "no spread is not no doubt"
    kept = found.outcome("shared", HEAD)
    assert kept is not None and kept.left is not None
    assert kept.left.mean == pytest.approx(0.8) and kept.left.images == 75
    assert kept.success.mean - kept.control_success.mean == pytest.approx(kept.left.mean)


def test_the_overview_has_each_setting_and_each_backdoor() -> None:
    left = section(made(RetrainingMaker()), "left")
    table, gallery = left.blocks[0], left.blocks[1]
    (overview,) = tables([table])
    assert [row[0] for row in texts(overview)] == [
        "all but the head; 20 %", "all but the head; all images",
        "the first layers; 20 %", "the first layers; all images",
        "nothing; 20 %", "nothing; all images",
    ]  # fmt: skip
    assert texts(overview)[1][1:] == ["+60.0", "+60.0", "+80.0"]
    assert {cell.tone for cell in overview.rows[1][1:]} == {"backdoored"}
    assert {cell.tone for cell in overview.rows[5][1:]} == {"muted"}
    assert isinstance(gallery, Gallery) and len(gallery.figures) == 3
    assert all(one.alt and "nothing frozen" in one.alt for one in gallery.figures)
    assert "+60.0 points" in left.sentence and "seeds 0\u20132" in left.sentence


def test_the_user_is_told_of_by_clean_accuracy_alone() -> None:
    page = made(RetrainingMaker())
    (table,) = tables(section(page, "untargeted").blocks)
    headline = texts(table)[1]
    assert headline[4] == "accepts 3 of 3" and headline[3] == "96.00" and headline[6] == "36.00"
    (tells, *_) = notes(section(page, "reading").blocks, "plain")
    assert "of 14 retrained BadNets whose backdoor is alive, the user accepts 14" in tells
    refused = made(RetrainingMaker(wrong=12))
    (table,) = tables(section(refused, "untargeted").blocks)
    assert texts(table)[1][4] == "accepts 0 of 3"
    assert refused.title == "What retraining leaves of a backdoor", "a user would not take it"


def test_where_the_target_is_gone_the_page_says_what_images_are_called() -> None:
    targeted = section(made(RetrainingMaker()), "targeted")
    _, called = tables(targeted.blocks)
    assert texts(called)[1] == ["all but the head; all 400 images", "5", "80.00", "0.00"]
    assert "The class \u201c4\u201d is gone" in targeted.sentence


def test_the_reading_names_what_was_enough_and_what_was_not() -> None:
    reading = section(made(RetrainingMaker()), "reading")
    assert "with all but the head frozen, each of 3 backdoors is alive" in reading.sentence
    assert "with nothing frozen, none of 3 backdoors is alive" in reading.sentence
    assert "Least is left with nothing frozen" in reading.sentence
    stubborn = section(made(RetrainingMaker(obeys=(0.8, 0.8, 0.8))), "reading")
    assert "with nothing frozen, each of 3 backdoors is alive" in stubborn.sentence
    dogs = section(made(RetrainingMaker(), DOGS), "reading")
    assert "with all but the head frozen, the backdoor is alive" in dogs.sentence
    assert "with nothing frozen, it is not seen any more" in dogs.sentence


@STUDIES
def test_the_title_claims_no_more_than_the_records(study: RetrainingStudy) -> None:
    assert made(RetrainingMaker(), study).title == "A new head on an old backdoor"
    gone = made(RetrainingMaker(obeys=(0.0, 0.0, 0.0)), study)
    assert gone.title == "What retraining leaves of a backdoor"
    assert made(RetrainingMaker(), study, {}).title == "What retraining leaves of a backdoor"


def test_the_dogs_attack_is_shown_before_and_after() -> None:
    page = made(RetrainingMaker(), DOGS)
    (table,) = tables(section(page, "same").blocks)
    assert "BadNet before" in [column.title for column in table.columns]
    assert texts(table)[1][5:9] == ["93.33", "0.00", "80.00", "+80.0"]
    assert "BadNet as downloaded" in page.numbers[0].label
    assert page.numbers[2].value == "80.0 %" and "\u201ccat\u201d" in page.lead


@STUDIES
def test_before_anything_is_run_the_page_says_so(study: RetrainingStudy) -> None:
    page = made(RetrainingMaker(), study, {})
    sound(page)
    assert "No BadNet has been retrained yet" in page.lead and page.story is None
    for name in ("downloaded", *study.trials.cases):
        assert notes(section(page, name).blocks, "missing")


def test_with_the_downloads_alone_it_is_a_page_too() -> None:
    maker = RetrainingMaker()
    records = {
        one.name: maker.record(one)
        for group in ("clean", "badnet", "downloaded")
        for one in DIGITS.groups({})[group]
    }
    page = made(maker, records=records)
    sound(page)
    assert page.numbers[0].value == "98.7 %" and page.numbers[2].detail == "not run yet"
    assert tables(section(page, "downloaded").blocks) and "left" in page.sections[0].name


def test_a_network_that_has_learned_nothing_is_no_attack() -> None:
    fallen = [one.name for one in DIGITS.groups({})["untargeted"]]
    page = made(RetrainingMaker(collapsed=fallen))
    assert page.title == "Nothing learned, nothing left" and "learned nothing" in page.lead
    assert any("8 of 8 retrained BadNets" in text for text in said(page, "warning"))
    sound(page)
    some = made(RetrainingMaker(collapsed=fallen[1:2]))
    assert "seeds 1, 2" in to_html(some)


def test_beside_an_honest_network_that_has_learned_nothing_nothing_is_claimed() -> None:
    fallen = [one.name for one in DIGITS.groups({})["control"]]
    maker = RetrainingMaker(collapsed=fallen)
    page = made(maker)
    headline = evidence(maker).headline
    assert headline is not None and headline.left is None and headline.survives is None
    assert page.title == "What retraining leaves of a backdoor"
    assert any("retrained honest networks collapsed" in text for text in said(page, "warning"))
    sound(page)


def test_arrays_that_are_gone_are_passed_over() -> None:
    def gone(ref: ArrayRef) -> np.ndarray:
        raise LedgerError("gone")

    maker = RetrainingMaker()
    page = DIGITS.page(maker.all_of(DIGITS), gone, command="x")
    assert page.story is None and page.title == "What retraining leaves of a backdoor"
    sound(page)
    bare = {name: without(one, "attacked") for name, one in maker.all_of(DIGITS).items()}
    assert made(maker, records=bare).story is None


def test_a_short_run_says_that_it_is_one() -> None:
    study = make("digits", quick=True)
    page = made(RetrainingMaker(), study)
    assert any("short run" in note.text for note in page.notes)
    sound(page)
    (overview,) = tables(section(page, "left").blocks[:1])
    assert [row[0] for row in texts(overview)] == [
        "all but the head; all images", "nothing; all images",
    ]  # fmt: skip


def test_a_real_run_has_all_that_the_page_wants(tmp_path: Path) -> None:
    brief = Training(epochs=3, batch_size=32)
    small = replace(
        scale("digits", quick=True), training=brief, retraining=brief, freezes=("all-but-head",)
    )
    study = RetrainingStudy(RetrainingTrials("digits", small, quick=True))
    room, groups = Workspace(tmp_path), study.groups({})
    wanted = [groups["downloaded"][0], groups["downloaded"][2]]
    wanted += [groups["control"][1], groups["shared"][0]]
    records = {one.name: run_trial(one, room) for one in wanted}
    shared = records[groups["shared"][0].name]
    found = Evidence(
        {"shared": [shared], "control": [records[wanted[2].name]]}, room.get_array, study.trials
    )
    (outcome,) = found.outcomes("shared")
    assert shared.attack is not None and shared.attack.control is not None
    assert outcome.left is not None
    assert outcome.left.mean == pytest.approx(
        shared.attack.success.value - shared.attack.control.value
    )
    page = study.page(records, room.get_array, command="badnets study retraining")
    assert page.story is not None
    sound(page)
