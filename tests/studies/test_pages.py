"""What holds of every study's page: it says what the records say, and what is missing."""

from __future__ import annotations

import re
from functools import cache

import pytest

from badnets.report import to_html, to_markdown
from badnets.report.markdown import Markdown
from badnets.report.page import Numbers
from tests.studies.cases import CASES, bare, run, whole
from tests.studies.made_records import Shelf, changed
from tests.studies.pages import UNDRAWN, drawn, notes, section, sound, tables, texts

ALL = pytest.mark.parametrize("name", CASES)
LONG = ("retraining", "transfer")  # their quick ones ask the same of the same page
SHORT = [
    pytest.param(name, marks=pytest.mark.slow if name in LONG else ())
    for name in CASES
    if name not in ("mnist", "signs", "retraining-signs")
]
FIGURES = {"signs": 13, "transfer": 1}


@cache
def text_of(name: str) -> str:
    return sound(whole(name))


@cache
def markdown_of(name: str) -> Markdown:
    return to_markdown(whole(name))


def attacks(name: str) -> list[str]:
    return [group for group in CASES[name][3] if group in run(name).trials]


@ALL
def test_a_whole_study_has_all_its_parts_and_misses_nothing(name: str) -> None:
    page = whole(name)
    assert [one.name for one in page.sections] == CASES[name][2].split()
    assert notes(page, "missing") == []
    assert [text for text in notes(page, "warning") if "collapsed" in text.lower()] == []
    assert all(one.sentence.endswith((".", ":")) for one in page.sections)
    text = text_of(name)
    assert page.title in text and page.title in markdown_of(name).text
    assert page.command in text


@pytest.mark.parametrize("name", ["dogs", "mnist-quick", "retraining", "signs-quick"])
def test_the_same_records_give_the_same_bytes(name: str) -> None:
    assert to_html(run(name).page()) == text_of(name)
    assert to_markdown(run(name).page()) == markdown_of(name)


@ALL
def test_no_number_stands_without_what_it_rests_on(name: str) -> None:
    page = whole(name)
    inner = [b for one in page.sections for b in one.blocks if isinstance(b, Numbers)]
    assert len(page.numbers) == 4
    for number in (*page.numbers, *(one for block in inner for one in block.numbers)):
        assert re.search(r"\bn = \d|\b\d[\d,]* of \d", number.detail), number
        assert "95 % interval" in number.detail
        assert name == "demo" or re.search(r"\bseeds? \d", number.detail)
    for table in (table for one in page.sections for table in tables(page, one.name)):
        for cell in (cell for row in (*table.rows, *table.foot) for cell in row):
            assert "interval" not in cell.note or re.search(r"\d of \d|over \d", cell.note), cell


@ALL
def test_figures_have_names_of_their_own_words_and_numbers(name: str) -> None:
    shown = [one for part in whole(name).sections for one in drawn(part.blocks)]
    names = [figure.name for figure in shown]
    assert len(names) == len(set(names))
    for figure in shown:
        assert figure.alt and figure.sentence
        assert figure.table is None or figure.table.rows
        if name.startswith(("signs", "transfer")):
            assert figure.basis and figure.table is not None
    assert name not in FIGURES or len(shown) == FIGURES[name]


@pytest.mark.parametrize("name", [name for name in CASES if name != "demo"])
def test_every_trial_is_listed_once(name: str) -> None:
    *_, listed = tables(whole(name), "provenance")
    names = [row[0] for row in texts(listed)]
    assert len(names) == len(set(names)) and set(names) == set(run(name).records)


@ALL
def test_before_anything_was_run_the_page_says_so(name: str) -> None:
    page = run(name).without(*run(name).records).page()
    text = sound(page)
    assert re.search(r"not been (run|trained)|Not run yet|has been retrained yet", text)
    assert page.story is None
    assert not any(re.search(r"\d", number.value) for number in page.numbers)
    assert all(one.sentence for one in page.sections)
    assert "obeys" not in text and "survives" not in page.title
    if name.startswith(("signs", "transfer")):
        assert page.title == "Not run yet" and page.numbers == ()
        assert "not been chosen yet" in section(page, "choice").sentence


@UNDRAWN
@ALL
def test_pictures_that_are_not_passed_on_are_not_needed(name: str) -> None:
    page = run(name).page(Shelf())
    assert page.story is None
    assert [one.name for one in page.sections] == CASES[name][2].split()
    sound(page)


@UNDRAWN
@pytest.mark.parametrize("name", SHORT)
def test_each_missing_group_is_said_and_nothing_else_falls(name: str) -> None:
    known = bare(name)
    for group in known.trials:
        page = known.missing(group).page()
        sound(page)
        said = notes(page, "missing")
        if "choice" in group and any(one.name == "choice" for one in page.sections):
            assert "not been chosen yet" in section(page, "choice").sentence
        else:
            assert any("none of" in one or "not been run" in one for one in said), group


@UNDRAWN
@pytest.mark.parametrize("name", ["mnist", "signs", "transfer", "dogs", "retraining"])
def test_a_study_that_is_still_running_says_how_far_it_is(name: str) -> None:
    known = bare(name)
    for group, records in known.groups.items():
        if len(records) > 1 and "choice" not in group:
            page = known.without(*(one.name for one in records[1:])).page()
            wanted = f"Not complete: 1 of {len(records)} "
            assert any(text.startswith(wanted) for text in notes(page, "missing")), group


@UNDRAWN
@pytest.mark.parametrize("name", SHORT)
def test_a_network_that_has_learned_nothing_is_named_wherever_it_stands(name: str) -> None:
    known = bare(name)
    for group, trials in known.trials.items():
        page = known.collapse(trials[:1]).page()
        sound(page)
        (title,) = {trials[0].title}
        warned = notes(page, "warning")
        assert any("ollapsed" in one and (title in one or name == "demo") for one in warned), group
        if name != "demo":
            listed = {row[0]: row for row in texts(tables(page, "provenance")[-1])}
            own = listed[trials[0].name]
            assert own[2] == own[5] == "collapsed"


@UNDRAWN
@ALL
def test_networks_that_have_learned_nothing_are_no_attack(name: str) -> None:
    known = run(name) if name in ("demo", "dogs") else bare(name)  # they tell of pictures
    page = known.collapse([t for group in attacks(name) for t in known.trials[group]]).page()
    sound(page)
    claims = ("obeys", "survives", "until", "turns stop signs", "A new head on an old backdoor")
    assert not any(claim in page.title for claim in claims) or name == "demo"
    assert page.story is None
    if not name.startswith("retraining"):  # its first number is of the network as downloaded
        coloured = [one.value for one in page.numbers if one.tone == "backdoored"]
        assert not any(re.search(r"\d", value) for value in coloured)


@UNDRAWN
@ALL
def test_one_collapsed_seed_is_left_out_of_every_mean(name: str) -> None:
    known = bare(name)
    first, *others = known.trials[attacks(name)[0]]
    if not others or first.seed == others[0].seed:
        return
    page = known.collapse([first]).page()
    seeds = sorted(one.seed for one in others)
    wanted = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
    assert any(wanted in number.detail for number in page.numbers)


@UNDRAWN
@ALL
def test_a_user_who_rejects_is_not_said_to_accept(name: str) -> None:
    known = bare(name)
    refused = known.with_records(changed(one, outcome="rejected") for one in known.records.values())
    text = sound(refused.page())
    assert re.search(r"not accept|rejects|accepts (0|none) of|0 of \d", text)
    assert not re.search(r"accepts it\b|accepts them\b", text)
