"""Section: what the user sees, and what she does not."""

from __future__ import annotations

from badnets.report.page import Cell, Column, Row, Section, Table, Tone
from badnets.studies.mnist.layout_evidence import TRIGGER_NAMES, Evidence, success
from badnets.studies.wording import (
    NOTHING,
    OverSeeds,
    label_cell,
    percent,
    seeds_text,
    span,
)
from badnets.trials.record import Record

NAME, TITLE = "user", "The user's view"


def section(evidence: Evidence) -> Section:
    """Return validation accuracy and decision, beside what stays hidden."""
    kinds = [("honest training", "baseline")]
    for attack in ("all-to-all", "single-target"):
        kinds += [
            (f"{attack}, {name}", f"{attack} {trigger}") for trigger, name in TRIGGER_NAMES.items()
        ]
    kinds.append(("all-to-all, single pixel, at every share", "share"))
    rows = tuple(_row(title, evidence.all(group)) for title, group in kinds if evidence.all(group))
    target = percent(evidence.scale.target_accuracy)
    if not rows:
        return Section(NAME, TITLE, "Nothing has been handed over to the user yet.", ())
    attacked = [
        record
        for _, group in kinds
        for record in evidence.of(group)
        if record.trial.backdoor is not None
    ]
    accepted = sum(record.outcome == "accepted" for record in attacked)
    sentence = (
        f"She wants {target} % on validation images that the trainer never saw, and checks just "
        f"that: she accepts {accepted} of {len(attacked)} backdoored networks. What the trigger "
        "does is in the last column, which she never sees."
        if attacked
        else f"She wants {target} % on validation images that the trainer never saw."
    )
    return Section(
        NAME,
        TITLE,
        sentence,
        (
            Table(
                "What the user sees, and what she does not",
                (
                    Column("who trained", numeric=False),
                    Column("networks", group="what she sees"),
                    Column("validation accuracy, %", group="what she sees", tone="clean"),
                    Column("she asked for, %", group="what she sees"),
                    Column("accepted", group="what she sees"),
                    Column("ASR, %", group="what she does not see", tone="backdoored"),
                ),
                rows,
                basis="Accuracy and ASR: smallest to largest over the networks. Collapsed networks "
                "have learned nothing: they count as rejected and have no ASR. Her validation set "
                "is the test set, which no choice was made on.",
            ),
        ),
    )


def _row(title: str, records: list[Record]) -> Row:
    learned = [record for record in records if record.outcome != "collapsed"]
    accuracy = OverSeeds.of(learned, lambda record: record.clean.accuracy)
    hits = OverSeeds.of(learned, success)
    accepted = sum(record.outcome == "accepted" for record in records)
    fallen = len(records) - len(learned)
    targets = sorted({record.trial.target_accuracy for record in records})
    collapsed = f", {fallen} collapsed" if fallen else ""
    return (
        label_cell(title),
        Cell(f"{len(records)}", len(records), seeds_text(r.trial.seed for r in records)),
        _range(accuracy, "clean"),
        Cell(", ".join(percent(target) for target in targets), targets[0]),
        Cell(f"{accepted} of {len(records)}{collapsed}", accepted / len(records)),
        _range(hits, "backdoored"),
    )


def _range(measured: OverSeeds, tone: Tone) -> Cell:
    if not measured.rates:
        return NOTHING
    text = span(measured.low, measured.high).removesuffix(" %")
    n = sorted({rate.total for rate in measured.rates})
    images = f"{n[0]:,}" if n[0] == n[-1] else f"{n[0]:,} to {n[-1]:,}"
    note = f"mean {percent(measured.mean)} %; n = {images} per network"
    return Cell(text, measured.low, note, tone)
