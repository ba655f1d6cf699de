"""What an audit's page shows: the trigger, the methods, the clean models, and tables by class."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from badnets.audit.auditing import Audited
from badnets.audit.base import AUDITS
from badnets.audit.recovery import Recovered
from badnets.core.nulls import Table as Cells
from badnets.core.standings import Standings
from badnets.report.audit_figures import Strip, class_table, strips
from badnets.report.page import (
    Cell,
    Column,
    Figure,
    Gallery,
    Picture,
    Section,
    Story,
    StoryRow,
    Table,
    Tone,
)
from badnets.report.pictures import brightest, heat_png, png

BULK = 0.9  # of a trigger's change


def trigger_section(found: Recovered, target: str) -> Section:
    """Return how a recovered trigger looks, and what it does."""
    keep, add = found.keep.numpy(), found.add.numpy()
    levels = {level: np.clip(keep * level + add, 0, 1) for level in (0.0, 0.5, 1.0)}
    strength = np.mean([np.abs(one - level).mean(0) for level, one in levels.items()], 0)
    ranked = np.sort(strength.ravel())[::-1].cumsum()
    few = int((ranked < BULK * ranked[-1]).sum()) + 1
    shown = [
        Picture(png((levels[level] * 255).round().astype(np.uint8)), f"the trigger on {name}", ())
        for name, level in (("black", 0.0), ("grey", 0.5))
    ]
    black = np.zeros((1, *strength.shape), dtype=np.uint8)
    heat = heat_png(black, strength, brightest([strength]))
    row = StoryRow(
        f"Recovered by {found.family}",
        "On black and on grey; at the right, where it changes an image most.",
        (*shown, Picture(heat, "where the trigger changes an image most", ())),
    )
    return Section(
        "trigger",
        "The recovered trigger",
        f"It turns {found.effect} of other images into {target}; without it {found.before} are "
        f"called so. {100 * BULK:.0f} % of what it changes lies on {few} of {strength.size} pixels "
        f"({100 * few / strength.size:.1f} %).",
        (
            Story((row,), "It was sought on clean images of all other classes, and need not look "
                  "like the trigger that an attacker used."),
        ),
    )  # fmt: skip


def methods_section(audited: Audited, tone: Tone) -> Section:
    """Return what each method found."""
    verdict = audited.verdict
    rows = tuple(
        (
            Cell(one.method),
            _number(one.score, 1),
            _number(one.p_value, 3),
            Cell(one.points_at or "-"),
            _number(one.seconds, 1),
        )
        for one in verdict.scores
    )
    columns = (
        Column("method", numeric=False),
        Column("score", tone=tone),
        Column("p-value alone"),
        Column("highest for", numeric=False),
        Column("seconds"),
    )
    text = "No method could look." if not rows else "A score needs three classes or more."
    if verdict.scale:
        text = f"Scores say {verdict.scale}."
    if audited.ruling.nulls:
        together = ", ".join(null.method for null in audited.ruling.nulls)
        text += f" The verdict rests on {together} together."
    block = Table("What each method found", columns, rows)
    return Section("methods", "What looked, and what it found", text, (block,) if rows else ())


def _number(value: float | None, digits: int) -> Cell:
    return Cell("-") if value is None else Cell(f"{value:.{digits}f}", value)


def among_section(audited: Audited, compared: Standings, tone: Tone) -> Section:
    """Return where the model stands among the clean ones."""
    verdict = audited.verdict
    rows = {"all together": compared.scores, **compared.methods}
    drawn = [Strip(name, scores[:-1], scores[-1]) for name, scores in rows.items()]
    *clean, own = compared.scores
    titles = ("this model", "highest clean", "median clean")
    numbers = Table(
        "Scores",
        (Column("", numeric=False), *map(Column, titles)),
        tuple(
            (
                Cell(one.name),
                *(
                    _number(x, 2)
                    for x in (one.suspect, max(one.clean), float(np.median(one.clean)))
                ),
            )
            for one in drawn
        ),
    )
    figure = Figure(
        "among",
        "Scores of this model and of the clean ones",
        "Each model is scored against all the others by the same function. The verdict rests on "
        "the first line alone.",
        strips(drawn, tone=tone, x_title="score, deviations of clean models", salt="among"),
        f"This model scores {own:.1f}, clean models {min(clean):.1f} to {max(clean):.1f}.",
        table=numbers,
    )
    above = sum(score >= own for score in clean)
    sentence = f"None of the {len(clean)} clean models scores as high."
    if above:
        sentence = f"{above} of the {len(clean)} clean models score as high."
    if verdict.conclusion == "not checked":
        sentence += " That says nothing here: " + "; ".join(verdict.notes) + "."
    return Section("among", "Among clean models", sentence, (figure,))


def class_sections(audited: Audited, compared: Standings | None) -> Iterator[Section]:
    """Give the tables by class, where there are any."""
    figures, cells = [], {} if compared is None else compared.cells
    for one in audited.verdict.scores:
        if one.method not in audited.found.tables:
            continue
        calibrated = one.method in cells
        drawn = _drawn(
            cells.get(one.method, audited.found.tables[one.method]), audited.subject.num_classes
        )
        if drawn is None:
            continue
        table, what = drawn
        unit = (
            "in deviations of the clean models" if calibrated else "raw, not compared with anything"
        )
        looks = f"Looks for {AUDITS[one.method].covers}. " if one.method in AUDITS else ""
        svg = class_table(
            table,
            audited.subject.classes,
            pointed_at=one.targets if (one.p_value or 0) <= audited.verdict.max_fpr else (),
            calibrated=calibrated,
            salt=f"table-{one.method}",
        )
        figures.append(
            Figure(
                f"table-{one.method}",
                one.method,
                f"{looks}A number for each {what}, {unit}.",
                svg,
                f"{one.method}: highest for {one.points_at or 'no class'}.",
            )
        )
    if figures:
        yield Section(
            "classes",
            "By class",
            "A backdoor with one target stands out as a column; one from a single source class as "
            "a single cell; one with a target for each source as a cell in each row.",
            (Gallery(tuple(figures)),),
        )


def _drawn(table: Cells, num_classes: int) -> tuple[Cells, str] | None:
    """Return a table as it is drawn, and what it has a number for; None: its score says enough."""
    if len(table) == num_classes:
        return table, "pair of a source and a target"
    if len(table) == 2:
        higher = (max((cell for cell in pair if cell is not None), default=None)
                  for pair in zip(*table, strict=True))  # fmt: skip
        return (tuple(higher),), (
            "class as the target, of all sources together or of the most promising one: the higher"
        )
    return (table, "class as the target") if len(table) == 1 else None
