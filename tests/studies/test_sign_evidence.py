"""What the sign pages are drawn from: shares over signs, paired, with what they rest on."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from badnets.core.bootstrap import grouped_interval
from badnets.core.rates import Rate
from badnets.studies.signs.evidence import (
    LEAST,
    Measured,
    SignEvidence,
    difference_cell,
    named_rightly,
    paired_difference,
    still_right,
    under_trigger,
)
from badnets.studies.signs.scale import scale
from badnets.studies.signs.study import make
from badnets.studies.signs.trials import SignTrials
from badnets.studies.wording import NOTHING, points
from badnets.trials import Record, Workspace
from tests.studies.sign_records import SignMaker

TRIALS = SignTrials("scenes", scale("scenes"))
TWO = Measured(((True, True, False, True), (True, False, False, True)), (0, 0, 1, 2), (0, 1))
NONE = Measured((), (), ())


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> SignMaker:
    return SignMaker(Workspace(tmp_path_factory.mktemp("room")))


@pytest.fixture(scope="module")
def records(maker: SignMaker) -> list[Record]:
    return [maker.record(TRIALS.targeted("bomb", seed, 0.3)) for seed in (0, 1)]


@pytest.fixture(scope="module")
def honest(maker: SignMaker) -> list[Record]:
    return [maker.record(TRIALS.baseline(seed, 0.3)) for seed in (0, 1)]


def evidence_of(maker: SignMaker, **groups: list[Record]) -> SignEvidence:
    return SignEvidence(
        groups, maker.workspace.get_array, TRIALS.scale, "scenes", ("stop", "a", "b"), 0.3
    )


def test_the_mean_is_over_networks_and_signs() -> None:
    assert TWO.mean == pytest.approx((3 / 4 + 2 / 4) / 2)
    assert TWO.per_sign.tolist() == [1, 0.5, 0, 1]
    assert TWO.rate == Rate(3, 4)
    assert TWO.interval == grouped_interval(TWO.per_sign, (0, 0, 1, 2))
    assert TWO.interval.low <= TWO.mean <= TWO.interval.high


def test_a_cell_says_counts_seeds_range_interval_and_scenes() -> None:
    cell = TWO.cell("clean", strong=True)
    assert (cell.text, cell.tone, cell.strong) == ("62.5", "clean", True)
    low, high = TWO.interval
    assert cell.note == (
        "3, 2 of 4; seeds 0, 1; range 50.0 to 75.0 %; 95 % interval "
        f"{100 * low:.1f} to {100 * high:.1f} % over 3 scenes"
    )
    alone = replace(TWO, values=TWO.values[:1], seeds=(0,))
    assert alone.cell().note.startswith("3 of 4; seed 0; 95 % interval")
    assert "n = 4 signs, seeds 0, 1" in TWO.told


def test_nothing_measured_is_a_dash_and_no_number() -> None:
    for nothing in (NONE, Measured(((), ()), (), (0, 1))):
        assert not nothing.known
        assert math.isnan(nothing.mean)
        assert nothing.cell() == NOTHING
    assert named_rightly([]) == NONE
    assert under_trigger([], "hits") == NONE


@pytest.mark.parametrize("right", [True, False])
def test_signs_that_all_agree_still_have_an_interval(right: bool) -> None:
    alike = Measured(((right,) * 6,), (0, 0, 1, 1, 2, 2), (0,))
    assert alike.interval == Rate(3 if right else 0, 3).interval, "three scenes, not six signs"
    same = paired_difference(alike, alike)
    assert same is not None
    assert same[0] == 0
    assert same[1].low == -same[1].high < 0


def test_clean_signs_are_counted_by_class(records: list[Record]) -> None:
    everything, stops = named_rightly(records), named_rightly(records, 0)
    for record, row, own in zip(records, everything.values, stops.values, strict=True):
        assert record.signs is not None
        assert sum(row) == record.clean.accuracy.hits
        assert Rate(sum(own), len(own)) == record.clean.per_class[0]
    assert everything.seeds == (0, 1)
    assert len(everything.groups) == records[0].clean.accuracy.total


def test_only_stickers_that_the_network_can_see_are_counted(records: list[Record]) -> None:
    signs = [record.triggered for record in records]
    hits, every = under_trigger(records, "hits"), under_trigger(records, "hits", least=0)
    for one, row, all_of_them in zip(signs, hits.values, every.values, strict=True):
        assert one is not None
        large = [pixels * one.scale >= LEAST for pixels in one.pixels]
        assert row == tuple(hit for hit, kept in zip(one.hits, large, strict=True) if kept)
        assert all_of_them == one.hits
        assert 0 < sum(large) < len(large)
    small = under_trigger(records, "hits", least=0, below=LEAST)
    assert len(small.groups) + len(hits.groups) == len(every.groups)


def test_what_was_not_asked_is_not_counted(records: list[Record], honest: list[Record]) -> None:
    assert under_trigger(honest, "hits") == NONE, "a clean trial has no trigger"
    alone = records[0]
    assert alone.triggered is not None
    bare = alone.triggered.model_copy(update={"control": (), "control_hits": ()})
    changed = alone.model_copy(update={"triggered": bare})
    assert under_trigger([changed, records[1]], "control_hits").seeds == (1,)
    assert still_right([changed]).known


def test_differences_are_paired_sign_by_sign_and_seed_by_seed(
    records: list[Record], honest: list[Record]
) -> None:
    ours, theirs = named_rightly(records), named_rightly(honest)
    found = paired_difference(ours, theirs)
    assert found is not None
    assert found[0] == pytest.approx(ours.mean - theirs.mean)
    assert found[1] == grouped_interval(ours.per_sign - theirs.per_sign, ours.groups)
    second = paired_difference(ours, named_rightly(honest[1:]))
    assert second is not None
    assert second[0] == pytest.approx(named_rightly(records[1:]).mean - theirs.of_seeds([1]).mean)
    assert "; seed 1;" in difference_cell(ours, named_rightly(honest[1:])).note
    cell = difference_cell(ours, theirs, "clean")
    assert cell.text == points(found[0], 1)
    assert cell.note.startswith(f"paired over {len(ours.groups)} signs; seeds 0, 1; 95 % interval")


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
        assert paired_difference(ours, theirs) is None
        assert difference_cell(ours, theirs) == NOTHING


def test_collapsed_networks_are_named_and_left_out(maker: SignMaker, records: list[Record]) -> None:
    trial = records[0].trial
    fallen = SignMaker(maker.workspace, collapsed=frozenset({trial.name})).record(trial)
    assert fallen.attack is not None
    assert fallen.attack.success.value == 1.0, "it would look like a perfect attack"
    seen = evidence_of(maker, bomb=[fallen, records[1]], none=[fallen])
    assert seen.of("bomb") == [records[1]]
    assert seen.all("bomb") == [fallen, records[1]]
    missing, warned = seen.gaps("bomb", 3, "detectors")
    assert missing.text == "Not complete: 2 of 3 detectors have been run."
    assert warned.kind == "warning" and "1 of 2 detectors collapsed" in warned.text
    assert trial.title in warned.text
    assert seen.fallen("none") and not seen.fallen("bomb") and not seen.fallen("unknown")


def test_what_is_complete_leaves_no_gap(maker: SignMaker, records: list[Record]) -> None:
    seen = evidence_of(maker, bomb=records, again=records[:1])
    assert seen.gaps("bomb", 2, "detectors") == ()
    assert seen.gaps("other", 2, "detectors")[0].text.startswith("Not complete: none of 2")
    assert seen.everything == records, "each once"
    assert seen.first("bomb") == records[0] and seen.first("other") is None


def test_made_up_records_are_consistent(maker: SignMaker) -> None:
    for record in maker.all_of(make("scenes")).values():
        assert record.signs is not None
        assert record.clean == record.signs.result()
        at = {one.threshold: one.right for one in record.signs.at}
        assert at[record.signs.threshold] == record.clean.accuracy.hits
        if record.triggered is not None:
            assert record.attack == record.triggered.result(len(record.signs.ap50))
        assert Record.model_validate_json(record.model_dump_json()) == record
