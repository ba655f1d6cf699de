"""What a trigger does inside a classifier, as a page: each picture with a number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from badnets.explain.attacked import Drawn, Silenced
from badnets.explain.explanation import OUTLYING, RISE, Explanation
from badnets.explain.units import LayerUnits
from badnets.report.charts import filters, paired_units
from badnets.report.clouds import Cloud, clouds
from badnets.report.page import (
    Cell,
    Column,
    Figure,
    Gallery,
    Note,
    Number,
    Page,
    Picture,
    Section,
    Story,
    StoryRow,
    Table,
)
from badnets.report.pictures import answers_row, brightest, eight_bit, heat_png, marks
from badnets.report.rates import percent, rate_cell, rate_number

SHOWN, UNITS = 8, 24  # pictures side by side, and units of a layer: those that answer most
OTHERS = "Units were ranked on other images than those that this is measured on."
ASK = "Give --targets to see what is left without units, where the network looks, and more."


def explain_page(found: Explanation, classes: Sequence[str], command: str) -> Page:
    """Return the page of an explanation of a classifier.

    Args:
        found: what was looked at.
        classes: names of the network's classes.
        command: what makes the page again.
    """
    best = strongest(found.silenced or ())
    sections = [
        *_silenced(found, best),
        *_looks(found),
        *_features(found),
        _units(found.responses),
        *_filters(found),
    ]
    standing = sum(len(one.outlier_units) for one in found.responses)
    total = sum(len(one.response) for one in found.responses)
    lead = f"{standing} of {total} units stand out: {OUTLYING}."
    if best is not None and found.success is not None and found.clean is not None:
        lead = (
            f"Without {best.count} units of {best.layer} attack success goes from "
            f"{percent(found.success)} to {percent(best.success)}, clean accuracy from "
            f"{percent(found.clean)} to {percent(best.clean)}."
        )
    return Page(
        title="What the trigger does inside",
        lead=lead,
        story=_story(found.drawn, classes),
        numbers=tuple(_numbers(found, best)),
        sections=tuple(sections),
        command=command,
        kicker=f"badnets · explanation of {found.bundle} · on {found.data}",
        source=f"Looked at: {found.looked_at}.",
        notes=() if found.silenced is not None else (Note(ASK, "missing"),),
    )


def strongest(silenced: Sequence[Silenced]) -> Silenced | None:
    """Return the silencing that costs the attack most and the clean images least."""
    own = [one for one in silenced if one.choice == "strongest"]
    return min(own, key=lambda one: one.success.value - one.clean.value, default=None)


def _story(drawn: Drawn | None, classes: Sequence[str]) -> Story | None:
    if drawn is None:
        return None
    before, after = eight_bit(drawn.clean[:SHOWN]), eight_bit(drawn.triggered[:SHOWN])
    answers = np.asarray(drawn.answers[:SHOWN].numpy(), dtype=np.float64)
    labels = answers[:, 0].argmax(1)
    clean = answers_row(before, answers[:, 0], labels, classes)
    triggered = answers_row(
        after, answers[:, 1], labels, classes, answers[:, 1].argmax(1), marks(before, after)
    )
    return Story(
        (
            StoryRow("Clean images", "Images that the network names right.", clean, "clean"),
            StoryRow(
                "The same with the trigger", "What the network says then.", triggered, "backdoored"
            ),
        ),
        "The first images that the network names right without the trigger and as the attacker "
        "wants with it; not picked.",
    )


def _numbers(found: Explanation, best: Silenced | None) -> Iterator[Number]:
    if found.clean is None or found.success is None:
        return
    yield rate_number("Clean accuracy", found.clean, "clean")
    yield rate_number("Attack success", found.success, "backdoored")
    if best is not None:
        label = f"Attack success without {best.count} units of {best.layer}"
        yield rate_number(label, best.success, "backdoored")
        yield rate_number("Clean accuracy without them", best.clean, "clean")


def _silenced(found: Explanation, best: Silenced | None) -> Iterator[Section]:
    if best is None or found.silenced is None:
        return
    rows = [
        (
            Cell(one.layer),
            Cell(str(one.count), one.count),
            Cell("strongest answers" if one.choice == "strongest" else "others, at random"),
            rate_cell(one.clean, "clean"),
            rate_cell(one.success, "backdoored"),
        )
        for one in found.silenced
    ]
    columns = (
        Column("layer", numeric=False),
        Column("units silenced"),
        Column("which", numeric=False),
        Column("clean accuracy", tone="clean"),
        Column("attack success", tone="backdoored"),
    )
    listed = ", ".join(map(str, sorted(best.units)[:40]))
    yield Section(
        "silenced",
        "The units whose removal costs the attack most",
        f"Units {listed} of {best.layer}: with their output set to zero attack success is "
        f"{percent(best.success)}, clean accuracy {percent(best.clean)}.",
        (Table("What is left without units", columns, tuple(rows), basis=OTHERS),),
    )


def _looks(found: Explanation) -> Iterator[Section]:
    if found.looks is None or found.drawn is None:
        return
    drawn = found.drawn
    heats = [
        np.asarray(maps[:SHOWN].numpy(), dtype=np.float64)
        for maps in (drawn.clean_maps, drawn.triggered_maps)
    ]
    most = brightest([one for maps in heats for one in maps])
    rows = []
    for images, maps, title, tone, share in (
        (drawn.clean, heats[0], "Without the trigger", "clean", found.looks.clean),
        (drawn.triggered, heats[1], "With the trigger", "backdoored", found.looks.triggered),
    ):
        shown: NDArray[np.uint8] = eight_bit(images[:SHOWN])
        pictures = tuple(
            Picture(heat_png(image, heat, most), "dimmed, what speaks for the answer lit up", ())
            for image, heat in zip(shown, maps, strict=True)
        )
        sentence = f"{100 * share:.0f} % of what speaks for the answer lies where the trigger acts."
        rows.append(StoryRow(title, sentence, pictures, tone))  # type: ignore[arg-type]
    yield Section(
        "looks",
        "Where the network looks",
        f"What speaks for answers: {found.looks_at}.",
        (
            Story(
                tuple(rows),
                "Integrated gradients; the place is that of the fewest pixels with 90 % of what "
                "the trigger changes.",
                ("nothing", "most"),
            ),
        ),
    )


def _features(found: Explanation) -> Iterator[Section]:
    if found.features is None:
        return
    map_ = found.features
    svg = clouds(
        (
            Cloud("the same images without the trigger", map_.before, "muted", "x"),
            Cloud("the target's own images", map_.own, "clean"),
            Cloud("images of other classes with the trigger", map_.triggered, "backdoored", "D"),
        ),
        salt="features",
        x_title="first direction",
        y_title="second direction",
    )
    yield Section(
        "features",
        "Where images go",
        f"Among the features that the last layer reads: {found.apart}.",
        (
            Figure(
                "features",
                "Images of the suspected class",
                "In the plane in which the target's own images and the triggered ones vary most.",
                svg,
                f"Clouds of points; silhouette {map_.silhouette:.2f}.",
                f"The plane has {100 * map_.shown:.0f} % of their variance; n = {len(map_.own)} "
                f"own, {len(map_.triggered)} triggered.",
            ),
        ),
    )


def _units(responses: Sequence[LayerUnits]) -> Section:
    figures = []
    for one in responses:
        shown = one.ranked[:UNITS]
        name = f"units-{one.layer}"
        figures.append(
            Figure(
                name,
                one.layer,
                f"{len(one.outlier_units)} of {len(one.response)} units stand out; largest rise "
                f"{one.response[shown[0]]:.1f}.",
                paired_units(
                    [one.clean[unit] for unit in shown],
                    [one.triggered[unit] for unit in shown],
                    [str(unit) for unit in shown],
                    marked=[unit in one.outlier_units for unit in shown],
                    salt=name,
                ),
                f"Mean activation of the units of {one.layer}, clean and triggered.",
            )
        )
    return Section(
        "units",
        "Units, clean against triggered",
        f"Units are ranked by their largest rise: {RISE}.",
        (Gallery(tuple(figures)),),
    )


def _filters(found: Explanation) -> Iterator[Section]:
    if found.drawn is None or found.drawn.filters is None or not found.responses:
        return
    first = found.responses[0]
    svg = filters(
        found.drawn.filters.numpy(),
        answers=first.response,
        marked=first.outlier_units,
        salt="filters",
        columns=8,
    )
    yield Section(
        "filters",
        "Filters of the first layer",
        f"{len(first.outlier_units)} of {len(first.response)} stand out by how they answer to the "
        "trigger.",
        (
            Figure(
                "filters",
                first.layer,
                "Below each: number of the unit, and its largest rise. Outlined: stands out.",
                svg,
                f"{len(first.response)} filters.",
                "Black is the most negative weight, white the most positive.",
            ),
        ),
    )
