"""A page of one's own trials: each with what came of it, and whatever was observed."""

from __future__ import annotations

from badnets.studies.demo.trials import digits
from badnets.studies.own.trials import RecipeStudy
from tests.studies.made_digits import DigitMaker
from tests.studies.made_records import Run
from tests.studies.pages import column, notes, sound, tables, texts

RUN = Run.of(RecipeStudy("mine.yaml", tuple(digits())), DigitMaker(counts=(50,) * 10))


def test_each_trial_has_its_row_and_what_was_observed_a_table() -> None:
    page = RUN.page()
    assert page.title == "Trials of mine.yaml" and page.lead.startswith("2 trials were run.")
    (table,) = tables(page, "trials")
    assert column(table, 0) == [one.trial.title for one in RUN.records.values()]
    assert column(table, 3)[0] == "\u2013" != column(table, 3)[1]
    observed = {table.title.partition(":")[0]: texts(table) for table in tables(page, "observed")}
    assert {"examples", "units", "Units of conv1 silenced step by step"} <= observed.keys()
    assert page.story is not None and [len(row.pictures) for row in page.story.rows] == [10, 10]
    assert ["arrays filters", "16 x 1 x 5 x 5 float64"] in observed["units"]
    sound(page)


def test_what_is_missing_or_collapsed_is_said_and_never_an_attack() -> None:
    clean, attacked = RUN.trials["trials"]
    (table,) = tables(RUN.collapse([attacked]).page(), "trials")
    assert texts(table)[1][1] == texts(table)[1][3] == "collapsed"
    page = RUN.without(attacked.name).page()
    assert page.lead.startswith("1 trial was run.")
    assert notes(page, "missing") == ["Not complete: 1 of 2 trials of this recipe have been run."]
    nothing = RUN.without(clean.name, attacked.name).page()
    assert tables(nothing, "trials") == [] and "Nothing was run yet" in sound(nothing)
