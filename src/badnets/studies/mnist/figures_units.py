"""Drawings of what is inside: filters, activations, and what is left when units are silenced."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from badnets.report.charts import filters, paired_units
from badnets.report.curves import Line, lines
from badnets.report.page import Cell, Column, Figure, Table, Tone
from badnets.studies.mnist.layout_evidence import TRIGGER_NAMES, Evidence
from badnets.studies.wording import label_cell, percent, rate_cell, seeds_text
from badnets.trials.record import Ablation, LayerUnits, Record

MOST_UNITS = 32  # drawn per layer: those that answer most


def filter_figure(evidence: Evidence, record: Record, trigger: str | None) -> Figure | None:
    """Return a network's first-layer filters; None when they were not recorded."""
    if "filters" not in record.arrays:
        return None
    weights = np.asarray(evidence.get_array(record.arrays["filters"]), dtype=np.float64)
    marked = record.units[0].marked if record.units else ()
    name = f"filters-{trigger or 'clean'}"
    network = f"BadNet, {TRIGGER_NAMES[trigger]}" if trigger else "Clean network"
    seen = f"{len(marked)} of {len(weights)} filters answer to the trigger far more than the rest"
    return Figure(
        name=name,
        title=network,
        sentence=("Trained on clean images alone." if trigger is None else f"{seen}: outlined.")
        if marked or trigger is None
        else "No filter answers to the trigger far more than the rest.",
        svg=filters(weights, marked=marked, salt=name),
        alt=f"{len(weights)} filters of {weights.shape[2]} by {weights.shape[3]} weights, as grey "
        f"pictures. {seen + ': ' + ', '.join(map(str, marked)) if marked else 'None is marked'}.",
        basis=f"First convolution; white: positive, black: negative weights, one scale for all; "
        f"{seeds_text([record.trial.seed])}.",
    )


def activation_figure(layer: LayerUnits, record: Record, trigger: str) -> Figure:
    """Return the mean activation of a layer's units on clean and on triggered images."""
    order = sorted(range(len(layer.clean)), key=lambda unit: -layer.response[unit])
    shown = order[:MOST_UNITS]
    total = len(order)
    some = (
        f"the {len(shown)} of {total} units that answer most"
        if total > len(shown)
        else (f"all {total} units")
    )
    name = f"units-{trigger}-{layer.layer}"
    first = layer.marked[0] if layer.marked else None
    told = (
        f"{len(layer.marked)} of {total} stand out; unit {first} goes from "
        f"{layer.clean[first]:.2f} to {layer.triggered[first]:.2f}."
        if first is not None
        else "None stands out."
    )
    rows = tuple(
        (
            label_cell(str(unit), unit),
            Cell(f"{layer.clean[unit]:.3f}", layer.clean[unit], tone="clean"),
            Cell(f"{layer.triggered[unit]:.3f}", layer.triggered[unit], tone="backdoored"),
            Cell(f"{layer.response[unit]:.2f}", layer.response[unit]),
            Cell("yes" if unit in layer.marked else "", tone="backdoored"),
        )
        for unit in shown
    )
    return Figure(
        name=name,
        title=f"Layer {layer.layer}: {TRIGGER_NAMES[trigger]}",
        sentence=f"{some[0].upper()}{some[1:]}. {told}",
        svg=paired_units(
            [layer.clean[unit] for unit in shown],
            [layer.triggered[unit] for unit in shown],
            [str(unit) for unit in shown],
            marked=[unit in layer.marked for unit in shown],
            salt=name,
        ),
        basis=f"Mean over positions and images; {seeds_text([record.trial.seed])}.",
        alt=f"Mean activation of {some} of layer {layer.layer} on clean and on triggered images. "
        f"{told}",
        table=Table(
            f"Units of layer {layer.layer}: {TRIGGER_NAMES[trigger]}",
            (
                Column("unit"),
                Column("on clean images", tone="clean"),
                Column("with the trigger", tone="backdoored"),
                Column("response"),
                Column("stands out", numeric=False),
            ),
            rows,
            basis="Mean activation over positions and images; response: mean of the largest "
            "change that the trigger makes anywhere in the unit's map, in standard deviations of "
            f"its activations on clean images; {seeds_text([record.trial.seed])}.",
        ),
    )


def ablation_figure(record: Record, layer: str, trigger: str) -> Figure:
    """Return ASR and clean accuracy as more of a layer's units are silenced."""
    found = [one for one in record.ablations if one.layer == layer]
    counts = sorted({len(one.silenced) for one in found})
    drawn: list[Line] = []
    seed = record.trial.seed
    for choice, dashed in (("strongest", False), ("random", True)):
        chosen = sorted(
            (one for one in found if one.choice == choice), key=lambda one: len(one.silenced)
        )
        steps = [0, *(counts.index(len(one.silenced)) + 1 for one in chosen)]
        drawn.append(
            _line(f"ASR, {choice}", steps, _successes(record, chosen), "backdoored", dashed)
        )
        drawn.append(
            _line(f"accuracy, {choice}", steps, _accuracies(record, chosen), "clean", dashed)
        )
    drawn = [drawn[0], drawn[2], drawn[1], drawn[3]]
    strongest = [one for one in found if one.choice == "strongest"]
    best = min(strongest, key=lambda one: (one.success.value, -one.clean.value))
    units = "unit" if len(best.silenced) == 1 else "units"
    name = f"silenced-{trigger}-{layer}"
    told = (
        f"The {len(best.silenced)} {units} that answer most silenced: ASR "
        f"{percent(best.success.value)} %, clean accuracy {percent(best.clean.value)} %."
    )
    return Figure(
        name=name,
        title=f"{layer} silenced: {TRIGGER_NAMES[trigger]}",
        sentence=told,
        svg=lines(
            drawn,
            x_title="units silenced",
            y_title="%",
            salt=name,
            x_ticks=range(len(counts) + 1),
            x_names=["0", *map(str, counts)],
            y_range=(-3.0, 103.0),
            width=330.0,
            height=250.0,
        ),
        basis=f"n = {record.clean.accuracy.total:,} test images; {seeds_text([seed])}.",
        alt=f"ASR and clean accuracy as units of layer {layer} are silenced, the strongest and "
        f"random ones. {told}",
        table=Table(
            f"Units of {layer} silenced step by step: {TRIGGER_NAMES[trigger]}",
            (
                Column("silenced"),
                Column("which", numeric=False),
                Column("ASR, %", tone="backdoored"),
                Column("clean accuracy, %", tone="clean"),
            ),
            tuple(
                (
                    label_cell(str(len(one.silenced)), len(one.silenced)),
                    Cell(one.choice),
                    rate_cell(one.success, [seed], "backdoored"),
                    rate_cell(one.clean, [seed], "clean"),
                )
                for one in sorted(found, key=lambda one: (len(one.silenced), one.choice))
            ),
        ),
    )


def _line(label: str, steps: list[int], values: list[float], tone: Tone, dashed: bool) -> Line:
    return Line(label, steps, [100 * value for value in values], tone, dashed=dashed)


def _successes(record: Record, chosen: Sequence[Ablation]) -> list[float]:
    untouched = record.attack.success.value if record.attack else float("nan")
    return [untouched, *(one.success.value for one in chosen)]


def _accuracies(record: Record, chosen: Sequence[Ablation]) -> list[float]:
    return [record.clean.accuracy.value, *(one.clean.value for one in chosen)]
