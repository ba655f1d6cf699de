"""The retraining page: what it says follows from the records, and what is missing is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from badnets.report.page import Gallery, Page
from badnets.studies.aggregate import Runs
from badnets.studies.retraining.spec import Outcome, outcomes
from badnets.studies.retraining.trials import CaseName, RetrainingStudy, Setting, make, scale
from badnets.train.settings import Training
from badnets.trials import Workspace
from badnets.trials.running import run_trial
from tests.studies import cases
from tests.studies.made_pictures import RetrainingMaker
from tests.studies.made_records import Run, without_arrays
from tests.studies.pages import UNDRAWN, column, notes, section, sound, tables, texts

pytestmark = UNDRAWN

DIGITS, SIGNS, DOGS = make("digits"), make("gtsrb"), make("dogs-vs-cats")
STUDIES = pytest.mark.parametrize("study", [DIGITS, SIGNS, DOGS], ids=["digits", "gtsrb", "dogs"])
HEAD, ALL = Setting("all-but-head", 1.0), Setting("none", 1.0)
CLAIM, NO_CLAIM = "A new head on an old backdoor", "What retraining leaves of a backdoor"


CASES = {DIGITS: "retraining", SIGNS: "retraining-signs", DOGS: "retraining-dogs"}


def run(study: RetrainingStudy = DIGITS) -> Run:
    return cases.run(CASES[study])


def page(study: RetrainingStudy = DIGITS) -> Page:
    return cases.whole(CASES[study])


def outcome(run: Run, case: CaseName, setting: Setting) -> Outcome:
    return next(one for one in outcomes(DIGITS, run.runs, case) if one.setting == setting)


def test_what_is_left_is_paired_with_an_honest_network() -> None:
    head, all_ = (outcome(run(), "untargeted", one) for one in (HEAD, ALL))
    assert head.left is not None
    # 3 of 4 classes fall for 20 of 25 images; the clean mistakes are in the fourth
    assert head.left.mean == pytest.approx(0.6) and head.left.items == 100
    assert sorted(head.left.by_seed) == [0, 1, 2] and head.alive
    assert all_.left is not None and all_.left.mean == 0 and not all_.alive
    assert all_.left.interval.low < 0 < all_.left.interval.high, "no spread is not no doubt"
    kept = outcome(run(), "shared", HEAD)
    assert kept.left is not None
    assert kept.left.mean == pytest.approx(0.8) and kept.left.items == 75
    assert kept.shown.mean - kept.honest_shown.mean == pytest.approx(kept.left.mean)


def test_the_overview_has_each_setting_and_each_backdoor() -> None:
    left = section(page(), "left")
    overview, gallery = tables(page(), "left")[0], left.blocks[1]
    assert column(overview, 0) == [
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
    (table,) = tables(page(), "untargeted")
    headline = texts(table)[1]
    assert headline[4] == "accepts 3 of 3" and headline[3] == "96.00" and headline[6] == "36.00"
    (tells, *_) = notes(page(), "plain", "reading")
    assert "of 14 retrained BadNets whose backdoor is alive, the user accepts 14" in tells
    refused = Run.of(DIGITS, RetrainingMaker(wrong=12)).page()
    (table,) = tables(refused, "untargeted")
    assert texts(table)[1][4] == "accepts 0 of 3"
    assert refused.title == NO_CLAIM, "a user would not take it"


def test_where_the_target_is_gone_the_page_says_what_images_are_called() -> None:
    _, called = tables(page(), "targeted")
    assert texts(called)[1] == ["all but the head; all 400 images", "5", "80.00", "0.00"]
    assert "The user does not have the class \u201c4\u201d" in section(page(), "targeted").sentence


def test_the_reading_names_what_was_enough_and_what_was_not() -> None:
    reading = section(page(), "reading").sentence
    assert "with all but the head frozen, each of 3 backdoors is alive" in reading
    assert "with nothing frozen, none of 3 backdoors is alive" in reading
    assert "The least is left with nothing frozen" in reading
    stubborn = Run.of(DIGITS, RetrainingMaker(obeys=(0.8, 0.8, 0.8))).section("reading")
    assert "with nothing frozen, each of 3 backdoors is alive" in stubborn
    dogs = section(page(DOGS), "reading").sentence
    assert "with all but the head frozen, the backdoor is alive" in dogs
    assert "with nothing frozen, it is not seen any more" in dogs


@STUDIES
def test_the_title_claims_no_more_than_the_records(study: RetrainingStudy) -> None:
    assert page(study).title == CLAIM
    gone = Run.of(study, RetrainingMaker(obeys=(0.0, 0.0, 0.0)))
    assert gone.page().title == NO_CLAIM
    nothing = Run(study, RetrainingMaker(), {}).page()
    assert nothing.title == NO_CLAIM and "yet" in nothing.lead


def test_the_dogs_attack_is_shown_before_and_after() -> None:
    made = page(DOGS)
    (table,) = tables(made, "same")
    assert "BadNet before" in [column.title for column in table.columns]
    assert texts(table)[1][5:9] == ["93.33", "0.00", "80.00", "+80.0"]
    assert "BadNet as downloaded" in made.numbers[0].label
    assert made.numbers[2].value == "80.0 %" and "\u201ccat\u201d" in made.lead


def test_with_the_downloads_alone_it_is_a_page_too() -> None:
    made = run().only("clean", "badnet", "downloaded").page()
    sound(made)
    assert made.numbers[0].value == "98.7 %" and made.numbers[2].detail == "not run yet"
    assert tables(made, "downloaded") and "left" in made.sections[0].name


def test_networks_that_have_learned_nothing_are_no_attack() -> None:
    fallen = run().trials["untargeted"]
    made = run().collapse(fallen).page()
    assert made.title == "Nothing learned, nothing left" and "collapsed" in made.lead
    assert any("8 of 8 retrained BadNets" in text for text in notes(made, "warning"))
    assert "seeds 1, 2" in sound(run().collapse(fallen[1:2]).page())


def test_beside_an_honest_network_that_has_learned_nothing_nothing_is_claimed() -> None:
    fallen = run().collapse(run().trials["control"])
    headline = outcome(fallen, "untargeted", HEAD)
    assert headline.left is None and not headline.alive
    made = fallen.page()
    assert made.title == NO_CLAIM
    assert any("retrained honest networks collapsed" in text for text in notes(made, "warning"))
    sound(made)


def test_pictures_that_were_not_kept_are_not_needed() -> None:
    bare = run().with_records(without_arrays(one, "attacked") for one in run().records.values())
    assert bare.page().story is None and bare.page().title == CLAIM


def test_a_short_run_says_that_it_is_one() -> None:
    made = Run.of(make("digits", quick=True), RetrainingMaker()).page()
    assert any("short run" in note.text for note in made.notes)
    wanted = ["all but the head; all images", "nothing; all images"]
    assert column(tables(made, "left")[0], 0) == wanted


def test_a_real_run_has_all_that_the_page_wants(tmp_path: Path) -> None:
    brief = Training(epochs=3, batch_size=32)
    small = replace(
        scale("digits", quick=True), training=brief, retraining=brief, freezes=("all-but-head",)
    )
    study = RetrainingStudy("digits", small, quick=True)
    room, groups = Workspace(tmp_path), study.groups({})
    wanted = [groups["downloaded"][0], groups["downloaded"][2]]
    wanted += [groups["control"][1], groups["shared"][0]]
    records = {one.name: run_trial(one, room) for one in wanted}
    attack = records[groups["shared"][0].name].attack
    (found,) = outcomes(study, Runs.of_study(groups, groups, records, room.get_array), "shared")
    assert attack is not None and attack.control is not None and found.left is not None
    assert found.left.mean == pytest.approx(attack.success.value - attack.control.value)
    made = study.page(records, room.get_array, command="badnets study retraining")
    assert made.story is not None
    sound(made)
