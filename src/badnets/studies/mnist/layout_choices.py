"""Section: how the all-to-all attack's share was chosen, on held-back training images."""

from __future__ import annotations

from badnets.report.page import Block, Cell, Column, Note, Section, Table
from badnets.studies.mnist.layout_evidence import (
    TRIGGER_NAMES,
    Evidence,
    backdoor_error,
    clean_error,
)
from badnets.studies.mnist.layout_shares import share_of
from badnets.studies.wording import (
    label_cell,
    listed,
    percent,
    rate_cell,
    seeds_text,
)
from badnets.trials.record import Record

NAME, TITLE = "choices", "How choices were made"


def section(evidence: Evidence) -> Section:
    """Return one table per trigger of held-back errors, the chosen share marked."""
    blocks: list[Block] = []
    said = []
    for trigger, name in TRIGGER_NAMES.items():
        group = f"choice {trigger}"
        what = f"held-back runs ({name})"
        blocks.extend(evidence.gaps(group, len(evidence.scale.choices), what))
        records = sorted(evidence.of(group), key=share_of)
        if records:
            blocks.append(_table(trigger, records, evidence.shares.get(trigger)))
        if trigger in evidence.shares:
            said.append(f"{100 * evidence.shares[trigger]:g} % for the {name}")
    chosen = f"Chosen: {listed(said)}." if said else "Nothing has been chosen yet."
    sentence = (
        "The all-to-all attack's share was chosen on training images that were held back, by the "
        f"smallest sum of clean and backdoor error; the test set had no part in it. {chosen}"
    )
    return Section(NAME, TITLE, sentence, tuple(blocks) or (Note("Nothing run.", "missing"),))


def _table(trigger: str, records: list[Record], chosen: float | None) -> Table:
    rows = []
    for record in records:
        seeds = [record.trial.seed]
        backdoor = backdoor_error(record)
        both = clean_error(record).value + (backdoor.value if backdoor else float("nan"))
        is_chosen = share_of(record) == chosen
        rows.append(
            (
                label_cell(f"{100 * share_of(record):g} %", share_of(record)),
                rate_cell(clean_error(record), seeds, "clean"),
                rate_cell(backdoor, seeds, "backdoored"),
                Cell(percent(both), both, strong=is_chosen),
                Cell("chosen" if is_chosen else "", strong=is_chosen),
            )
        )
    trial = records[0].trial
    return Table(
        f"Error on held-back images: {TRIGGER_NAMES[trigger]}",
        (
            Column("share"),
            Column("clean error, %", tone="clean"),
            Column("backdoor error, %", tone="backdoored"),
            Column("sum, points"),
            Column("", numeric=False),
        ),
        tuple(rows),
        basis=f"{records[0].clean.accuracy.total:,} training images held back; "
        f"{seeds_text([trial.seed])}, which no other table uses.",
    )
