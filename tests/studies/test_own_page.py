"""A page of one's own trials: each with what came of it, and whatever was observed."""

from __future__ import annotations

import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.core.triggers.patch import YELLOW_SQUARE
from badnets.studies.demo.trials import digits
from badnets.studies.own.trials import RecipeStudy
from badnets.train.settings import Training
from badnets.trials.trial import OutsourcedTrial
from tests.studies.made_digits import DigitMaker
from tests.studies.made_records import Run
from tests.studies.made_signs import SignMaker
from tests.studies.pages import UNDRAWN, column, drawn, notes, section, sound, tables, texts

pytestmark = UNDRAWN

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


def swept(*settings: tuple[int | float, float, int]) -> Run:
    """Return attacks with each size, poisoning rate and number of epochs, of three seeds each."""
    trials = []
    for size, rate, epochs in settings:
        backdoor, training = Backdoor(Patch(size), AllToOne(7), rate), Training(epochs=epochs)
        for seed in range(3):
            honest = OutsourcedTrial(data="digits", training=training, seed=seed)
            own = {"backdoor": backdoor, "control": honest}
            trials.append(honest.model_copy(update=own))
    return Run.of(RecipeStudy("mine.yaml", tuple(trials)), DigitMaker(counts=(50,) * 10))


@pytest.mark.parametrize(
    ("settings", "axes"),
    [
        ([(2, 0.1, 4), (3, 0.1, 4), (5, 0.1, 4)], ["trigger size, pixels"]),
        ([(2, 0.001, 4), (2, 0.1, 4)], ["backdoor poisoning rate"]),
        ([(2, 0.1, 1), (2, 0.1, 4)], ["training epochs"]),
        ([(2, 0.1, 4), (3, 0.2, 4)], ["backdoor poisoning rate", "trigger size, pixels"]),
        ([(2, 0.1, 4), (0.2, 0.1, 4)], []),
    ],
)
def test_a_swept_number_has_means_with_intervals_and_a_curve(
    settings: list[tuple[int | float, float, int]], axes: list[str]
) -> None:
    page = swept(*settings).page()
    means, trials = tables(page, "trials")
    assert len(means.rows) == len(settings) and len(trials.rows) == 3 * len(settings)
    assert len({row[0] if axes != ["training epochs"] else row[1] for row in texts(means)}) > 1
    names = [one.whole for one in means.columns]
    interval = column(means, names.index("attack success, %: 95 % interval"))
    low, _, high = interval[0].partition("\u2013")
    mean = column(means, names.index("attack success, %: mean"))[0]
    assert float(low) < float(mean) < float(high)
    figures = drawn(section(page, "trials").blocks)
    assert sorted(one.title for one in figures) == [f"By {axis}" for axis in axes]
    sound(page)


def test_trials_on_several_data_sets_are_no_sweep() -> None:
    two = [
        OutsourcedTrial(
            data=data, training=Training(epochs=n), backdoor=Backdoor(Patch(2), AllToOne(7))
        )
        for data, n in (("digits", 2), ("mnist", 3))
    ]
    page = Run.of(RecipeStudy("mine.yaml", tuple(two)), DigitMaker(counts=(50,) * 10)).page()
    assert not drawn(section(page, "trials").blocks)


def test_two_settings_that_make_a_grid_have_a_table_of_their_own() -> None:
    page = swept(*((size, rate, 4) for size in (3, 2) for rate in (0.1, 0.01, 0.2))).page()
    assert len(drawn(section(page, "trials").blocks)) == 2
    grid, means, _ = tables(page, "trials")
    assert "Attack success" in grid.title and len(means.rows) == 6
    heads, lines = [one.title for one in grid.columns[1:]], [row[0] for row in texts(grid)]
    assert sorted([heads, lines]) == sorted([["0.01", "0.1", "0.2"], ["2", "3"]])
    assert all(" to " in cell.under for row in grid.rows for cell in row[1:])
    three = swept((2, 0.1, 4), (3, 0.01, 4), (2, 0.01, 4)).page()
    assert len(tables(three, "trials")) == 2, "one place of the grid is missing"
    sound(page)


def test_intervals_of_a_detector_are_over_scenes() -> None:
    backdoor = Backdoor(YELLOW_SQUARE, AllToOne(1), 0.1)
    trials = [OutsourcedTrial(data="scenes", backdoor=backdoor, seed=seed) for seed in (0, 1)]
    page = Run.of(RecipeStudy("mine.yaml", tuple(trials)), SignMaker()).page()
    means, _ = tables(page, "trials")
    noted = [cell.note.endswith(" scenes") for cell in means.rows[0][2:6]]
    assert noted == [True, False, True, False], "mean and interval, clean and attacked"
    assert "scene" in means.basis and "\u2013" in column(means, 3)[0]
