"""The sign studies' pages where something is missing, collapsed, short, or did not come out."""

from __future__ import annotations

from pathlib import Path

import pytest

from badnets.report import to_html
from badnets.studies.signs.evidence import named_rightly, paired_difference, under_trigger
from badnets.studies.signs.study import make, make_transfer
from badnets.studies.wording import points
from badnets.trials import Workspace
from tests.studies.sign_records import SignMaker
from tests.studies.sign_runs import (
    MAIN,
    SECTIONS,
    STUDIES,
    Run,
    Study,
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
    return {name: run_of(study("scenes"), room).bare() for name, study in STUDIES.items()}


@pytest.fixture(scope="module")
def short(room: Workspace) -> dict[str, Run]:
    return {
        name: run_of(study("scenes", quick=True), room).bare() for name, study in STUDIES.items()
    }


@EACH
@pytest.mark.parametrize("data", ["scenes", "lisa"])
@pytest.mark.parametrize("quick", [False, True])
def test_before_anything_was_run_every_section_says_so(
    name: str, data: str, quick: bool, room: Workspace
) -> None:
    study = STUDIES[name](data, quick=quick)
    made = study.page({}, room.get_array, command="badnets study some")
    assert made.title == "Not run yet"
    assert (made.story, made.numbers) == (None, ())
    assert [one.name for one in made.sections] == SECTIONS[name]
    assert all(one.sentence for one in made.sections)
    assert "not been chosen yet" in section(made, "choice").sentence
    sound(made)


@EACH
def test_a_short_run_says_what_it_leaves_out(name: str, short: dict[str, Run]) -> None:
    made = short[name].page()
    assert said(made, "missing") == []
    assert any("short run on 250 training frames" in note.text for note in made.notes)
    left_out = {"signs": ("street", "boxes"), "transfer": ("rid",)}[name]
    for part in left_out:
        assert "belong" in section(made, part).sentence.lower()
    assert sound(made) == to_html(short[name].page()), "the same records give the same bytes"


@EACH
def test_a_missing_group_is_said_and_nothing_else_falls(name: str, short: dict[str, Run]) -> None:
    run = short[name]
    for group in run.groups:
        if "choice" in group:
            continue
        made = run.page(without=run.names(group))
        sound(made)
        assert any("none of 1" in text for text in said(made, "missing")), group
    nothing = run.page(without=[n for g in run.groups if "choice" not in g for n in run.names(g)])
    assert nothing.title == "Not run yet" and nothing.numbers == ()
    assert section(nothing, "choice").blocks, "the choice was made"


def test_each_group_of_the_whole_study_is_missed(runs: dict[str, Run]) -> None:
    signs = ("real world", "random bomb", "shares", "signs vanish", "all become one")
    made = runs["signs"].page(without=[n for g in signs for n in runs["signs"].names(g)])
    missing = " ".join(said(made, "missing"))
    for words in ("for the street", "target, bomb", "fewer poisoned", "signs vanish", "become one"):
        assert f"{words}" in missing
    for group in ("k 20", "k 100", "layers", "learning rate", "data"):
        run = runs["transfer"]
        assert said(run.page(without=run.names(group)), "missing"), group


def test_a_study_that_is_still_running_says_how_far_it_is(runs: dict[str, Run]) -> None:
    run = runs["transfer"]
    made = run.page(without=run.names("k 1")[1:])
    assert "Not complete: 1 of 3 retrained BadNets have been run." in said(made, "missing")
    assert "seed 0;" in made.numbers[2].detail


@EACH
def test_collapsed_detectors_are_named_and_never_an_attack(
    name: str, short: dict[str, Run]
) -> None:
    run = short[name]
    for group in run.groups:
        (trial,) = run.study.groups(run.records)[group]
        made = run.collapse(trial).page()
        sound(made)
        warned = [text for text in said(made, "warning") if trial.title in text]
        assert warned and "collapsed" in warned[0], group
        row = next(
            row
            for row in texts(tables(section(made, "provenance").blocks)[-1])
            if row[0] == trial.name
        )
        assert row[2] == "collapsed"
        if "choice" in group:
            assert "not been chosen yet" in section(made, "choice").sentence
    attack = {"signs": MAIN, "transfer": "k 1"}[name]
    made = run.collapse(*run.study.groups(run.records)[attack]).page()
    assert "learned nothing" in made.lead
    assert "backdoored" not in {number.tone for number in made.numbers if "100.0 %" in number.value}


def test_one_collapsed_seed_is_left_out_of_the_means(runs: dict[str, Run]) -> None:
    run = runs["signs"]
    first, *others = run.groups[MAIN]
    made = run.collapse(first.trial).page()
    assert made.numbers[2].value == f"{shown(under_trigger(others, 'hits'))} %"
    assert "seeds 1, 2" in made.numbers[2].detail
    table, controls = tables(section(made, "targeted").blocks)
    assert texts(table)[-1][4] == shown(under_trigger(others, "hits"))
    baseline = [one for one in run.groups["baseline"] if one.trial.seed in (1, 2)]
    found = paired_difference(named_rightly(others), named_rightly(baseline))
    assert found is not None and texts(controls)[0][-1] == points(found[0], 1)
    (precision, *_) = tables(section(made, "precision").blocks)
    assert texts(precision)[1][-1].endswith("of 3")


def test_an_attack_that_fails_is_not_praised(room: Workspace) -> None:
    made = run_of(make("scenes", quick=True), room, SignMaker(room, works=0.1)).bare().page()
    assert made.title == "A sticker that fails more often than it works"


@pytest.mark.parametrize(
    ("kept", "well", "title"),
    [
        ((0.3, 0.001), 0.9, "A backdoor that survives retraining"),
        ((0.0, 0.02), 0.9, "A backdoor that survives retraining once it is strengthened"),
        ((0.02, 0.0), 0.9, "What retraining leaves of a backdoor"),
        ((0.4, 0.0), 0.4, "What retraining leaves of a backdoor"),  # damaged without the sticker
    ],
)
def test_a_backdoor_survives_where_the_sticker_costs_more_than_the_clean_net(
    kept: tuple[float, float], well: float, title: str, room: Workspace
) -> None:
    maker = SignMaker(room, kept=kept, well=well)
    assert run_of(make_transfer("scenes", quick=True), room, maker).page().title == title


def test_photographs_that_were_not_published_are_not_missed(
    room: Workspace, tmp_path: Path
) -> None:
    run = run_of(make("lisa", quick=True), room)
    kept = {
        name: one.model_copy(
            update={"arrays": {k: v for k, v in one.arrays.items() if k.startswith("frames")}}
        )
        for name, one in run.records.items()
    }
    assert any(record.arrays for record in kept.values())
    made = Run(run.study, kept, Workspace(tmp_path)).page()
    assert made.story is None
    assert "not published" in section(made, "frames").sentence


def test_other_pictures_than_the_papers_are_named(room: Workspace) -> None:
    def told(study: Study) -> str:
        run = run_of(study, room).bare()
        without = [name for name, one in run.records.items() if one.attack is not None]
        return " ".join(note.text for note in run.page(without).notes)

    assert "drawn by badnets" in told(make("scenes", quick=True))
    lisa = told(make("lisa"))
    assert "Tiny LISA" in lisa and "start from drawn scenes" in lisa
    assert "start from random weights" in told(make("lisa", quick=True))
    assert "German" in told(make_transfer("lisa", quick=True))
    assert "drawn by badnets" in told(make_transfer("scenes", quick=True))
