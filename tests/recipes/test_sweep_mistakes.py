"""A sweep that cannot be: each mistake with its line and field, and at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.recipes.test_recipe import BAD, refused, write
from tests.recipes.test_sweeps import FLAT, HUGE, TIMM

__all__ = ["write"]  # the fixture


def test_seeds_that_are_none_are_refused_wherever_they_stand(write: Path) -> None:
    for seeds, said in (
        ("[0, 1, 2, -3]", "line 2: seed: must be >= 0, got -3"),
        ("[0, 1, 2, x]", "seed: must be a whole number, got 'x'"),
        ("[0, 1, 2, 3.5]", "seed: must be a whole number, got 3.5"),
    ):
        told = refused(write, f"data: digits\nseeds: {seeds}\n")
        assert said in told, told


@pytest.mark.parametrize(
    ("swept", "said"),
    [
        ("backdoor.poisonig_rate: [0.1]", "line 3: sweep.backdoor.poisonig_rate: unknown field"),
        ("backdoor.poisonig_rate: [0.1]", "did you mean 'poisoning_rate'?"),
        ("poisoning_rate: [0.1]", "did you mean 'backdoor.poisoning_rate'?"),
        ("trainig.lr: [0.1]", "line 3: sweep.trainig.lr: unknown field 'trainig.lr': did you"),
        ("training.windows.sides: [64]", "training.windows: unknown field 'windows'"),
        ("start.training.epoch: [2]", "line 3: start.training.epoch: unknown field 'epoch'"),
        ("training.lr: []", "line 3: sweep.training.lr: expected a list of values, at least one"),
        ("training.lr: 0.1", "line 3: sweep.training.lr: expected a list of values, at least one"),
        ("zip: 3", "line 3: sweep.zip: expected a mapping of fields to lists of equal length"),
        ("zip: []", "line 3: sweep.zip: expected a mapping"),
        ("zip: {}", "line 3: sweep.zip: expected a mapping"),
        ("zip: [{seed: [1]}, 4]", "line 3: sweep.zip[1]: expected a mapping of fields to lists"),
        ("zip: {seed: [1], sed: [2]}", "line 3: sweep.zip.sed: unknown field 'sed'"),
        ("zip: {seed: []}", "sweep.zip.seed: expected a list of values, at least one"),
        (
            "zip: {seed: [1, 2], training.lr: [0.1]}",
            "line 3: sweep.zip.training.lr: 1 values, but seed has 2: what varies together has",
        ),
        (
            "zip: {seed: [1], training.lr: {from: 1, to: 2}}",
            "sweep.zip.training.lr: a range varies on its own: put it beside `zip`",
        ),
        (
            "seed: [1]\n  zip: {seed: [2]}",
            "line 4: sweep.zip.seed: seed is swept twice, first in line 3: keep one",
        ),
        ("seed: [1]\nseeds: [2]", "line 4: seeds: seed is swept twice, first in line 3: keep one"),
        ("seed: [1]\nseeds: 0", "line 4: seeds: seed is swept twice"),
        ("held_back: [1]\nseeds: 0", "line 4: seeds: must be >= 1 (so many seeds, from 0 on)"),
        ("held_back: [1]\nseeds: true", "line 4: seeds: expected a list of values"),
        ("training.lr: {from: 0.1, to: 1}", "line 3: sweep.training.lr: a range is drawn from: gi"),
        (
            "sample: {count: 1}\n  training.lr: {to: 1}",
            "line 4: sweep.training.lr: from is missing",
        ),
        (
            "sample: {count: 1}\n  training.lr: {from: 1, to: x}",
            "line 4: sweep.training.lr.to: must be a number, got 'x'",
        ),
        (
            "sample: {count: 1}\n  training.lr: {from: 1, to: 1}",
            "line 4: sweep.training.lr.to: must be above from (1), got 1",
        ),
        (
            "sample: {count: 1}\n  training.lr: {from: 0, to: 1, scale: log}",
            "line 4: sweep.training.lr.from: must be > 0 where scale is log, got 0",
        ),
        (
            "sample: {count: 1}\n  training.lr: {from: 1, to: 2, scale: cubic}",
            "line 4: sweep.training.lr.scale: must be 'linear' or 'log', got 'cubic'",
        ),
        (
            "sample: {count: 1}\n  training.lr: {from: 1, to: 2, step: 1}",
            "line 4: sweep.training.lr.step: unknown field 'step'",
        ),
        (
            "sample: {count: 1}\n  training.lr: {from: -2.0, to: -1.0}",
            "line 4: training.lr: must be > 0, got -",
        ),
        ("sample: 5", "line 3: sweep.sample: expected a mapping (count, seed), got 5"),
        ("sample: {}", "line 3: sweep.sample: count is missing"),
        ("sample: {cuont: 5}", "line 3: sweep.sample.cuont: unknown field 'cuont'"),
        ("sample: {count: 0}", "line 3: sweep.sample.count: must be a whole number >= 1, got 0"),
        ("sample: {count: 1.5}", "sweep.sample.count: must be a whole number >= 1, got 1.5"),
        ("sample: {count: 1, seed: -1}", "sweep.sample.seed: must be a whole number >= 0, got -1"),
        (
            "seed: [1, 2]\n  sample: {count: 3}",
            "line 4: sweep.sample.count: there are 2 combinations, so a sample has at most as many",
        ),
        (
            "target_accuracy: {from: 0.5, to: 0.5000009}\n  sample: {count: 40}",
            "line 4: sweep.sample.count: after 2 different combinations 1,000 draws in a row gave",
        ),
    ],
)
def test_a_sweep_that_cannot_be_is_told(write: Path, swept: str, said: str) -> None:
    told = refused(write, f"{FLAT}  {swept}\n")
    assert said in told and "\n" not in told, told


def test_a_field_that_is_unknown_deep_inside_is_told_with_its_line(write: Path) -> None:
    told = refused(write, f"{BAD}sweep:\n  backdoor.trigger.sise: [2]\n")
    assert told.startswith("line 6: backdoor.trigger.sise: unknown field 'sise'")
    told = refused(write, f"{BAD}sweep: {{seed.x.y: [2]}}\nseed: 3\n")
    assert "line 5: seed.x.y: seed is not a mapping, so nothing in it can vary" in told


def test_a_sweep_over_nothing_is_refused(write: Path) -> None:
    told = refused(write, "data: digits\nsweep: {}\n")
    assert told == ("line 2: sweep: expected a mapping of fields to lists of values, at least one")


def test_what_can_never_be_run_is_refused(write: Path) -> None:
    told = refused(write, TIMM + HUGE)
    assert told.startswith("line 3: sweep: about 10^30 trials are more than can be run: take some")


def test_a_kind_that_is_unknown_is_told_where_it_is_to_hold_what_varies(write: Path) -> None:
    text = BAD.replace("patch", "pach:2") + "sweep:\n  backdoor.trigger.opacity: [0.5]\n"
    told = refused(write, text)
    assert told.startswith("line 6: backdoor.trigger.opacity: unknown trigger 'pach': did you mean")


def test_a_grid_that_is_wrong_throughout_is_told_at_once(write: Path) -> None:
    many = str(list(range(300)))
    begun = time.process_time()
    told = refused(write, f"{FLAT}  seed: {many}\n  training.epoch: [1, 2]\n")
    assert "line 4: sweep.training.epoch" in told
    told = refused(write, f"{FLAT}  seed: {many}\n  target_accuracy: {many.replace('[0, 1,', '[')}")
    assert "target_accuracy: must be <= 1, got" in told
    assert time.process_time() - begun < 3


def test_a_part_that_does_not_fit_is_told_where_it_was_chosen(write: Path) -> None:
    told = refused(write, f"{BAD}sweep:\n  seed: [1]\n  backdoor.trigger.size: [2, 40]\n")
    assert told.startswith("line 7: backdoor.trigger: Patch of 40x40 pixels does not fit")
