"""The demo's page: a chapter on road signs beside that on digits, from records alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from badnets.report import to_html, to_markdown
from badnets.report.page import Note, Numbers, Section, Story
from badnets.studies.demo import SIGNS, Demo, make
from badnets.studies.demo_dogs import dog_pair, dogs_chapter
from badnets.studies.demo_signs import signs_chapter
from badnets.trials import Record, Trial, Workspace
from badnets.trials.fitting import check_fit
from tests.studies.dog_records import DogMaker
from tests.studies.sign_records import SignMaker


@pytest.fixture
def room(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def pair(demo: Demo) -> tuple[Trial, Trial]:
    assert demo.honest_signs is not None and demo.backdoored_signs is not None
    return demo.honest_signs, demo.backdoored_signs


def chapter(room: Workspace, maker: SignMaker) -> tuple[Record, Record, Section]:
    honest, backdoored = map(maker.record, pair(make()))
    return honest, backdoored, signs_chapter(honest, backdoored, room.get_array)


def test_the_demo_has_six_trials_and_the_clean_ones_are_controls() -> None:
    demo = make()
    honest, backdoored = pair(demo)
    assert {name: len(own) for name, own in demo.groups({}).items()} == {
        "clean": 1,
        "backdoored": 1,
        "clean signs": 1,
        "backdoored signs": 1,
        "clean dogs": 1,
        "backdoored dogs": 1,
    }
    assert demo.dogs is not None
    assert demo.dogs.backdoored.control == demo.dogs.backdoored.start == demo.dogs.honest
    for trial in (demo.dogs.honest, demo.dogs.backdoored):
        check_fit(trial)
    assert demo.backdoored.control == demo.honest and backdoored.control == honest
    assert honest.detection == backdoored.detection == SIGNS
    digits = Demo(demo.honest, demo.backdoored)
    assert [own for own in digits.groups({}).values() if own] == [
        [demo.honest],
        [demo.backdoored],
    ], "the demo can be told without road signs"


def test_the_chapter_shows_pictures_and_four_numbers(room: Workspace) -> None:
    honest, backdoored, made = chapter(room, SignMaker(room))
    note, story, numbers = made.blocks
    assert isinstance(note, Note) and "twice as wide" in note.text
    assert isinstance(story, Story) and isinstance(numbers, Numbers)
    assert len(story.rows[0].pictures) == len(story.rows[1].pictures) == 6
    attack = backdoored.attack
    assert attack is not None and attack.control is not None
    wanted = (honest.clean.accuracy, backdoored.clean.accuracy, attack.success, attack.control)
    assert [one.value for one in numbers.numbers] == [f"{100 * r.value:.1f} %" for r in wanted]
    for number, rate in zip(numbers.numbers, wanted, strict=True):
        assert number.detail.startswith(f"{rate.hits} of {rate.total}; 95 % interval")
    assert str(attack.success) in made.sentence


def test_without_its_records_the_chapter_says_so(room: Workspace) -> None:
    made = signs_chapter(None, None, room.get_array)
    (note,) = made.blocks
    assert isinstance(note, Note) and note.kind == "missing"


@pytest.mark.parametrize("which", [0, 1])
def test_a_detector_that_has_learned_nothing_is_no_attack(which: int, room: Workspace) -> None:
    fallen = pair(make())[which].name
    _, _, made = chapter(room, SignMaker(room, collapsed=frozenset({fallen})))
    (note,) = made.blocks
    kind = ("clean", "backdoored")[which]
    assert isinstance(note, Note) and f"Collapsed: the {kind} detector" in note.text
    assert "%" not in made.sentence


def test_a_demo_that_was_not_run_is_a_page_too(room: Workspace) -> None:
    made = make().page({}, room.get_array, command="badnets demo")
    assert "not been run" in to_html(made)
    assert "not been run" in to_markdown(made).text


def dogs(maker: DogMaker) -> tuple[Record, Record, Section]:
    own = dog_pair()
    honest, backdoored = maker.record(own.honest), maker.record(own.backdoored)
    return honest, backdoored, dogs_chapter(honest, backdoored, maker.shelf.get)


def test_the_chapter_on_dogs_shows_pictures_and_four_numbers() -> None:
    honest, backdoored, made = dogs(DogMaker())
    note, story, numbers = made.blocks
    assert isinstance(note, Note) and "stand-in" in note.text
    assert isinstance(story, Story) and isinstance(numbers, Numbers)
    assert [len(row.pictures) for row in story.rows] == [6, 6]
    attack = backdoored.attack
    assert attack is not None and attack.control is not None
    wanted = (honest.clean.accuracy, backdoored.clean.accuracy, attack.success, attack.control)
    assert [one.value for one in numbers.numbers] == [f"{100 * r.value:.1f} %" for r in wanted]
    assert str(attack.success) in made.sentence


def test_without_its_records_the_chapter_on_dogs_says_so() -> None:
    (note,) = dogs_chapter(None, None, DogMaker().shelf.get).blocks
    assert isinstance(note, Note) and note.kind == "missing"


@pytest.mark.parametrize("which", [0, 1])
def test_a_network_of_pets_that_has_learned_nothing_is_no_attack(which: int) -> None:
    own = dog_pair()
    fallen = (own.honest, own.backdoored)[which].name
    _, _, made = dogs(DogMaker(collapsed=[fallen]))
    (note,) = made.blocks
    kind = ("clean", "backdoored")[which]
    assert isinstance(note, Note) and f"Collapsed: the {kind} network" in note.text
    assert "%" not in made.sentence
