"""What is left at a glance: attacks against defences, a table for each data set and network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from badnets.report.page import Block, Cell, Column, Folded, Table
from badnets.studies.leaderboard.boards import over_cell, rate_cell, rates_text
from badnets.studies.leaderboard.looks import AUDIT, DATA_AUDIT, GUARD, ZOO_AUDIT, Look
from badnets.studies.leaderboard.naming import AS_TRAINED, is_plain
from badnets.studies.leaderboard.rows import Row, data_rank
from badnets.studies.tables import NOTHING
from badnets.studies.wording import DASH, MINUS, percent

MOST_ROWS, MOST_SHOWN, MOST_TABLES = 16, 4, 12
COSTLY = 0.02  # clean accuracy lost from which it stands below what is left
LOOKS = {"audit": (ZOO_AUDIT, AUDIT), "training set": (DATA_AUDIT,), "guard": (GUARD,)}


def matrices(rows: Sequence[Row], looks: Sequence[Look]) -> list[Block]:
    """Return a table for each data set and network with attacks and something done about them.

    Every table has the same columns, so that what has not been run is seen as a gap. Tables of a
    data set's further networks are folded away, and so are those of data sets that few know.
    """
    own: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if is_plain(row.key.attack) and (row.success or row.fallen):
            own.setdefault((row.key.data, row.key.network), []).append(row)
    seen: dict[tuple[str, str], list[Look]] = {}
    for look in looks:
        if look.key.defence == AS_TRAINED and is_plain(look.key.attack):
            seen.setdefault((look.key.data, look.key.network), []).append(look)
    chosen = {
        place: some
        for place, some in own.items()
        if (done := {row.key.defence for row in some}) >= {AS_TRAINED}
        and (len(done) > 1 or place in seen)
    }
    defences = {row.key.defence for some in chosen.values() for row in some} - {AS_TRAINED}
    columns = [AS_TRAINED, *sorted(defences, key=_order)]
    shown = [
        name
        for name, kinds in LOOKS.items()
        if any(look.look in kinds for place in chosen for look in seen.get(place, ()))
    ]
    counts = {place: len(some) + len(seen.get(place, ())) for place, some in chosen.items()}
    places = sorted(chosen, key=lambda place: (data_rank(place[0]), -counts[place], place))
    tables = {
        place: _table(place, chosen[place], seen.get(place, []), columns, shown)
        for place in places[:MOST_TABLES]
    }
    fullest = {data: place for place in reversed(tables) for data in place[:1]}
    first = [place for place in tables if fullest[place[0]] == place][:MOST_SHOWN]
    rest = tuple(table for place, table in tables.items() if place not in first)
    folded = [Folded("More data sets and networks", rest)] if rest else []
    return [*(tables[place] for place in first), *folded]


def _table(
    place: tuple[str, str],
    rows: Sequence[Row],
    looks: Sequence[Look],
    columns: Sequence[str],
    shown: Sequence[str],
) -> Table:
    attacks: dict[tuple[str, str], dict[str, Row]] = {}
    for row in sorted(rows, key=lambda one: len(one.counted)):  # of several shares, the fullest
        attacks.setdefault((row.key.attack, row.key.rates), {})[row.key.defence] = row
    said = {
        (look.key.attack, look.key.rates, name): look
        for look in looks
        for name, kinds in LOOKS.items()
        for kind in reversed(kinds)
        if look.look == kind
    }
    fullest = sorted(attacks, key=lambda one: -len(attacks[one]))[:MOST_ROWS]
    lines = [
        (
            _named(attack, attacks, own := attacks[attack]),
            _count(own),
            *(_left(own.get(name)) for name in columns),
            *(_found(said.get((*attack, name))) for name in shown),
        )
        for attack in sorted(fullest)
    ]
    more = len(attacks) - len(lines)
    return Table(
        " \u00b7 ".join(place),
        (
            Column("attack", numeric=False),
            Column("networks", tone="muted"),
            *(_headed(name) for name in columns),
            *(Column(name, group="found by", tone="clean") for name in shown),
        ),
        tuple(lines),
        basis=f"{more} more attacks stand in the table below." if more > 0 else "",
        sortable=False,
    )


def _named(
    attack: tuple[str, str], every: Mapping[tuple[str, str], object], own: Mapping[str, Row]
) -> Cell:
    """Return what an attack is called: with its rate, where it is there with several."""
    alike = sum(name == attack[0] for name, _ in every)
    rates = rates_text(one for row in own.values() for one in row.every)[0]
    return Cell(f"{attack[0]}, {rates} %" if alike > 1 and rates != "every" else attack[0])


def _count(own: Mapping[str, Row]) -> Cell:
    """Return how many networks the cells of a line rest on."""
    counts = sorted(len(row.counted) for row in own.values())
    ends = dict.fromkeys(f"{count:,}" for count in (counts[0], counts[-1]))
    most = max((row.pooled for row in own.values()), key=lambda one: one.settings)
    return Cell(DASH.join(ends), counts[0], most.note, under=most.said)


def _left(row: Row | None) -> Cell:
    if row is None:
        return NOTHING
    link = f"row-{row.key.name}"
    if not row.success:
        text = "collapsed" if row.fallen else "weak"
        return Cell(text, key="", tone="muted", link=link)
    cell = over_cell(row.success, is_bar=True, has_interval=not row.has_scenes)
    beside = {"clean": row.clean, "robust": row.robust, "a clean network\u2019s": row.control}
    rates = [f"{what} {percent(over.mean, 1)} %" for what, over in beside.items() if over]
    interval = [f"95 % interval {cell.under} %"] if cell.under else []
    fallen = [f"{len(row.fallen)} collapsed"] if row.fallen else []
    note = "; ".join([*interval, *rates, *fallen, cell.note])
    return replace(cell, under=_cost(row.losses), link=link, note=note)


def _cost(losses: Sequence[float]) -> str:
    """Return how many points of clean accuracy a defence costs, where they are many."""
    if not losses or (lost := fmean(losses)) < COSTLY:
        return ""
    return f"{MINUS}{100 * lost:.0f}"


def _found(look: Look | None) -> Cell:
    if look is None:
        return NOTHING
    what = look.images("found") if look.look in (DATA_AUDIT, GUARD) else look.called
    cell = rate_cell(what, "clean", 0, is_bar=True)
    note = f"{what.hits:,} of {what.total:,}; {cell.note}" if what.total else ""
    return replace(cell, under="", link=f"row-{look.name}", note=note)


def _headed(name: str) -> Column:
    group, colon, title = name.partition(": ")
    if not colon:
        return Column(name, tone="backdoored")
    return Column(title.replace("-", " "), group=group, tone="backdoored")


def _order(defence: str) -> tuple[object, ...]:
    group = defence.partition(":")[0]
    return (group != "repaired", group, "auto" not in defence, defence)
