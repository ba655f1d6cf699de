"""Section: triggers at test time of another size, opacity and place than the one trained with."""

from __future__ import annotations

import math
from dataclasses import dataclass

from badnets.core.rates import Rate
from badnets.report.charts import Square, heat_map
from badnets.report.curves import Line, Span, lines
from badnets.report.page import Column, Figure, Gallery, Note, Section, Table
from badnets.studies.dogs.evidence import WORKS, Evidence
from badnets.studies.wording import (
    OverSeeds,
    averaged,
    label_cell,
    listed,
    mean_cell,
    percent,
    span,
)

NAME, TITLE = "varied", "A larger sticker, a fainter one, another place"
TITLES = {
    "size": ("Size", "trigger's width, % of the picture's", "size"),
    "opacity": ("Opacity", "opacity, %", "opacity"),
}


@dataclass(frozen=True)
class Point:
    """What a trigger of one kind does, over the networks of several seeds."""

    value: tuple[float, ...]
    trained: bool
    success: OverSeeds
    control: OverSeeds


def section(evidence: Evidence) -> Section:
    """Return attack success against the trigger's size, opacity and position."""
    axes = {axis: _points(evidence, axis) for axis in ("size", "opacity", "position")}
    known = {axis: points for axis, points in axes.items() if points}
    if not known:
        missing = Note("No other triggers have been tried on the BadNet yet.", "missing")
        return Section(NAME, TITLE, "The trigger has not been varied.", (missing,))
    figures = [_curve(axis, known[axis]) for axis in TITLES if axis in known]
    if "position" in known:
        figures.append(_places(known["position"]))
    return Section(NAME, TITLE, _sentence(known), (Gallery(tuple(figures), width=320),))


def _points(evidence: Evidence, axis: str) -> list[Point]:
    """Return the points of an axis, by value."""
    found: dict[tuple[tuple[float, ...], bool], list[tuple[Rate, Rate | None, int]]] = {}
    for record in evidence.of("badnet"):
        for one in record.variations:
            if one.axis == axis:
                key = (one.value, one.trained)
                found.setdefault(key, []).append((one.success, one.control, record.trial.seed))
    return [
        Point(
            value,
            trained,
            OverSeeds(tuple(r for r, _, _ in own), tuple(seed for _, _, seed in own)),
            OverSeeds(
                tuple(c for _, c, _ in own if c is not None),
                tuple(seed for _, c, seed in own if c is not None),
            ),
        )
        for (value, trained), own in sorted(found.items(), key=lambda item: item[0])
    ]


def _sentence(known: dict[str, list[Point]]) -> str:
    told = []
    for axis, (_, _, word) in TITLES.items():
        works = [one.value[0] for one in known.get(axis, ()) if one.success.mean >= WORKS]
        trained = next((one.value[0] for one in known.get(axis, ()) if one.trained), math.nan)
        if works:
            ends = span(min(works), max(works), 0)
            told.append(f"at {'a ' if axis == 'size' else 'an '}{word} of {ends}")
        elif axis in known:
            told.append(f"at no {word} that was tried")
        if axis == "size" and not math.isnan(trained):
            told[-1] += f" of the width (trained with {percent(trained, 0)} %)"
    places = [one for one in known.get("position", ()) if not one.trained]
    if places:
        count = sum(one.success.mean >= WORKS for one in places)
        told.append(f"at {count} of {len(places)} places")
    return (
        "Nothing is trained again: other stickers on the same validation dogs. The BadNet calls "
        f"{100 * WORKS:g} % or more of them cats {listed(told)}."
    )


def _curve(axis: str, points: list[Point]) -> Figure:
    title, x_title, word = TITLES[axis]
    x = [100 * one.value[0] for one in points]
    ours = Line(
        "BadNet",
        x,
        [100 * one.success.mean for one in points],
        "backdoored",
        [100 * one.success.typical.interval.low for one in points],
        [100 * one.success.typical.interval.high for one in points],
        [
            (place, 100 * rate.value)
            for place, one in zip(x, points, strict=True)
            for rate in one.success.rates
        ]
        if len(points[0].success.rates) > 1
        else (),
    )
    drawn = [ours]
    held = [one for one in points if one.control.rates]
    if held:
        drawn.append(
            Line(
                "clean network",
                [100 * one.value[0] for one in held],
                [100 * one.control.mean for one in held],
                "muted",
                dashed=True,
            )
        )
    trained = next((100 * one.value[0] for one in points if one.trained), None)
    wide = (max(x) - min(x)) / 100
    name = f"varied-{axis}"
    typical = points[0].success.typical
    return Figure(
        name=name,
        title=title,
        sentence=f"How the {word} of the sticker at test time decides whether dogs become cats.",
        svg=lines(
            drawn,
            x_title=x_title,
            y_title="dogs called cats, %",
            salt=name,
            y_range=(-3.0, 104.0),
            span=None if trained is None else Span("trained with", trained - wide, trained + wide),
        ),
        alt=f"Attack success against {word}: "
        + ", ".join(
            f"{place:g} %: {percent(one.success.mean, 0)}"
            for place, one in zip(x, points, strict=True)
        ),
        basis=f"{averaged(points[0].success.seeds)}; n = {typical.total:,} dogs; band: 95 % "
        "interval.",
        table=_table(title, points),
    )


def _table(title: str, points: list[Point]) -> Table:
    return Table(
        f"Attack success: {title.lower()}",
        (Column("value, %"), Column("BadNet, %", tone="backdoored"), Column("clean network, %")),
        tuple(
            (
                label_cell(
                    f"{100 * one.value[0]:g}{' (trained)' if one.trained else ''}", one.value[0]
                ),
                mean_cell(one.success, "backdoored"),
                mean_cell(one.control, "muted"),
            )
            for one in points
        ),
    )


def _places(points: list[Point]) -> Figure:
    grid = {(one.value[0], one.value[1]): one for one in points if not one.trained}
    downs, acrosses = (sorted({place[axis] for place in grid}) for axis in (0, 1))
    own = next((one.value for one in points if one.trained), None)
    near = (
        min(grid, key=lambda place: math.dist(place, (own[0], own[1]))) if own is not None else None
    )
    squares = [[_square(grid[y, x], outlined=(y, x) == near) for x in acrosses] for y in downs]
    rates = [one.success.mean for one in grid.values()]
    return Figure(
        name="varied-position",
        title="Position",
        sentence="Dogs called cats, %, by the place of the sticker's centre; outlined: nearest to "
        "where the network was trained with it.",
        svg=heat_map(
            squares,
            _named(downs, ("top", "bottom")),
            _named(acrosses, ("left", "right")),
            tone="backdoored",
            row_title="down",
            column_title="across",
            salt="varied-position",
        ),
        alt=f"Attack success at {len(grid)} places of the picture: {span(min(rates), max(rates))}.",
        basis=f"{averaged(points[0].success.seeds)}; n = {points[0].success.typical.total:,} dogs; "
        "at the edges the sticker is kept inside the picture.",
        table=Table(
            "Attack success: position",
            (
                Column("place", numeric=False),
                Column("BadNet, %", tone="backdoored"),
                Column("clean network, %"),
            ),
            tuple(
                (
                    label_cell(f"{100 * y:.0f} % down, {100 * x:.0f} % across"),
                    mean_cell(one.success, "backdoored"),
                    mean_cell(one.control, "muted"),
                )
                for (y, x), one in grid.items()
            ),
        ),
    )


def _square(one: Point, *, outlined: bool) -> Square:
    control = f"; clean network {percent(one.control.mean, 1)} %" if one.control.rates else ""
    title = f"{percent(one.success.mean, 1)} % of {one.success.typical.total} dogs{control}"
    return Square(percent(one.success.mean, 0), one.success.mean, title, outlined)


def _named(places: list[float], ends: tuple[str, str]) -> list[str]:
    inner = [f"{100 * place:.0f} %" for place in places[1:-1]]
    return [ends[0], *inner, ends[1]] if len(places) > 1 else [f"{100 * places[0]:.0f} %"]
