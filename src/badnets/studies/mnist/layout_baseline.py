"""Section: the baseline network, seed by seed."""

from __future__ import annotations

from badnets.report.page import Cell, Column, Section, Table
from badnets.studies.mnist.layout_evidence import Evidence, clean_error
from badnets.studies.mnist.published import BASELINE_ERROR
from badnets.studies.wording import (
    DASH,
    OverSeeds,
    averaged,
    duration,
    interval,
    label_cell,
    mean_cell,
    percent,
    published_cell,
    rate_cell,
    span,
)


def section(evidence: Evidence) -> Section:
    """Return the baseline's errors beside the published one."""
    expected = len(evidence.scale.baseline_seeds)
    records = evidence.of("baseline")
    gaps = evidence.gaps("baseline", expected, "baseline networks")
    measured = OverSeeds.of(records, clean_error)
    if not records:
        return Section("baseline", "Baseline", "The clean network has not been run yet.", gaps)
    training = records[0].trial.training
    sentence = (
        f"The paper's network, trained honestly, is wrong on {percent(measured.mean)} % of the "
        f"test images ({averaged(measured.seeds)}: {span(measured.low, measured.high)}); "
        f"the paper reports {BASELINE_ERROR.value:.2f} %."
    )
    rows = tuple(
        (
            label_cell(str(record.trial.seed), record.trial.seed),
            Cell(f"{record.clean.error.hits:,}", record.clean.error.hits),
            rate_cell(record.clean.error, [record.trial.seed], "clean"),
            Cell(_ends(record.clean.error.interval), record.clean.error.value, tone="muted"),
            Cell(duration(record.timings.train_s), record.timings.train_s),
        )
        for record in records
    )
    typical = measured.typical
    foot = (
        (
            label_cell("mean"),
            Cell(f"{sum(r.hits for r in measured.rates) / len(measured.rates):.1f}"),
            mean_cell(measured, "clean"),
            Cell(_ends(typical.interval), tone="muted"),
            Cell(duration(sum(r.timings.train_s for r in records) / len(records))),
        ),
        (label_cell("published"), Cell(""), published_cell(BASELINE_ERROR), Cell(""), Cell("")),
    )
    table = Table(
        "Error of the clean network on the test images",
        (
            Column("seed"),
            Column(f"wrong of {typical.total:,}"),
            Column("error, %", tone="clean"),
            Column("95 % interval"),
            Column("training time"),
        ),
        rows,
        foot,
        f"{evidence.data}, {records[0].trial.network}, {training.epochs} epochs of "
        f"{training.optimizer}, batch {training.batch_size}, peak learning rate {training.lr:g}. "
        f"{interval(typical)[0].upper()}{interval(typical)[1:]}, for the mean.",
    )
    return Section("baseline", "Baseline", sentence, (*gaps, table))


def _ends(ends: tuple[float, float]) -> str:
    return f"{percent(ends[0])}{DASH}{percent(ends[1])}"
