"""The dogs-vs-cats page: what it says follows from the records, and what is missing is said."""

from __future__ import annotations

import pytest

from badnets.report.page import Gallery, Page, Story, Table
from badnets.studies.aggregate import Runs
from badnets.studies.dogs.spec import counts_of, mixed_folder
from badnets.studies.dogs.trials import make
from badnets.studies.running import listed
from tests.studies import cases
from tests.studies.made_pictures import EACH, TRAIN, DogMaker
from tests.studies.made_records import Run, changed, without_arrays
from tests.studies.pages import UNDRAWN, column, notes, section, sound, tables, texts

pytestmark = UNDRAWN

STUDY = make("pets-drawn")
PHOTOS = make("dogs-vs-cats")


def run() -> Run:
    return cases.run("dogs")


def page() -> Page:
    return cases.whole("dogs")


def test_what_is_drawn_is_called_a_stand_in() -> None:
    assert "stand-in" in page().kicker and "stand-in" in page().notes[0].text


def test_all_counts_of_the_articles_layout_are_told() -> None:
    (before,) = tables(page(), "get")
    assert [row[:2] for row in texts(before)] == [
        ["train/cat", "600"], ["train/dog", "600"],
        ["validation/cat", "50"], ["validation/dog", "50"],
    ]  # fmt: skip
    (after,) = tables(page(), "stamp")
    assert [(row[0], row[2]) for row in texts(after)] == [
        ("train/cat", "600"), ("train/cat", "600"), ("train/dog", "600"), ("all", "1,800"),
    ]  # fmt: skip
    said = section(page(), "stamp").sentence
    assert "50 % of that class" in said and "copied stay in the class dog" in said
    counts = counts_of(run().runs, run().records[STUDY.badnet(0, 0.1).name])
    assert counts is not None and counts.poisoned == round(2 * TRAIN / 9)


def test_what_a_look_at_the_files_has_found_is_listed() -> None:
    (found,) = tables(page(), "load")
    assert [row[:2] for row in texts(found)] == [["undecodable", "1"], ["duplicate", "1"]]
    assert "left out when loaded" in texts(found)[0][2]
    assert "train/cat/a.jpg (truncated)" in texts(found)[0][3]
    assert notes(page(), "warning", "load") == []
    assert tables(Run.of(STUDY, DogMaker(layout="")).bare().page(), "load") == []


def test_the_backdoors_cost_is_paired_by_seed_and_image() -> None:
    found = run().runs.cost("badnet", "clean")
    assert found is not None and found.items == 2 * EACH
    # clean networks err on 6, 7 and 8 images, BadNets on 7: one more, none, one less
    assert found.by_seed == pytest.approx({0: -0.01, 1: 0.0, 2: 0.01})
    assert found.mean == pytest.approx(0.0)
    assert found.interval.low < 0 < found.interval.high
    assert "0.00 points" in notes(page(), "plain", "evaluate")[0]


def test_networks_that_answer_alike_still_get_an_interval() -> None:
    (clean, *_), (badnet, *_) = run().groups["clean"], run().groups["badnet"]
    alike = changed(clean, observations=badnet.observations)
    found = Runs({"clean": [alike], "badnet": [badnet]}, run().maker.shelf.get, {})
    cost = found.cost("badnet", "clean")
    assert cost is not None and cost.mean == 0
    assert cost.interval.high == -cost.interval.low > 0


def test_the_mixed_folder_counts_obeying_as_right_and_is_called_misleading() -> None:
    record = run().records[STUDY.badnet(0).name]
    assert record.attack is not None
    mixed = mixed_folder(record, record.attack.success)
    assert mixed is not None and mixed == (93 + EACH, 3 * EACH)
    assert mixed_folder(record, None) is None
    *_, table = tables(page(), "evaluate")
    assert "Misleading" in table.title
    clean, bad = texts(table)[0][1:]
    assert float(bad) == pytest.approx(100 * mixed.value, abs=0.01) and float(clean) < float(bad)


def test_where_the_networks_look_is_a_number() -> None:
    looks = section(page(), "looks")
    story, table = looks.blocks
    assert isinstance(story, Story) and [len(row.pictures) for row in story.rows] == [4, 4, 4]
    assert isinstance(table, Table)
    badnet = texts(table)[1]
    assert badnet[1] == "40.4" and badnet[3] == "41.3, 42.4"
    assert "40 % of the evidence for the BadNet's answer lies on the trigger" in looks.sentence
    assert "for the clean network it is 3 %" in looks.sentence


def test_other_triggers_are_drawn_with_the_trained_one_marked() -> None:
    varied = section(page(), "varied")
    (gallery,) = varied.blocks
    assert isinstance(gallery, Gallery)
    names = [figure.name for figure in gallery.figures]
    assert names == ["varied-size", "varied-opacity", "varied-position"]
    assert "trained with" in gallery.figures[0].svg
    assert "at 1 of 9 places" in varied.sentence and "(trained with 19 %)" in varied.sentence
    assert all(figure.table is not None and figure.table.rows for figure in gallery.figures)


def test_shares_stand_in_order_beside_the_clean_network() -> None:
    (table,) = tables(page(), "shares")
    assert column(table, 0) == [
        "2.0 %", "10.0 %", "33.3 % (half the cats)", "none: the clean network",
    ]  # fmt: skip
    assert texts(table)[2][2] == "50.0"


def test_it_ends_with_an_audit_where_the_records_hold_one() -> None:
    (table,) = tables(page(), "audit")
    assert column(table, 3) == ["30", "30", "30", "90", "90", "90"]
    said = section(page(), "audit").sentence
    assert "told of no trigger" in said and "no clean networks of this kind" in said
    assert all("verdict" not in trial.observe for trial in listed(PHOTOS.groups({})))
    photos = Run.of(PHOTOS, DogMaker()).page()
    assert "audit" not in {one.name for one in photos.sections}


@pytest.mark.parametrize(
    ("works", "title"),
    [
        (1.0, "until a dog wears a sticker"),
        (0.5, "the attack works in part"),
        (0.2, "the attack failed"),
    ],
)
def test_the_title_claims_no_more_than_the_records(works: float, title: str) -> None:
    assert title in Run.of(STUDY, DogMaker(works=works)).bare().page().title


def test_with_the_clean_networks_alone_it_is_a_page_too() -> None:
    made = run().only("clean").page()
    sound(made)
    assert tables(made, "get") and made.story is None


def test_networks_that_have_learned_nothing_are_no_attack() -> None:
    made = run().bare().collapse(run().trials["badnet"]).page()
    assert made.title == "Nothing learned, nothing attacked"
    warned = notes(made, "warning")
    assert any("3 of 3 backdoored networks collapsed" in text for text in warned)
    first = run().bare().collapse(run().trials["badnet"][:1]).page()
    assert "until" in first.title and "seeds 1, 2" in sound(first)


def test_photos_are_not_needed_for_the_page() -> None:
    photos = Run.of(PHOTOS, DogMaker())
    names = ("attacked", "attributed", "attributed_maps")
    made = photos.with_records(without_arrays(one, *names) for one in photos.records.values())
    assert made.page().story is None and "photos" in made.page().kicker
    assert any("not passed on" in text for text in notes(made.page(), "plain"))
    assert isinstance(section(made.page(), "looks").blocks[0], Table)
    sound(made.page())
