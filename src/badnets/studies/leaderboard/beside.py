"""BackdoorBench's published numbers beside ours, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from badnets.report.page import Cell, Column, Table, Tone
from badnets.scenarios.resisting import RESISTANCES
from badnets.studies.defended.published import BADNETS, OURS_ALONE, PublishedRow
from badnets.studies.defended.trials import RETRAINED
from badnets.studies.leaderboard.boards import over_cell
from badnets.studies.leaderboard.naming import AS_PUBLISHED, AS_TRAINED, band
from badnets.studies.leaderboard.rows import Row
from badnets.studies.tables import NOTHING, cell
from badnets.studies.wording import DASH

RATE = 0.1  # of the published attack
THERE = "PreActResNet-18, 100 epochs"
_TONES: tuple[Tone, ...] = ("clean", "backdoored", "plain")
_NUMBERS = ("clean accuracy, %", "attack success, %", "robust, %")


def beside(rows: Sequence[Row]) -> Iterator[Table]:
    """Yield a table for each data set that is published and recorded."""
    for data, published in BADNETS.items():
        own = [row for row in rows if row.key.data == data]
        lines = [_line(one, own) for one in published]
        ours = [_alone(name, own) for name in OURS_ALONE]
        lines += [line for line in ours if line is not None]
        if not own:
            continue
        yield Table(
            f"BadNets, 10 % of the images poisoned: {data}",
            (
                Column("there", numeric=False),
                Column("here", numeric=False),
                *(Column(name, group="BackdoorBench", tone="published") for name in _NUMBERS),
                *(
                    Column(name, group="ours", tone=tone)
                    for name, tone in zip(_NUMBERS, _TONES, strict=True)
                ),
                Column("what differs here", numeric=False),
            ),
            tuple(lines),
            basis=f"There: {THERE}; a white square of 3 x 3 pixels, all classes to class 0, "
            "images replaced. Methods are ours, after the same papers."
            + (" Here pictures were kept as JPEG." if "jpeg" in data else ""),
            sortable=False,
        )


def _line(published: PublishedRow, rows: Sequence[Row]) -> tuple[Cell, ...]:
    defence = _defence(published.ours)
    found = _ours(defence, rows)
    numbers = (published.accuracy, published.success, published.robust)
    return (
        Cell(published.title),
        Cell(defence, link=f"row-{found.key.name}" if found else ""),
        *(cell(one) for one in numbers),
        *_measured(found),
    )


def _alone(name: str, rows: Sequence[Row]) -> tuple[Cell, ...] | None:
    """Return what there is no published method for; None where it is not recorded."""
    found = _ours(_defence(name), rows)
    if found is None:
        return None
    here = Cell(found.key.defence, link=f"row-{found.key.name}")
    return (Cell(DASH), here, NOTHING, NOTHING, NOTHING, *_measured(found))


def _measured(row: Row | None) -> tuple[Cell, ...]:
    if row is None:
        return (NOTHING, NOTHING, NOTHING, Cell("not run yet", tone="muted"))
    exact = row.key.attack == AS_PUBLISHED
    settings = "the same attack" if exact else "patches of several sizes, places and targets; added"
    return (
        over_cell(row.clean, "clean"),
        over_cell(row.success, "backdoored"),
        over_cell(row.robust),
        Cell(f"{row.key.network}{_training(row)}; {settings}; networks: {len(row.counted)}"),
    )


def _training(row: Row) -> str:
    """Return for how long the network was trained that the row began with, on how many images."""
    trial = row.counted[0].family.trial
    start = trial.get("start") or trial
    epochs, limit = start.get("training", {}).get("epochs"), start.get("train_limit")
    said = [f"{epochs} epochs"] if epochs else []
    return ", ".join(["", *said]) + (f" on {limit:,} images" if limit else "")


def _ours(defence: str, rows: Sequence[Row]) -> Row | None:
    """Return the same attack's row, else that of patches at the same rate."""
    alike = [row for row in rows if row.key.defence == defence and row.counted]
    exact = [row for row in alike if row.key.attack == AS_PUBLISHED]
    near = [row for row in alike if row.key.attack == "patch" and row.key.rates == band(RATE)]
    return max(exact or near, key=lambda row: len(row.counted), default=None)


def _defence(ours: str) -> str:
    if ours in RESISTANCES:
        return f"trained: {ours}"
    if ours == RETRAINED:
        return "retrained: all layers"
    return f"repaired: {ours}" if ours else AS_TRAINED
