"""What pages are drawn from: shares over images or signs, paired, with what they rest on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from badnets.core.bootstrap import grouped_interval
from badnets.core.rates import Rate
from badnets.studies.aggregate import Over, Runs, difference, paired
from badnets.studies.signs.objects import LEAST, named_rightly, still_right, under_trigger
from badnets.studies.signs.spec import against
from badnets.studies.signs.trials import SignStudy, make, scale
from badnets.studies.tables import NOTHING, cell, strong
from badnets.studies.wording import points
from badnets.trials import Record
from tests.studies.made_records import changed
from tests.studies.made_signs import SignMaker

TRIALS = SignStudy("scenes", scale("scenes"))
TWO = Over.clustered(((True, True, False, True), (True, False, False, True)), (0, 0, 1, 2), (0, 1))
NONE = Over()
MAKER = SignMaker()


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return [MAKER.record(TRIALS.targeted("bomb", seed, 0.3)) for seed in (0, 1)]


@pytest.fixture(scope="module")
def honest() -> list[Record]:
    return [MAKER.record(TRIALS.baseline(seed, 0.3)) for seed in (0, 1)]


def runs_of(expected: int, **groups: list[Record]) -> Runs:
    return Runs(groups, MAKER.shelf.get, dict.fromkeys((*groups, "other"), expected))


@pytest.mark.parametrize("change", [1.0, -1.0, 0.0])
def test_where_no_image_differs_the_interval_stays_possible(change: float) -> None:
    found = paired({0: np.full(50, change)})
    assert found is not None and found.mean == change
    assert -1.0 <= found.interval.low <= change <= found.interval.high <= 1.0
    assert found.interval.low < found.interval.high


def test_seeds_are_averaged_image_by_image() -> None:
    found = paired({0: np.array([1.0, 0.0, 0.0, 0.0]), 1: np.array([0.0, 0.0, -1.0, 0.0])})
    assert found is not None and found.mean == 0.0 and found.items == 4
    assert found.by_seed == {0: 0.25, 1: -0.25}


def test_seeds_that_saw_other_images_are_not_paired() -> None:
    assert paired({0: np.zeros(3), 1: np.zeros(4)}) is None
    assert paired({}) is None


def test_the_mean_is_over_networks_and_signs() -> None:
    assert TWO.mean == pytest.approx((3 / 4 + 2 / 4) / 2)
    assert TWO.items.tolist() == [1, 0.5, 0, 1]
    assert TWO.rates[0] == Rate(3, 4)
    assert TWO.interval == grouped_interval(TWO.items, (0, 0, 1, 2))
    assert TWO.interval.low <= TWO.mean <= TWO.interval.high


def test_a_cell_says_counts_seeds_range_interval_and_scenes() -> None:
    made = cell(strong(TWO), "clean")
    assert (made.text, made.tone, made.strong) == ("62.5", "clean", True)
    low, high = TWO.interval
    assert made.note == (
        "3, 2 of 4; seeds 0, 1; range 50.0 to 75.0 %; 95 % interval "
        f"{100 * low:.1f} to {100 * high:.1f} % over 3 scenes"
    )
    assert TWO.of_seeds([0]).note.startswith("3 of 4; seed 0; 95 % interval")


def test_nothing_measured_is_a_dash_and_no_number() -> None:
    for nothing in (NONE, Over.clustered(((), ()), (), (0, 1))):
        assert not nothing and math.isnan(nothing.mean) and cell(nothing) == NOTHING
    assert named_rightly([]) == under_trigger([], "hits") == NONE


@pytest.mark.parametrize("right", [True, False])
def test_signs_that_all_agree_still_have_an_interval(right: bool) -> None:
    alike = Over.clustered(((right,) * 6,), (0, 0, 1, 1, 2, 2), (0,))
    assert alike.interval == Rate(3 if right else 0, 3).interval, "three scenes, not six signs"
    same = difference(alike, alike)
    assert same is not None and same[0] == 0
    assert same[1].low == -same[1].high < 0


def test_clean_signs_are_counted_by_class(records: list[Record]) -> None:
    everything, stops = named_rightly(records), named_rightly(records, 0)
    for record, row, own in zip(records, everything.answers, stops.answers, strict=True):
        assert sum(row) == record.clean.accuracy.hits
        assert Rate(sum(own), len(own)) == record.clean.per_class[0]
    assert everything.seeds == (0, 1)
    assert len(everything.clusters) == records[0].clean.accuracy.total


def test_only_stickers_that_the_network_can_see_are_counted(records: list[Record]) -> None:
    hits, every = under_trigger(records, "hits"), under_trigger(records, "hits", least=0)
    for record, row, all_of_them in zip(records, hits.answers, every.answers, strict=True):
        one = record.triggered
        assert one is not None
        large = [pixels * one.scale >= LEAST for pixels in one.pixels]
        assert row == tuple(hit for hit, kept in zip(one.hits, large, strict=True) if kept)
        assert all_of_them == one.hits
        assert 0 < sum(large) < len(large)
    small = under_trigger(records, "hits", least=0, below=LEAST)
    assert len(small.clusters) + len(hits.clusters) == len(every.clusters)


def test_what_was_not_asked_is_not_counted(records: list[Record], honest: list[Record]) -> None:
    assert under_trigger(honest, "hits") == NONE, "a clean trial has no trigger"
    alone = records[0]
    assert alone.triggered is not None
    bare = alone.triggered.model_copy(update={"control": (), "control_hits": ()})
    without = changed(alone, triggered=bare)
    assert under_trigger([without, records[1]], "control_hits").seeds == (1,)
    assert still_right([without])


def test_differences_are_paired_sign_by_sign_and_seed_by_seed(
    records: list[Record], honest: list[Record]
) -> None:
    ours, theirs = named_rightly(records), named_rightly(honest)
    found = difference(ours, theirs)
    assert found is not None and found[0] == pytest.approx(ours.mean - theirs.mean)
    assert found[1] == grouped_interval(ours.items - theirs.items, ours.clusters)
    second = difference(ours, named_rightly(honest[1:]))
    assert second is not None
    assert second[0] == pytest.approx(named_rightly(records[1:]).mean - theirs.of_seeds([1]).mean)
    assert "; seed 1;" in against(ours, named_rightly(honest[1:])).note
    made = against(ours, theirs, "clean")
    assert made.text == points(found[0], 1)
    assert made.note.startswith(
        f"paired over {len(ours.clusters)} signs; seeds 0, 1; 95 % interval"
    )


def test_other_signs_or_other_seeds_are_not_compared(
    records: list[Record], honest: list[Record]
) -> None:
    clean, triggered = named_rightly(honest), under_trigger(records, "hits")
    for ours, theirs in (
        (clean, triggered),
        (clean, NONE),
        (NONE, clean),
        (clean.of_seeds([0]), clean.of_seeds([1])),
    ):
        assert difference(ours, theirs) is None
        assert against(ours, theirs) == NOTHING


def test_collapsed_networks_are_named_and_left_out(records: list[Record]) -> None:
    trial = records[0].trial
    fallen = SignMaker(collapsed={trial.name}).record(trial)
    assert fallen.attack is not None
    assert fallen.attack.success.value == 1.0, "it would look like a perfect attack"
    seen = runs_of(3, bomb=[fallen, records[1]], none=[fallen])
    assert seen.of("bomb") == [records[1]]
    assert seen.all("bomb") == [fallen, records[1]]
    missing, warned = seen.gaps("bomb", "detectors")
    assert missing.text == "Not complete: 2 of 3 detectors have been run."
    assert warned.kind == "warning" and "1 of 2 detectors collapsed" in warned.text
    assert trial.title in warned.text
    assert seen.of("none") == [] and seen.all("none") == [fallen]


def test_what_is_complete_leaves_no_gap(records: list[Record]) -> None:
    seen = runs_of(2, bomb=records, again=records[:1])
    assert seen.gaps("bomb", "detectors") == ()
    assert seen.gaps("other", "detectors")[0].text.startswith("Not complete: none of 2")
    assert seen.everything == records, "each once"
    assert seen.first("bomb") == records[0] and seen.first("other") is None


def test_made_up_records_are_consistent() -> None:
    for record in SignMaker().all_of(make("scenes")).values():
        assert record.objects is not None and record.clean == record.objects.clean
        at = {one.threshold: one.right for one in record.objects.at}
        assert at[record.objects.threshold] == record.clean.accuracy.hits
        if record.triggered is not None and record.trial.kind == "outsourced":
            assert record.attack == record.triggered.attack
        assert Record.model_validate_json(record.model_dump_json()) == record
