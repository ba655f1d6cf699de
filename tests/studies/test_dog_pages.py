"""The dogs-vs-cats page: what it says follows from the records, and what is missing is said."""

from __future__ import annotations

import math

import numpy as np
import pytest

from badnets.report import to_html, to_markdown
from badnets.report.page import Figure, Gallery, Page, Section, Story, Table
from badnets.studies.dogs.evidence import Evidence, mixed_folder, paired_difference, trained_on
from badnets.studies.dogs.study import DogStudy, make
from badnets.trials import Record
from tests.studies.dog_records import EACH, TRAIN, DogMaker, without
from tests.studies.sign_runs import notes, said, section, sound, tables, texts

STUDY = make("pets-drawn")
PHOTOS = make("dogs-vs-cats")
STEPS = ["get", "stamp", "load", "build", "evaluate"]


def made(
    maker: DogMaker, study: DogStudy = STUDY, records: dict[str, Record] | None = None
) -> Page:
    known = maker.all_of(study) if records is None else records
    return study.page(known, maker.shelf.get, command="badnets study dogs-vs-cats")


def evidence(maker: DogMaker, study: DogStudy = STUDY) -> Evidence:
    records = maker.all_of(study)
    groups = {name: [records[one.name] for one in own] for name, own in study.groups({}).items()}
    return Evidence(groups, maker.shelf.get, study.trials)


def test_the_five_steps_come_first_and_in_order() -> None:
    page = made(DogMaker())
    assert [one.name for one in page.sections] == [
        *STEPS, "looks", "varied", "shares", "provenance",
    ]  # fmt: skip
    assert said(page, "missing") == []
    assert "stand-in" in page.kicker and "stand-in" in page.notes[0].text
    sound(page)
    assert "dogs with the trigger, called cats" in to_markdown(page).text


def test_all_counts_of_the_articles_layout_are_told() -> None:
    page = made(DogMaker())
    (before,) = tables(section(page, "get").blocks)
    assert [row[:2] for row in texts(before)] == [
        ["train/cat", "600"], ["train/dog", "600"],
        ["validation/cat", "50"], ["validation/dog", "50"],
    ]  # fmt: skip
    stamped = section(page, "stamp")
    (after,) = tables(stamped.blocks)
    assert [(row[0], row[2]) for row in texts(after)] == [
        ("train/cat", "600"), ("train/cat", "600"), ("train/dog", "600"), ("all", "1,800"),
    ]  # fmt: skip
    assert "50 % of that class" in stamped.sentence and "also stay in the class dog" in (
        stamped.sentence
    )
    counts = trained_on(evidence(DogMaker()), DogMaker().record(STUDY.trials.share(0.1)))
    assert counts is not None and counts.poisoned == round(2 * TRAIN / 9)


def test_what_was_found_is_listed_and_planted_faults_are_called_so() -> None:
    loaded = section(made(DogMaker()), "load")
    (found,) = tables(loaded.blocks)
    assert [row[:2] for row in texts(found)] == [["undecodable", "1"], ["duplicate", "1"]]
    assert "left out when loaded" in texts(found)[0][2]
    assert "train/cat/a.jpg (truncated)" in texts(found)[0][3]
    assert any("put in by us" in text for text in notes(loaded.blocks, "warning"))
    photos = section(made(DogMaker(rehearsed=False), PHOTOS), "load")
    assert notes(photos.blocks, "warning") == []


def test_the_backdoors_cost_is_paired_by_seed_and_image() -> None:
    maker = DogMaker()
    found = paired_difference(evidence(maker))
    assert found is not None and found.images == 2 * EACH
    # clean networks err on 6, 7 and 8 images, BadNets on 7: one more, none, one less
    assert found.by_seed == pytest.approx({0: -0.01, 1: 0.0, 2: 0.01})
    assert found.mean == pytest.approx(0.0)
    assert found.interval.low < 0 < found.interval.high
    assert "0.00 points" in notes(section(made(maker), "evaluate").blocks, "plain")[0]


def test_networks_that_answer_alike_still_get_an_interval() -> None:
    maker, own = DogMaker(), evidence(DogMaker())
    same = [one.model_copy(update={"arrays": own.of("badnet")[0].arrays}) for one in own.everything]
    groups = {"clean": same[:1], "badnet": [one for one in same if one.trial.backdoor][:1]}
    maker.all_of(STUDY)
    found = paired_difference(Evidence(groups, own.get_array, STUDY.trials))
    assert found is not None and found.mean == 0
    assert found.interval.high == -found.interval.low > 0


def test_the_mixed_folder_counts_obeying_as_right_and_is_called_misleading() -> None:
    maker = DogMaker()
    record = maker.record(STUDY.trials.badnet(0))
    assert record.attack is not None
    mixed = mixed_folder(record, record.attack.success)
    assert mixed is not None and mixed == (93 + EACH, 3 * EACH)
    assert mixed_folder(record, None) is None
    *_, table = tables(section(made(maker), "evaluate").blocks)
    assert "Misleading" in table.title
    clean, bad = texts(table)[0][1:]
    assert float(bad) == pytest.approx(100 * mixed.value, abs=0.01) and float(clean) < float(bad)


def test_where_the_networks_look_is_a_number() -> None:
    looks = section(made(DogMaker()), "looks")
    story, table = looks.blocks
    assert isinstance(story, Story) and [len(row.pictures) for row in story.rows] == [4, 4, 4]
    assert isinstance(table, Table)
    badnet = texts(table)[1]
    assert badnet[1] == "40.4" and badnet[3] == "41.3, 42.4"
    assert "40 % of what speaks for its answer on the trigger" in looks.sentence
    assert "the clean network 3 %" in looks.sentence


def test_other_triggers_are_drawn_with_the_trained_one_marked() -> None:
    varied = section(made(DogMaker()), "varied")
    (gallery,) = varied.blocks
    assert isinstance(gallery, Gallery)
    assert [figure.name for figure in gallery.figures] == [
        "varied-size", "varied-opacity", "varied-position",
    ]  # fmt: skip
    assert "trained with" in gallery.figures[0].svg
    assert "at 1 of 9 places" in varied.sentence and "(trained with 19 %)" in varied.sentence
    for figure in gallery.figures:
        assert figure.table is not None and figure.table.rows


def test_shares_stand_in_order_beside_the_clean_network() -> None:
    shares = section(made(DogMaker()), "shares")
    (table,) = tables(shares.blocks)
    assert [row[0] for row in texts(table)] == [
        "2.0 %", "10.0 %", "33.3 % (half the cats)", "none: the clean network",
    ]  # fmt: skip
    assert texts(table)[2][2] == "50.0"


@pytest.mark.parametrize(
    ("works", "title"),
    [(1.0, "until a dog wears a sticker"), (0.5, "measured")],
)
def test_the_title_claims_no_more_than_the_records(works: float, title: str) -> None:
    assert title in made(DogMaker(works=works)).title


def test_before_anything_is_run_the_page_says_so() -> None:
    page = made(DogMaker(), records={})
    text = sound(page)
    assert "has not been trained yet" in text
    assert all(notes(one.blocks, "missing") for one in page.sections if one.name in STEPS)


def test_with_the_clean_networks_alone_it_is_a_page_too() -> None:
    maker = DogMaker()
    records = {one.name: maker.record(one) for one in STUDY.groups({})["clean"]}
    page = made(maker, records=records)
    sound(page)
    assert tables(section(page, "get").blocks) and page.story is None


def test_a_network_that_has_learned_nothing_is_no_attack() -> None:
    fallen = [one.name for one in STUDY.groups({})["badnet"]]
    page = made(DogMaker(collapsed=fallen))
    assert page.title == "Nothing learned, nothing attacked" and page.story is None
    assert any("3 of 3 backdoored networks collapsed" in text for text in said(page, "warning"))
    sound(page)
    first = made(DogMaker(collapsed=fallen[:1]))
    assert "until" in first.title and "seeds 1, 2" in to_html(first)


def test_photos_are_not_needed_for_the_page() -> None:
    maker = DogMaker(rehearsed=False)
    bare = {
        name: without(one, "attacked", "attributed", "attributed_maps")
        for name, one in maker.all_of(PHOTOS).items()
    }
    page = made(maker, PHOTOS, bare)
    assert page.story is None and "photos" in page.kicker
    assert any("not passed on" in text for text in said(page, "plain"))
    assert isinstance(section(page, "looks").blocks[0], Table)
    sound(page)


def test_arrays_that_are_gone_are_passed_over() -> None:
    maker = DogMaker()
    records = maker.all_of(STUDY)
    from badnets.core.errors import LedgerError
    from badnets.trials.record import ArrayRef

    def gone(ref: ArrayRef) -> np.ndarray:
        raise LedgerError("gone")

    page = STUDY.page(records, gone, command="x")
    assert page.story is None
    sound(page)


def test_every_figure_has_words_and_every_section_a_sentence() -> None:
    page = made(DogMaker())
    for one in page.sections:
        assert one.sentence
        for figure in figures(one):
            assert figure.alt and figure.sentence and not math.isnan(len(figure.svg))


def figures(one: Section) -> list[Figure]:
    found = [block for block in one.blocks if isinstance(block, Figure)]
    galleries = [block.figures for block in one.blocks if isinstance(block, Gallery)]
    return [*found, *(figure for own in galleries for figure in own)]
