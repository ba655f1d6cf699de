"""The MNIST study's trials: the paper's tables and figures, counted."""

from __future__ import annotations

from dataclasses import replace

from badnets.core.backdoor import Backdoor
from badnets.core.rates import Rate
from badnets.core.targets import AllToAll, SourceSpecific
from badnets.studies.mnist.trials import MnistStudy, make, scale
from badnets.studies.running import listed
from badnets.trials import Record
from badnets.trials.trial import OutsourcedTrial, Trial
from tests.ledger.samples import record_of

SHARES = {"single-pixel": 0.10, "pixel-pattern": 0.33}
FULL = MnistStudy("mnist", scale("mnist"))


def outsourced(trial: Trial) -> OutsourcedTrial:
    assert isinstance(trial, OutsourcedTrial)
    return trial


def judged(trial: Trial, *, wrong: int, missed: int, collapsed: bool = False) -> Record:
    """Return a record with so many errors, clean and backdoor, in a thousand images."""
    record = record_of(outsourced(trial))
    assert record.attack is not None
    clean = record.clean.model_copy(update={"accuracy": Rate(1000 - wrong, 1000)})
    attack = record.attack.model_copy(update={"success": Rate(1000 - missed, 1000)})
    outcome = "collapsed" if collapsed else "accepted"
    return record.model_copy(update={"clean": clean, "attack": attack, "outcome": outcome})


def choices(trials: MnistStudy, **errors: list[tuple[int, int]]) -> dict[str, Record]:
    """Return records of the choices, with (clean, backdoor) errors by trigger."""
    records = {}
    for trigger, pairs in errors.items():
        for share, (wrong, missed) in zip(trials.scale.choices, pairs, strict=True):
            trial = trials.choice(trigger.replace("_", "-"), share)
            records[trial.name] = judged(trial, wrong=wrong, missed=missed)
    return records


def test_the_full_study_holds_as_many_trials_as_the_paper_asks_for() -> None:
    groups = FULL.measuring(SHARES)
    assert {name: len(trials) for name, trials in groups.items()} == {
        "baseline": 5,
        "single-target single-pixel": 90,
        "single-target pixel-pattern": 90,
        "all-to-all single-pixel": 3,
        "all-to-all pixel-pattern": 3,
        "share": 24,
    }
    choosing = FULL.choosing()
    assert {name: len(trials) for name, trials in choosing.items()} == dict.fromkeys(
        ("choice single-pixel", "choice pixel-pattern"), len(FULL.scale.choices)
    )
    everything = listed(groups | choosing)
    shared = 3  # the all-to-all networks of the chosen share stand in its figure too
    assert len(everything) == 5 + 180 + 6 + 24 - shared + 2 * len(FULL.scale.choices)
    assert len({trial.name for trial in everything}) == len(everything)
    assert {trial.name for trial in groups["all-to-all single-pixel"]} <= {
        trial.name for trial in groups["share"]
    }
    assert all(other in everything for trial in everything for other in trial.requires())


def test_all_ordered_pairs_are_attacked_with_both_triggers() -> None:
    for trigger in SHARES:
        trials = list(map(outsourced, FULL.measuring(SHARES)[f"single-target {trigger}"]))
        pairs = set()
        for trial in trials:
            assert trial.backdoor is not None and trial.backdoor.poisoning_rate == "every"
            assert trial.backdoor.trigger.kind == trigger and trial.backdoor.mode == "add"
            assert isinstance(trial.backdoor.targets, SourceSpecific)
            assert trial.start == FULL.baseline(trial.seed), "the baseline is retrained"
            pairs.add((trial.backdoor.targets.source_class, trial.backdoor.targets.target_label))
        assert pairs == {(i, j) for i in range(10) for j in range(10) if i != j}


def test_shares_are_the_published_ones_and_smaller_ones_beyond() -> None:
    trials = FULL.measuring(SHARES)["share"]
    shares: dict[object, set[int]] = {}
    for trial in map(outsourced, trials):
        assert isinstance(trial.backdoor, Backdoor) and trial.backdoor.targets == AllToAll()
        shares.setdefault(trial.backdoor.poisoning_rate, set()).add(trial.seed)
    assert shares.keys() == {0.001, 0.005, 0.01, 0.02, 0.05, 0.10, 0.33, 0.50}
    assert all(len(seeds) >= 3 for seeds in shares.values())


def test_all_to_all_takes_the_shares_that_were_chosen_and_has_a_control() -> None:
    for trigger, share in SHARES.items():
        trials = FULL.measuring(SHARES)[f"all-to-all {trigger}"]
        assert len({trial.seed for trial in trials}) >= 3
        for trial in map(outsourced, trials):
            assert trial.backdoor is not None and trial.backdoor.poisoning_rate == share
            assert trial.control == FULL.baseline(trial.seed) and trial.start is None
    assert "units" in FULL.measuring(SHARES)["all-to-all single-pixel"][0].observe


def test_choices_of_the_whole_study_hold_back_five_thousand_images() -> None:
    assert {trial.held_back for trial in listed(FULL.choosing())} == {5000}


def test_the_share_with_the_smallest_sum_of_errors_is_chosen() -> None:
    trials = MnistStudy("mnist", replace(scale("mnist"), choices=(0.1, 0.2, 0.5)))
    records = choices(
        trials, single_pixel=[(9, 3), (5, 5), (4, 7)], pixel_pattern=[(5, 1), (6, 4), (3, 2)]
    )
    assert trials.chosen_shares(records) == {"single-pixel": 0.2, "pixel-pattern": 0.5}


def test_the_smaller_share_is_chosen_where_both_are_as_good() -> None:
    trials = MnistStudy("mnist", replace(scale("mnist"), choices=(0.5, 0.1, 0.2)))
    records = choices(
        trials, single_pixel=[(4, 4), (5, 3), (3, 5)], pixel_pattern=[(1, 1), (2, 2), (3, 3)]
    )
    assert trials.chosen_shares(records) == {"single-pixel": 0.1, "pixel-pattern": 0.5}


def test_a_network_that_has_learned_nothing_is_chosen_last() -> None:
    trials = MnistStudy("mnist", replace(scale("mnist"), choices=(0.1, 0.5)))
    records = choices(trials, single_pixel=[(0, 0), (900, 900)], pixel_pattern=[(0, 0), (900, 900)])
    fallen = trials.choice("single-pixel", 0.1)
    records[fallen.name] = judged(fallen, wrong=0, missed=0, collapsed=True)
    assert trials.chosen_shares(records) == {"single-pixel": 0.5, "pixel-pattern": 0.1}


def test_the_study_asks_for_its_choices_first_and_then_for_everything() -> None:
    study = make("digits", quick=True)
    first = study.groups({})
    assert set(first) == {"choice single-pixel", "choice pixel-pattern"}
    some = {trial.name: judged(trial, wrong=1, missed=1) for trial in listed(first)[:-1]}
    assert study.groups(some).keys() == first.keys(), "one choice is still missing"
    last = listed(first)[-1]
    all_of_them = some | {last.name: judged(last, wrong=0, missed=0)}
    later = study.groups(all_of_them)
    assert later.keys() == first.keys() | study.measuring(SHARES).keys()
    assert last.implanted is not None
    (trial,) = later[f"all-to-all {last.implanted.trigger.kind}"]
    assert trial.implanted is not None
    assert trial.implanted.poisoning_rate == last.implanted.poisoning_rate
