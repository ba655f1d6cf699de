"""Lists of records: what tells trials apart is said, and means over seeds carry an interval."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.placements import Fixed
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne
from badnets.core.triggers import TRIGGERS, Blended, DrawnSticker, Patch, PixelPattern
from badnets.core.triggers.patch import YELLOW_SQUARE
from badnets.ledger import Ledger
from badnets.ledger.listing import Listing, listing
from badnets.train.settings import Training
from badnets.trials.differences import settings_that_differ
from badnets.trials.record import Record
from badnets.trials.trial import OutsourcedTrial
from tests.ledger.samples import record_of


def attacked(size: int | float = 2, seed: int = 0, epochs: int = 4) -> OutsourcedTrial:
    backdoor = Backdoor(Patch(size), AllToOne(1), 0.05)
    training = Training(epochs=epochs)
    return OutsourcedTrial(
        data="digits", backdoor=backdoor, seed=seed, training=training, target_accuracy=0.5
    )


def listed(path: Path, records: list[Record], *, sweep: bool = False) -> Listing:
    with Ledger.open(path / "ledger.sqlite") as ledger:
        ledger.add_all(records)
        trials = {one.name: one.trial.model_dump(mode="json") for one in records} if sweep else None
        return listing(ledger.rows(), trials)


def column(table: tuple[list[str], list[list[Any]]], heading: str) -> list[Any]:
    return [row[table[0].index(heading)] for row in table[1]]


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        (Patch(2), "patch:2"),
        (Patch(), "patch:3"),
        (Patch(0.125), "patch:0.125"),
        (Patch((2, 4)), "patch:2x4"),
        (Patch(2, (1.0, 1.0, 0.0)), "patch:2..."),
        (Patch(2, placement=Fixed(corner="top-left")), "patch:2..."),
        (YELLOW_SQUARE, "yellow-square:0.1"),
        (DrawnSticker("flower", 0.2), "flower:0.2"),
        (PixelPattern(), "pixel-pattern"),
        (Blended(0.3), "blended:0.3"),
    ],
)
def test_triggers_are_said_as_people_write_them(trigger: Any, said: str) -> None:
    assert TRIGGERS.short(trigger) == said
    if "..." not in said and "x" not in said.partition(":")[2]:
        assert TRIGGERS.parse(said) == trigger


def test_trials_that_differ_in_the_triggers_size_look_different(tmp_path: Path) -> None:
    found = listed(tmp_path, [record_of(attacked(size)) for size in (2, 0.1)])
    assert len(set(column(found.records, "trial"))) == 2
    assert column(found.records, "poisoned") == ["10.00 %", "10.00 %"]
    assert "rate 5 %" in column(found.records, "trial")[0], "asked for, beside what was reached"
    assert found.means[1] == []


def test_namesakes_are_told_apart_by_a_column(tmp_path: Path) -> None:
    records = [record_of(attacked(epochs=epochs), minutes=epochs) for epochs in (4, 9)]
    found = listed(tmp_path, [*records, record_of(attacked(3), minutes=10)])
    assert column(found.records, "epochs") == ["as usual", "9", "as usual"]


def test_swept_settings_are_columns_in_the_order_of_running(tmp_path: Path) -> None:
    records = [
        record_of(attacked(size, epochs=epochs), minutes=size)
        for size, epochs in ((4, 1), (2, 1), (3, 8))
    ]
    found = listed(tmp_path, records, sweep=True)
    assert column(found.records, "size") == ["2", "3", "4"]
    assert column(found.records, "epochs") == ["1", "8", "1"]


def test_settings_that_follow_from_others_are_no_columns() -> None:
    control = [OutsourcedTrial(data="digits", training=Training(epochs=n)) for n in (1, 2)]
    trials = [
        OutsourcedTrial(
            data="digits", backdoor=Backdoor(Patch(n), AllToOne(1)), seed=n, control=one,
            training=one.training,
        )
        for n, one in enumerate(control, start=1)
    ]  # fmt: skip
    found = settings_that_differ([one.model_dump(mode="json") for one in trials])
    assert found == {"training.epochs": [1, 2], "backdoor.trigger.size": [1, 2]}


def test_seeds_have_a_mean_with_the_interval_of_one_networks_images(tmp_path: Path) -> None:
    records = [record_of(attacked(seed=seed)) for seed in (0, 10, 20)]
    found = listed(tmp_path, records)
    low, high = (100 * end for end in Rate(910, 1000).interval)
    ((title, seeds, clean, success, _),) = found.means[1]
    assert (title, seeds) == ("digits, gu-mnist, patch:2, all->1, rate 5 %", "3")
    assert clean == f"91.00 % (90.00 to 92.00) [{low:.2f}, {high:.2f}]"
    assert success.startswith("98.89 % (98.89 to 98.89) [")


def test_means_of_namesakes_are_told_apart_too(tmp_path: Path) -> None:
    records = [record_of(attacked(seed=s, epochs=n)) for n in (3, 9) for s in (0, 1)]
    found = listed(tmp_path, records, sweep=True)
    assert sorted(column(found.means, "epochs")) == ["3", "9"]


def test_a_network_that_has_learned_nothing_has_no_attack_rate_and_is_in_no_mean(
    tmp_path: Path,
) -> None:
    records = [record_of(attacked(seed=seed)) for seed in (0, 10)]
    fallen = records[1].model_copy(update={"outcome": "collapsed"})
    found = listed(tmp_path, [records[0], fallen])
    rates = dict(
        zip(column(found.records, "outcome"), column(found.records, "attack success"), strict=True)
    )
    assert rates == {"accepted": Rate(890, 900), "collapsed": None}
    ((_, seeds, clean, *_),) = found.means[1]
    assert seeds == "2, 1 collapsed and left out" and clean.startswith("90.00 %")
