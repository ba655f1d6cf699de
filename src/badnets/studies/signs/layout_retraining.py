"""Section: what the user would have to retrain to be rid of the backdoor."""

from __future__ import annotations

from collections.abc import Callable

from badnets.report.page import Column, Section, Table
from badnets.studies.signs.evidence import SignEvidence, named_rightly, still_right
from badnets.studies.signs.transfer_trials import LAYERS, RATES_OF_LEARNING, SHARES_OF_DATA
from badnets.studies.wording import label_cell, percent, seeds_text
from badnets.trials.record import Record

RETRAINED = {
    "outputs": "the outputs alone",
    "heads": "the fully connected layers",
    "rpn+heads": "the fully connected layers and the region proposals",
    "everything": "everything",
}


def section(evidence: SignEvidence) -> Section:
    """Return how much of the backdoor is left by which layers, learning rate and share of data."""
    name, title = "rid", "What it takes to be rid of it"
    if not evidence.scale.extras:
        return Section(name, title, "It belongs to the whole study; this is a short run.", ())
    layers = evidence.of("layers")
    rates, shares = evidence.of("learning rate"), evidence.of("data")
    gaps = (
        *evidence.gaps("layers", len(LAYERS), "retrainings of other layers"),
        *evidence.gaps("learning rate", len(RATES_OF_LEARNING), "retrainings at other rates"),
        *evidence.gaps("data", len(SHARES_OF_DATA), "retrainings on fewer scenes"),
    )
    if not layers and not rates and not shares:
        return Section(name, title, "None of this has been retrained yet.", gaps)
    tables = [
        _varied("Which layers the user retrains", "retrained", layers, _layers),
        _varied("Learning rate, everything retrained", "peak learning rate", rates, _rate),
        _varied("Share of the user's scenes", "share", shares, _share),
    ]
    best = max(layers, key=lambda record: still_right([record]).mean, default=None)
    told = (
        f"Of the choices of layers, retraining {_layers(best)} leaves the most accuracy with the "
        f"sticker: {percent(still_right([best]).mean, 1)} %. There is one network each, so small "
        "differences say little."
        if best is not None
        else "Which layers are retrained has not been varied yet."
    )
    kept = tuple(table for table in tables if table is not None)
    return Section(name, title, told, (*gaps, *kept))


def _varied(
    title: str, column: str, records: list[Record], say: Callable[[Record], str]
) -> Table | None:
    if not records:
        return None
    return Table(
        title,
        (
            Column(column, numeric=False),
            Column("clean signs, %", tone="clean"),
            Column("with the sticker, %", tone="backdoored"),
        ),
        tuple(
            (
                label_cell(say(record)),
                named_rightly([record]).cell("clean"),
                still_right([record]).cell("backdoored"),
            )
            for record in records
        ),
        basis=f"The BadNet as it is (k = 1), {seeds_text(r.trial.seed for r in records)}.",
        sortable=False,
    )


def _layers(record: Record) -> str:
    if record.trial.transfer is None:
        return "?"
    layers = record.trial.transfer.retraining.layers
    return RETRAINED.get(layers, f"from {layers} on")


def _rate(record: Record) -> str:
    transfer = record.trial.transfer
    return f"{transfer.retraining.training.lr:g}" if transfer else "?"


def _share(record: Record) -> str:
    transfer = record.trial.transfer
    return f"{100 * transfer.retraining.share:g} %" if transfer else "?"
