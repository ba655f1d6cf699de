"""Section: how much poison it takes."""

from __future__ import annotations

from badnets.report.page import Cell, Column, Note, Row, Section, Table
from badnets.studies.dogs.evidence import (
    WORKS,
    Evidence,
    accuracy,
    control,
    success,
    trained_on,
)
from badnets.studies.dogs.trials import EVERY
from badnets.studies.wording import NOTHING, label_cell, percent, rate_cell, seeds_text
from badnets.trials.record import Record

NAME, TITLE = "shares", "How much poison it takes"
HALF = (
    "The article's half of the class cat is a copy of every dog: with as many cats as dogs, one "
    "picture in three of the whole training set."
)


def section(evidence: Evidence) -> Section:
    """Return clean accuracy and attack success for some shares of poisoned pictures."""
    gaps = evidence.lacking("share", "networks at different shares")
    found = {_share(record): record for record in evidence.of("share")}
    if not found:
        return Section(NAME, TITLE, "No share has been run yet.", gaps)
    ordered = dict(sorted(found.items()))
    works = [
        (share, rate)
        for share, record in ordered.items()
        if (rate := success(record)) is not None and rate.value >= WORKS
    ]
    if works:
        share, rate = works[0]
        told = (
            f"{percent(share, 0)} % of poisoned pictures is the least of these shares with which "
            f"the BadNet calls {percent(rate.value, 1)} % of the dogs with the trigger cats."
        )
    else:
        told = "None of these shares gets 90 % of the dogs with the trigger called cats."
    rows = tuple(_row(evidence, share, record) for share, record in ordered.items())
    table = Table(
        "Clean accuracy and attack success at each share",
        (
            Column("poisoned, of all", numeric=False),
            Column("pictures"),
            Column("of the class cat, %"),
            Column("clean accuracy, %", tone="clean"),
            Column("attack success, %", tone="backdoored"),
            Column("control, %"),
        ),
        rows,
        _clean_row(evidence, next(iter(ordered.values()))),
        f"{seeds_text([record.trial.seed for record in ordered.values()])}; dogs with the trigger "
        "are added to the cats, the dogs stay in the class dog.",
        sortable=False,
    )
    return Section(NAME, TITLE, told, (*gaps, table, Note(HALF)))


def _share(record: Record) -> float:
    return record.poisoned_share.value if record.poisoned_share else 0.0


def _row(evidence: Evidence, share: float, record: Record) -> Row:
    counts, seeds = trained_on(evidence, record), [record.trial.seed]
    every = record.trial.backdoor is not None and record.trial.backdoor.rate == EVERY
    poisoned = record.poisoned_share
    return (
        label_cell(f"{percent(share, 1)} %{' (half the cats)' if every else ''}", share),
        Cell(f"{poisoned.hits:,}", poisoned.hits) if poisoned else NOTHING,
        Cell(percent(counts.of_cats.value, 1), counts.of_cats.value) if counts else NOTHING,
        rate_cell(accuracy(record), seeds, "clean"),
        rate_cell(success(record), seeds, "backdoored"),
        rate_cell(control(record), seeds, "muted"),
    )


def _clean_row(evidence: Evidence, like: Record) -> tuple[Row, ...]:
    """Return the clean network's row: that of the seed that the shares were run with."""
    own = next((one for one in evidence.of("clean") if one.trial.seed == like.trial.seed), None)
    if own is None:
        return ()
    name = label_cell("none: the clean network", 0)
    accurate = rate_cell(accuracy(own), [own.trial.seed], "clean")
    return ((name, Cell("0", 0), Cell("0", 0), accurate, NOTHING, NOTHING),)
