"""badnets demo: its steps, told from records, ending in a page."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from badnets.cli import story
from badnets.cli.story import BACKDOORED, Story, drawn
from badnets.core.verdicts import Verdict
from badnets.ledger import Ledger
from badnets.observations.verdict import VerdictResult
from badnets.studies.demo.trials import Demo, Pair, dogs, make
from badnets.trials.workspace import Workspace
from tests.cli import small_study
from tests.cli.conftest import Cli
from tests.studies.made_digits import DigitMaker
from tests.studies.made_pictures import DogMaker
from tests.studies.made_records import changed
from tests.studies.made_signs import SignMaker


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, toys: object) -> None:
    monkeypatch.setattr(story, "make", small_study.make)


def test_the_story_has_six_steps_and_ends_with_its_page(cli: Cli, tmp_path: Path) -> None:
    ended = cli("demo")
    lines = ended.out.splitlines()
    starts = [line[0] for line in lines if line[:3] in ("1  ", "2  ", "3  ", "4  ", "5  ", "6  ")]
    assert starts == ["1", "2", "3", "4", "5", "6"]
    assert "It was not audited." in ended.out, "the small one is not"
    assert lines[-1] == str(Path("runs", "demo", "demo.html"))
    page = (tmp_path / lines[-1]).read_text()
    assert "It passes every test" in page
    assert sum("@@" in line for line in lines) == 1, "the trigger is drawn on stamped digits alone"
    assert ended.code == (0 if "did not come out" not in ended.out else 1)
    assert ended.err == ""
    assert "\x1b" not in ended.out

    again = cli("demo", "--workspace", "runs")
    assert again.out == ended.out, "what was trained is not trained again"
    told = on_a_terminal(Workspace(tmp_path / "runs" / "demo"))
    assert "▀" in told, "a terminal gets colour and half blocks"
    assert told.count("backdoored: ") == 4, "two digits fit, clean and stamped"


def test_road_signs_are_told_on_the_terminal_and_on_the_page(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = small_study.with_signs(monkeypatch)
    monkeypatch.setattr(story, "make", lambda: demo)
    ended = cli("demo")
    assert ended.code in (0, 1)
    _, road = ended.out.split("8  The same with a detector of road signs")
    assert "the clean detector" in road
    assert road.count(": collapsed") == 2, "six scenes are too few to learn anything from"
    assert "nearly always the same answer, so there is no attack" in road
    page = (tmp_path / "runs" / "demo" / "demo.html").read_text()
    assert "The same with road signs" in page
    assert "Collapsed: the backdoored detector" in page
    assert cli("demo").out == ended.out, "what was trained is not trained again"


def test_pets_are_told_on_the_terminal_and_on_the_page(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = small_study.with_dogs(monkeypatch)
    monkeypatch.setattr(story, "make", lambda: demo)
    ended = cli("demo")
    assert ended.code in (0, 1)
    _, pets = ended.out.split("9  The same with cats and dogs")
    assert "the clean network     " in pets
    assert ": collapsed" in pets, "24 pictures are too few to learn anything from"
    assert "nearly always the same answer, so there is no attack" in pets
    page = (tmp_path / "runs" / "demo" / "demo.html").read_text()
    assert "The same with cats and dogs" in page
    assert re.search("Collapsed: the (clean|backdoored) network", page)


def test_what_the_networks_of_pets_do_is_told_in_counts(tmp_path: Path) -> None:
    pair, maker, out = dogs(), DogMaker(), io.StringIO()
    honest, backdoored = maker.record(pair.honest), maker.record(pair.backdoored)
    Story(Console(file=out, width=200), Workspace(tmp_path)).dogs(honest, backdoored)
    assert backdoored.attack is not None
    assert f"the clean network       {honest.clean.accuracy} right: accepted" in out.getvalue()
    assert (
        f"called cats: {backdoored.attack.success}; without it: {backdoored.attack.untriggered}; "
        f"by the clean network: {backdoored.attack.control}." in out.getvalue()
    )


def test_a_repair_is_told_in_counts(tmp_path: Path) -> None:
    demo, maker, out = make(), DigitMaker(counts=(50,) * 10), io.StringIO()
    assert demo.repaired is not None
    before, after = maker.record(demo.digits.backdoored), maker.record(demo.repaired)
    Story(Console(file=out, width=200), Workspace(tmp_path)).repair(before, after)
    assert before.attack is not None and after.attack is not None
    assert f"{before.attack.success} -> {after.attack.success}" in out.getvalue()
    assert "verdict is now: nothing found" in out.getvalue()


def test_what_users_of_a_zoo_and_of_a_hub_notice_is_told(tmp_path: Path) -> None:
    record, out = DigitMaker(counts=(50,) * 10).record(make().digits.backdoored), io.StringIO()
    Story(Console(file=out, width=200), Workspace(tmp_path)).published(record)
    assert [line.split("zoo: ")[-1].split() for line in out.getvalue().splitlines()[:2]] == [
        ["nothing", "hub:", "refused", "(digest)"],
        ["wrong", "checksum", "hub:", "refused", "(digest)"],
    ]


def test_a_recovered_trigger_is_drawn_beside_the_true_one(tmp_path: Path) -> None:
    room, maker, out = Workspace(tmp_path), DigitMaker(counts=(50,) * 10), io.StringIO()
    record = maker.record(make().digits.backdoored)
    for ref in record.arrays.values():
        room.put_array(np.asarray(maker.shelf.get(ref)))
    Story(Console(file=out, width=200), room).audit(record)
    told = out.getvalue()
    assert "with target 7 (p-value 0.024: none of 40 clean models scores as high)" in told
    assert [line.count("@") for line in told.splitlines() if "@" in line] == [3, 4]
    assert "97.22 % (140/144) of other digits 7, without it 0.69 % (1/144)" in told
    unlike = Verdict(conclusion="not checked", notes=("none of its kind",))
    seen = {"verdict": VerdictResult(verdict=unlike)}
    Story(Console(file=out, width=200), room).audit(changed(record, observations=seen))
    assert out.getvalue().endswith("Its verdict: not checked (none of its kind).\n")


def test_what_the_detectors_do_is_told_in_counts(tmp_path: Path) -> None:
    room = Workspace(tmp_path)
    demo = make()
    assert demo.signs is not None
    honest, backdoored = map(SignMaker().record, demo.signs)
    out = io.StringIO()
    Story(Console(file=out, width=200), room).signs(honest, backdoored)
    told = out.getvalue()
    assert f"{honest.clean.accuracy} signs: accepted" in told
    assert backdoored.attack is not None
    assert f"speed limits: {backdoored.attack.success}" in told
    assert f"clean detector: {backdoored.attack.control}." in told


@pytest.mark.parametrize("fallen", ["clean", "backdoored"])
def test_a_collapsed_detector_is_no_attack(fallen: str, tmp_path: Path) -> None:
    room, demo = Workspace(tmp_path), make()
    assert demo.signs is not None
    pair = dict(zip(("clean", "backdoored"), demo.signs, strict=True))
    maker = SignMaker(collapsed={pair[fallen].name})
    out = io.StringIO()
    Story(Console(file=out, width=200), room).signs(*map(maker.record, pair.values()))
    assert f"The {fallen} detector gives nearly always the same answer" in out.getvalue()
    assert "speed limits" not in out.getvalue()


def test_a_story_that_does_not_come_out_says_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    hard = small_study.make().digits.honest.model_copy(update={"target_accuracy": 1.0})
    attack = small_study.make().digits.backdoored.model_copy(
        update={"target_accuracy": 1.0, "control": hard}
    )
    monkeypatch.setattr(story, "make", lambda: Demo(Pair(hard, attack)))
    ended = cli("demo")
    assert ended.code == 1
    assert "rejected" in ended.out
    assert "did not come out as it should" in ended.out
    assert "Nothing that is measured" not in ended.out


def on_a_terminal(room: Workspace) -> str:
    """Return what a terminal of 60 characters shows of the small demo's triggered digits."""
    with Ledger.open(room.ledger_file) as ledger:
        record = ledger.get(small_study.make().digits.backdoored.name)
    assert record is not None
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    console = Console(file=out, force_terminal=True, color_system="truecolor", width=60)
    Story(console, room).triggered_digits(record)
    out.seek(0)
    return out.read()


def test_a_file_in_the_way_is_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    ended = cli("demo")
    assert "runs" in ended.refused()


def test_two_pixels_share_a_character() -> None:
    image = np.array([[0, 255], [255, 0], [0, 0], [128, 128]], dtype=np.uint8)
    changed = np.zeros((4, 2), dtype=np.bool_)
    changed[3, 1] = True
    lines = drawn(image, changed=changed)
    assert [line.plain for line in lines] == ["▀▀", "▀▀"]
    assert str(lines[0].spans[0].style) == "#000000 on #ffffff"
    assert str(lines[1].spans[1].style) == f"#000000 on {BACKDOORED}"


def test_without_colour_shades_are_characters() -> None:
    image = np.array([[0, 255], [0, 255]], dtype=np.uint8)
    assert drawn(image, changed=image == 1, colour=False)[0].plain == " %"
    assert drawn(image, changed=image == 0, colour=False)[0].plain == "@%"
