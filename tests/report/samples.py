"""A small page with one of everything."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from badnets.report.charts import Dots, Square, dots, filters, heat_map, paired_units
from badnets.report.curves import Level, Line, Span, lines
from badnets.report.maps import heat_pictures
from badnets.report.page import (
    Answer,
    Board,
    Cell,
    Column,
    Figure,
    Folded,
    Gallery,
    Note,
    Number,
    Numbers,
    Page,
    Picture,
    Section,
    Story,
    StoryRow,
    Table,
    Tag,
)
from badnets.report.page import Line as BoardLine

TAG = Tag("r", "recalled", "not checked")


def png(value: int = 200, size: tuple[int, int] = (4, 4)) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", size, value).save(buffer, format="PNG")
    return buffer.getvalue()


def table(title: str = "Errors", name: str = "one") -> Table:
    return Table(
        title,
        (
            Column("class", numeric=False),
            Column("error, %", group="measured", tone="clean"),
            Column("error, %", group="published", tone="published"),
        ),
        (
            (Cell(name), Cell("10.00", 0.1, "10 of 100; seed 0"), Cell("9.00", 0.09, tag=TAG)),
            (Cell("two"), Cell("2.00", 0.02, "2 of 100; seed 0"), Cell("", "")),
            (Cell("three"), Cell("30.00", 0.3, "30 of 100; seed 0"), Cell("31.00", 0.31)),
        ),
        ((Cell("mean"), Cell("14.00", 0.14), Cell("20.00", 0.2)),),
        basis="n = 100 per class; seed 0.",
    )


def heat(salt: str = "heat", name: str = "a") -> str:
    squares = [[None, Square("0.1", 0.5, "1 of 1,000", outlined=True)], [Square("0", 0), None]]
    return heat_map(
        squares, (name, "b"), (name, "b"), tone="backdoored", row_title="true",
        column_title="wanted", ends=("0 %", "1 %"), salt=salt,
    )  # fmt: skip


def curve(salt: str = "curve") -> str:
    line = Line(
        "mean", [1, 10, 50], [50, 5, 0.5], "backdoored", [40, 4, 0.2], [60, 6, 1], [(1, 45)]
    )
    other = Line("random", [1, 10, 50], [50, 40, 30], "clean", dashed=True)
    return lines(
        [line, other], x_title="share, %", y_title="error, %", salt=salt, log_x=True,
        levels=[Level("published", 1.0)], x_ticks=[1, 10, 50], span=Span("drawn", 8, 60),
    )  # fmt: skip


def units(salt: str = "units") -> str:
    return paired_units([0.1, 0.2], [1.1, 0.2], ["3", "0"], marked=[True, False], salt=salt)


def left(salt: str = "left") -> str:
    before = Dots("before", [1.0, 0.98], "backdoored", "D")
    after = Dots("repaired", [0.0, None], "clean", "o", hollow=True)
    return dots(["patch", "clean label"], [before, after], x_title="left, %", salt=salt)


def grid(salt: str = "grid") -> str:
    weights = np.linspace(-1, 1, 5 * 9).reshape(5, 1, 3, 3)
    return filters(weights, marked=[2], salt=salt)


def maps(salt: str = "maps") -> str:
    fired = np.zeros((4, 5))
    fired[1, 2] = 8.0
    drawn, names = [[fired] * 6, [fired * 0] * 6], [f"unit {k}" for k in range(6)]
    return heat_pictures(drawn, rows=("clean", "fired"), columns=names, salt=salt)


def picture(name: str = "seven") -> Picture:
    answers = (Answer("clean", name, 0.99, "clean"), Answer("BadNet", "8", 0.98, "backdoored"))
    return Picture(png(), f"{name}, with the trigger", answers, mark=(0.7, 0.7, 0.2, 0.2))


def figure(name: str, svg: str, title: str = "A drawing") -> Figure:
    shown = table(f"Numbers of {name}")
    return Figure(name, f"{title}: {name}", "What to see.", svg, f"{name} in words", "n = 5", shown)


def page(name: str = "seven", command: str = "badnets study some --data digits") -> Page:
    story = Story((StoryRow("What is seen", "Right.", (picture(name),) * 10, "clean"),), "n = 1")
    gallery = Gallery((figure("curve", curve()), figure("units", units())))
    blocks = (
        Note("A note."),
        Note("Not run.", "missing"),
        Numbers((Number("few", "3", "n = 3"),)),
        table(name=name),
        figure("heat", heat(name=name)),
        gallery,
        Folded("More", (figure("grid", grid()),)),
    )
    return Page(
        title=f"A page of {name}",
        lead=f"It says {name}.",
        story=story,
        numbers=(Number("ASR", "99.00 %", "n = 100; seed 0", "backdoored"),),
        sections=(Section("first", "First", "One sentence.", blocks),),
        command=command,
        kicker="a kicker",
        source="Drawn from 3 records.",
        notes=(Note("Be wary.", "warning"),),
    )


def board(count: int = 400) -> Board:
    """Return a board of so many rows; of every third row nothing is known."""
    kinds = [("mnist", "patch"), ("gtsrb", "warp"), ("mnist", "<b>bold</b>")]
    places = [(k, *kinds[k % 3]) for k in range(count)]
    runs = {"columns": ("record", "seed"), "more": 0, "unsaid": 0}
    return Board(
        "Rows",
        (Column("attack", numeric=False), Column("data", numeric=False), Column("success, %")),
        tuple(
            (
                Cell(attack, link=f"row-{k:08x}"),
                Cell(data, under="net"),
                Cell("", "")
                if k % 3 == 2
                else Cell(f"{k}.0", k / count, "1 of 2", share=k / count),
            )
            for k, data, attack in places
        ),
        lines=tuple(
            BoardLine(
                f"{k:08x}",
                (data, attack),
                {
                    **runs,
                    "runs": [(f"{k:016x}", "0"), (f"{k + 2**32:016x}", "1")],
                    "commands": ["badnets study mnist"] if k % 2 else [],
                    "recipes": [] if k % 2 else ['{"data": "</script>"}'],
                },
            )
            for k, data, attack in places
        ),
        facets=("data", "attack"),
        csv="board.csv",
    )
