"""The audit study: parts that share nothing, and trials named before they were run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from badnets.recipes import load_recipe
from badnets.studies.audit.judging import Separation
from badnets.studies.audit.spec import ADAPTIVE
from badnets.studies.audit.trials import make
from badnets.studies.audit.zoos import ZOOS

RECIPES = Path(__file__).parents[2] / "recipes"
RESULTS = Path(__file__).parents[2] / "docs" / "results" / "audit"


@pytest.mark.parametrize("data", ZOOS)
def test_the_evaluation_is_what_was_written_down_beforehand(data: str) -> None:
    lines = (RESULTS / f"evaluation_{data}.txt").read_text(encoding="utf-8").splitlines()
    written = [tuple(line.split("  ", 1)) for line in lines if not line.startswith("#")]
    named = [(one.name, group) for group, own in make(data).judged.items() for one in own]
    assert named == written


@pytest.mark.parametrize("data", ZOOS)
def test_the_parts_share_no_seed_and_no_backdoor(data: str) -> None:
    study = make(data)
    seeds: list[set[int]] = []
    backdoors: list[set[str]] = []
    for part in ("development", "evaluation"):
        trials = [one for own in replace(study, part=part).judged.values() for one in own]
        seeds.append({one.seed for one in trials})
        backdoors.append({str(one.implanted) for one in trials if one.implanted is not None})
    seeds.append({one.seed for one in study.groups({})["calibration"]})
    assert not seeds[0] & seeds[1] and not seeds[1] & seeds[2] and not seeds[0] & seeds[2]
    assert not backdoors[0] & backdoors[1]


@pytest.mark.parametrize("data", [data for data, zoo in ZOOS.items() if not zoo.weights])
def test_the_recipe_of_clean_models_is_the_calibration_part(data: str) -> None:
    named = {one.name for one in load_recipe(RECIPES / f"calibrate-{data}.yaml")}
    assert named == {one.name for one in make(data).groups({})["calibration"]}


def test_every_move_of_a_trainer_stands_on_the_page_even_where_its_backdoor_hardly_works() -> None:
    page = (RESULTS.parent / "audit.md").read_text(encoding="utf-8")
    moves = [name.removeprefix(ADAPTIVE) for name in make("digits").judged if ADAPTIVE in name]
    assert len(moves) >= 13
    assert [name for name in moves if f"| {name} |" not in page] == []


def test_a_separation_of_a_worked_example() -> None:
    found = Separation((0.0, 1.0, 2.0, 3.0), (2.0, 5.0))
    assert found.auroc == (2.5 + 4) / 8
    assert found.caught(0.0) == (1, 2) and found.caught(0.25) == (1, 2)
    assert found.caught(0.5) == (2, 2)
    assert found.interval.low <= found.auroc <= found.interval.high
    assert found.curve() == (
        [0.0, 0.0, 25.0, 50.0, 75.0, 100.0],
        [0.0, 50.0, 50.0, 100.0, 100.0, 100.0],
    )
