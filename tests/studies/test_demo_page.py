"""The demo: an order filled twice in three chapters, from records alone."""

from __future__ import annotations

import pytest

from badnets.observations.verdict import VerdictResult
from badnets.report import to_markdown
from badnets.report.page import Note, Numbers, Section, Story, Table
from badnets.studies.demo.trials import SIGNS, Demo, make
from badnets.trials.checks import check_fit
from tests.studies.made_demo import DemoMaker
from tests.studies.made_digits import VERDICT
from tests.studies.made_records import Run, changed
from tests.studies.pages import UNDRAWN, section

pytestmark = UNDRAWN

CHAPTERS = pytest.mark.parametrize("name", ["signs", "dogs"])


@pytest.fixture(scope="module")
def run() -> Run:
    return Run.of(make(), DemoMaker()).bare("examples", "attacked", "verdict")


def chapter(run: Run, name: str) -> Section:
    return section(run.page(), name)


def test_the_demo_has_seven_trials_and_the_clean_ones_are_controls() -> None:
    demo = make()
    assert demo.signs is not None and demo.dogs is not None
    chapters = {"digits": demo.digits, "signs": demo.signs, "dogs": demo.dogs}
    repaired = demo.repaired
    assert repaired is not None and repaired.start == demo.digits.backdoored
    trained = {
        f"{kind} {name}": [trial]
        for name, pair in chapters.items()
        for kind, trial in zip(("clean", "backdoored"), pair, strict=True)
    }
    assert demo.groups({}) == {**trained, "repaired digits": [repaired]}
    for honest, backdoored in chapters.values():
        assert backdoored.control == honest and honest.is_clean and not backdoored.is_clean
        check_fit(honest)
        check_fit(backdoored)
    assert demo.dogs.backdoored.start == demo.dogs.honest
    assert demo.signs.honest.training == demo.signs.backdoored.training == SIGNS
    assert len(Demo(demo.digits).groups({})) == 2, "the demo can be told without road signs"


@CHAPTERS
def test_a_chapter_shows_pictures_and_four_numbers(name: str, run: Run) -> None:
    (honest,), (backdoored,) = (run.groups[f"{kind} {name}"] for kind in ("clean", "backdoored"))
    made = chapter(run, name)
    note, story, numbers = made.blocks
    assert isinstance(note, Note)
    assert {"signs": "twice as wide", "dogs": "stand-in"}[name] in note.text
    assert isinstance(story, Story) and isinstance(numbers, Numbers)
    assert [len(row.pictures) for row in story.rows] == [6, 6]
    attack = backdoored.attack
    assert attack is not None and attack.control is not None
    wanted = (honest.clean.accuracy, backdoored.clean.accuracy, attack.success, attack.control)
    assert [one.value for one in numbers.numbers] == [f"{100 * r.value:.1f} %" for r in wanted]
    for number, rate in zip(numbers.numbers, wanted, strict=True):
        assert number.detail.startswith(f"{rate.hits} of {rate.total}; 95 % interval")
    assert f"{100 * attack.success.value:.1f} %" in made.sentence


@CHAPTERS
def test_without_its_records_a_chapter_says_so(name: str, run: Run) -> None:
    (note,) = chapter(run.missing(f"clean {name}", f"backdoored {name}"), name).blocks
    assert isinstance(note, Note) and note.kind == "missing"


@CHAPTERS
@pytest.mark.parametrize("which", ["clean", "backdoored"])
def test_a_network_that_has_learned_nothing_is_no_attack(name: str, which: str, run: Run) -> None:
    made = chapter(run.collapse(run.trials[f"{which} {name}"]), name)
    (note,) = made.blocks
    network = {"signs": "detector", "dogs": "network"}[name]
    assert isinstance(note, Note) and f"Collapsed: the {which} {network}" in note.text
    assert "%" not in made.sentence


def test_the_audit_is_told_with_the_true_trigger_beside_the_recovered_one(run: Run) -> None:
    made = chapter(run, "audit")
    assert "with target 7" in made.sentence and "none of 40 clean models" in made.sentence
    (story,) = (block for block in made.blocks if isinstance(block, Story))
    assert [len(row.pictures) for row in story.rows] == [4, 8]
    assert story.rows[0].pictures[0].alt == "the trainer's trigger"
    assert "140 of 144 other digits a 7" in story.rows[1].sentence


def test_an_audit_that_finds_nothing_says_so(run: Run) -> None:
    (bad,) = run.groups["backdoored digits"]
    nothing = VERDICT.model_copy(
        update={"conclusion": "nothing found", "p_value": 21 / 41, "targets": (), "effect": None}
    )
    seen = bad.observations | {"verdict": VerdictResult(verdict=nothing)}
    made = chapter(run.with_records([changed(bad, observations=seen)]), "audit")
    assert "nothing found (20 of 40 clean models score as high)" in made.sentence
    assert not any(isinstance(block, Story) for block in made.blocks)
    (missing,) = chapter(run.bare("examples", "attacked"), "audit").blocks
    assert isinstance(missing, Note) and missing.kind == "missing"


def test_the_repair_is_told_beside_what_was_there_before(run: Run) -> None:
    (bad,), (mended,) = (run.groups[f"{kind} digits"] for kind in ("backdoored", "repaired"))
    made = chapter(run, "repair")
    assert mended.attack is not None and bad.attack is not None
    assert f"it now calls {100 * mended.attack.success.value:.1f} %" in made.sentence
    text = to_markdown(run.page()).text
    assert "| as delivered |" in text and "| repaired |" in text and "nothing found" in text
    (missing,) = chapter(run.missing("repaired digits"), "repair").blocks
    assert isinstance(missing, Note) and missing.kind == "missing"


@pytest.mark.parametrize("which", ["clean", "backdoored"])
def test_where_a_network_of_digits_has_learned_nothing_no_number_is_shown(
    which: str, run: Run
) -> None:
    page = run.collapse(run.trials[f"{which} digits"]).page()
    assert page.numbers == () and "no attack to speak of" in page.lead
    assert any(f"Collapsed: the {which} network" in note.text for note in page.notes)


def test_a_demo_that_was_not_run_is_a_page_too(run: Run) -> None:
    assert "not been run" in to_markdown(Run(run.study, run.maker, {}).page()).text


def test_the_hub_is_told_beside_a_zoo_with_checksums(run: Run) -> None:
    whole = Run.of(run.study, run.maker).bare("supply-chain")
    made = chapter(whole, "published")
    assert "the hub refuses 4 of 4 such attempts" in made.sentence
    (table,) = (block for block in made.blocks if isinstance(block, Table))
    assert [(row[1].text, row[3].text) for row in table.rows] == [
        ("nothing", "0"),
        ("nothing", "1"),
        ("the checksum is wrong, if it is compared", "1"),
        ("nothing", "1"),
        ("nothing", "1"),
    ]
    (missing,) = chapter(run, "published").blocks
    assert isinstance(missing, Note) and missing.kind == "missing"
