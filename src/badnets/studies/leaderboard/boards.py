"""The two large tables: what is left of attacks, and what looking says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from statistics import fmean
from typing import Any

from badnets.core.rates import Rate
from badnets.report.page import Board, Cell, Column, Evidence, Line, Tone
from badnets.studies.aggregate import Over
from badnets.studies.leaderboard.entries import Entry
from badnets.studies.leaderboard.looks import ZOO_AUDIT, Look
from badnets.studies.leaderboard.naming import AS_TRAINED, place_of
from badnets.studies.leaderboard.recipes import recipe
from badnets.studies.leaderboard.rows import Row
from badnets.studies.tables import NOTHING
from badnets.studies.wording import DASH, MINUS, counts, percent, seeds_text

FACETS = ("data", "attack", "defence")
FEW = 6  # networks whose counts are each said
MOST_RUNS, MOST_RECIPES = 100, 1000  # that are said of a row, and of a page
_RUNS = ("record", "seed", "", "clean %", "attack %", "robust %", "control %")


def of_rows(rows: Sequence[Row], csv: str) -> Board:
    """Return every row, with the networks that it rests on; ``csv`` is beside the page."""
    left = iter(range(MOST_RECIPES))
    return Board(
        title="Attack by attack, defence by defence",
        columns=(
            Column("attack", numeric=False),
            Column("defence", numeric=False),
            Column("data, network", numeric=False),
            Column("poisoned, %"),
            Column("networks"),
            Column("attack success, %", tone="backdoored"),
            Column("a clean network\u2019s, %", tone="muted"),
            Column("robust, %"),
            Column("clean accuracy, %", tone="clean"),
            Column("clean lost, points"),
            Column("back after 50 images, %"),
        ),
        rows=tuple(_cells(row) for row in rows),
        lines=tuple(
            Line(row.key.name, _facets(row.key.data, row.key.attack, row.key.defence),
                 _rests_on(row, left))
            for row in rows
        ),
        basis="Below a mean its 95 % interval. Clean lost: accuracy before a defence less that "
        "after it, of the same network. The last column: how much is back after a repaired network "
        "has learned from 50 poisoned images once; what a clean network learns of them is said "
        "where it is pointed at.",
        facets=FACETS,
        csv=csv,
    )  # fmt: skip


def of_looks(looks: Sequence[Look], csv: str) -> Board:
    """Return what was said of networks, training sets and inputs; ``csv`` is beside the page."""
    return Board(
        title="Found, missed and wrongly accused",
        columns=(
            Column("attack", numeric=False),
            Column("what looks", numeric=False),
            Column("data, network", numeric=False),
            Column("poisoned, %"),
            Column("called backdoored, %", group="networks, or training sets", tone="backdoored"),
            Column("clean ones called so, %", group="networks, or training sets", tone="clean"),
            Column("poisoned or triggered, flagged, %", group="images", tone="backdoored"),
            Column("others, flagged, %", group="images", tone="clean"),
            Column("attacker\u2019s answer passes, %", group="images"),
        ),
        rows=tuple(_look_cells(look) for look in looks),
        lines=tuple(
            Line(look.name, _facets(look.key.data, look.key.attack, look.look), _said(look))
            for look in looks
        ),
        basis="Audits of networks count those whose backdoor works. Images are those of all "
        "networks of a row together. Look-alikes hold no backdoor: what is called so is wrong.",
        facets=FACETS,
        csv=csv,
    )


def is_audit(look: Look) -> bool:
    """Return whether networks as they were trained are judged by the clean ones of a study."""
    return look.look == ZOO_AUDIT


def rates_text(entries: Iterable[Entry]) -> tuple[str, float | str]:
    """Return the poisoning rates of some networks in per cent, and what they are sorted by."""
    found = {one.family.rate for one in entries} - {None}
    numbers = sorted(one for one in found if not isinstance(one, str) and one is not None)
    if "every" in found:
        return "every", 2.0
    if not numbers:
        return DASH, ""
    ends = dict.fromkeys(f"{100 * one:g}" for one in (numbers[0], numbers[-1]))
    return DASH.join(ends), numbers[0]


def over_cell(
    over: Over,
    tone: Tone = "plain",
    *,
    is_bar: bool = False,
    has_interval: bool = True,
    is_pooled: bool = False,
) -> Cell:
    """Return a mean over networks, with its interval below; a gap where nothing was measured.

    Where networks of several settings are together, the smallest and the largest stand there.
    """
    if not over:
        return NOTHING
    hits, n = zip(*over.rates, strict=True)
    low, high = (100 * end for end in over.interval)
    each = counts(over.rates) if len(over.rates) <= FEW else f"{over.rates[0].total:,} images each"
    spread = f"{percent(over.low, 1)} to {percent(over.high, 1)} %"
    seeds = seeds_text(over.seeds) if len(over.seeds) <= FEW else f"{len(over.seeds):,} networks"
    return Cell(
        percent(over.mean, 1),
        over.mean,
        f"{each}; {seeds}; {spread}",
        tone,
        evidence=Evidence(hits, n, low, high, over.seeds) if has_interval else None,
        under=f"{percent(over.low, 1)} to {percent(over.high, 1)}"
        if is_pooled
        else f"{low:.1f}{DASH}{high:.1f}"
        if has_interval
        else "",
        share=over.mean if is_bar else None,
    )


def rate_cell(rate: Rate, tone: Tone = "plain", digits: int = 1, *, is_bar: bool = False) -> Cell:
    """Return a rate of networks or images, with its counts below."""
    if not rate.total:
        return NOTHING
    low, high = (100 * end for end in rate.interval)
    return Cell(
        percent(rate, digits),
        rate.value,
        f"95 % interval {low:.1f} to {high:.1f} %",
        tone,
        evidence=Evidence((rate.hits,), (rate.total,), low, high),
        under=f"{rate.hits:,} of {rate.total:,}",
        share=rate.value if is_bar else None,
    )


def _cells(row: Row) -> tuple[Cell, ...]:
    key, pooled = row.key, bool(row.pooled.differ_in)
    how: Any = {"has_interval": not row.has_scenes and not pooled, "is_pooled": pooled}
    rates, least = rates_text(row.every)
    share = f"{100 * key.share:g} % of the data" if key.share < 1 else ""
    return (
        Cell(key.attack, link=f"row-{key.name}"),
        Cell(key.defence, tone="muted" if key.defence == AS_TRAINED else "plain", under=share),
        Cell(key.data, under=key.network),
        Cell(rates, least),
        _counted(row),
        over_cell(row.success, "backdoored", is_bar=True, **how),
        over_cell(row.control, "muted", **how),
        over_cell(row.robust, **how),
        over_cell(row.clean, "clean", **how),
        _lost(row),
        _again(row),
    )


def _counted(row: Row) -> Cell:
    count = len(row.counted)
    left_out = [
        f"{len(some)} {what}"
        for some, what in ((row.fallen, "collapsed"), (row.weak, "weak before"))
        if some
    ]
    below = ", ".join(filter(None, [row.pooled.said, *left_out]))
    return Cell(f"{count:,}", count, row.pooled.note, under=below)


def _lost(row: Row) -> Cell:
    if not row.losses:
        return NOTHING
    mean = fmean(row.losses)
    text = f"{100 * mean:.1f}".replace("-", MINUS)
    note = f"{100 * min(row.losses):.1f} to {100 * max(row.losses):.1f} points"
    return Cell("0.0" if text == f"{MINUS}0.0" else text, mean, note)


def _again(row: Row) -> Cell:
    cell = over_cell(row.again)
    if not row.again_control:
        return cell
    beside = f"a clean network\u2019s {percent(row.again_control.mean, 1)} %"
    return replace(cell, note=f"{beside}; {cell.note}")


def _look_cells(look: Look) -> tuple[Cell, ...]:
    key = look.key
    rates, least = rates_text(one.entry for one in look.own)
    state = "" if key.defence == AS_TRAINED else key.defence
    return (
        Cell(key.attack, link=f"row-{look.name}"),
        Cell(look.look, under=state),
        Cell(key.data, under=key.network),
        Cell(rates, least),
        rate_cell(look.called, "backdoored", 0, is_bar=True),
        rate_cell(look.alarms, "clean"),
        rate_cell(look.images("found"), "backdoored"),
        rate_cell(look.images("wronged"), "clean"),
        rate_cell(look.images("passed")),
    )


def _facets(data: str, attack: str, defence: str) -> tuple[str, ...]:
    return (data, attack, defence)


def _rests_on(row: Row, left: Iterator[int]) -> dict[str, Any]:
    """Return the networks of a row, and what makes them again."""
    status = {
        **{one.name: "collapsed" for one in row.fallen},
        **{one.name: "weak before" for one in row.weak},
    }
    runs = [
        (
            one.name, one.seed, status.get(one.name, ""), _shown(one.clean),
            *(("",) * 3 if one.outcome == "collapsed" else
              map(_shown, (one.success, one.robust, one.control))),
            *(word or "" for word in row.pooled.words.get(id(one.family), ())),
        )
        for one in row.every[:MOST_RUNS]
    ]  # fmt: skip
    columns = (*_RUNS, *row.pooled.differ_in)
    return {"columns": columns, "runs": runs, **_again_by(row.every, left)}


def _said(look: Look) -> dict[str, Any]:
    """Return the networks of a row, and what was said of each."""
    columns = ("record", "seed", "said", "flagged", "others flagged", "passed")
    runs = [
        (
            one.entry.name, one.entry.seed, _word(one.called),
            *map(_shown, (one.found, one.wronged, one.passed)),
        )
        for one in look.own[:MOST_RUNS]
    ]  # fmt: skip
    return {
        "columns": columns,
        "runs": runs,
        **_again_by([one.entry for one in look.own], iter(())),
    }


def _again_by(entries: Sequence[Entry], left: Iterator[int]) -> dict[str, Any]:
    """Return the commands of studies that make networks again, and recipes for the others."""
    found = [(one, place_of(one.name, one.family.data)) for one in entries]
    families: dict[int, list[Entry]] = {}
    for one, place in found:
        if place is None:
            families.setdefault(id(one.family), []).append(one)
    kept = [same for same, _ in zip(families.values(), left, strict=False)]
    return {
        "more": max(0, len(entries) - MOST_RUNS),
        "commands": sorted({place.command for _, place in found if place is not None}),
        "recipes": [recipe(list(islice(same, MOST_RUNS))) for same in kept],
        "unsaid": len(families) - len(kept),
    }


def _word(called: bool | None) -> str:
    return "" if called is None else "likely" if called else "nothing found"


def _shown(rate: Rate | None) -> str:
    return percent(rate) if rate is not None and rate.total else ""
