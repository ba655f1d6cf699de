"""The ledger's tables, in words that every database has, and a record as one of their rows."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, String, Table, Text

from badnets.core.rates import Rate
from badnets.trials.record import Record

SCHEMA_VERSION = 1
VERSION_KEY = "schema"

METADATA = MetaData()

META = Table(
    "meta",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

RECORDS = Table(
    "records",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("created", String(32), nullable=False, index=True),  # ISO 8601, UTC: sorts as text
    Column("data", String(200), nullable=False, index=True),
    Column("network", String(200), nullable=False, index=True),
    Column("seed", BigInteger, nullable=False),
    Column("trigger", String(200)),
    Column("targets", String(200)),
    Column("poisoning_rate", Float),
    Column("evaluate_on", String(32), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("clean_hits", Integer, nullable=False),
    Column("clean_total", Integer, nullable=False),
    Column("success_hits", Integer),
    Column("success_total", Integer),
    Column("control_hits", Integer),
    Column("control_total", Integer),
    Column("poisoned_hits", Integer),
    Column("poisoned_total", Integer),
    Column("train_s", Float, nullable=False),
    Column("total_s", Float, nullable=False),
    Column("document", Text, nullable=False),  # the whole record; the columns above are for queries
)


def row(record: Record) -> dict[str, Any]:
    """Return the record as a row of `RECORDS`: column name -> value, None where it has none.

    ``poisoning_rate`` is the share that was measured, not the one that was asked for, which may
    be ``"every"``.
    """
    trial, backdoor = record.trial, record.trial.backdoor
    attack, poisoned = record.attack, record.poisoned_share
    return {
        "name": record.name,
        "created": record.provenance.created.astimezone(UTC).isoformat(timespec="seconds"),
        "data": trial.data,
        "network": trial.network,
        "seed": trial.seed,
        "trigger": backdoor.trigger.kind if backdoor else None,
        "targets": backdoor.targets.kind if backdoor else None,
        "poisoning_rate": poisoned.value if poisoned and poisoned.total else None,
        "evaluate_on": trial.evaluate_on,
        "outcome": record.outcome,
        **_counts("clean", record.clean.accuracy),
        **_counts("success", attack.success if attack else None),
        **_counts("control", attack.control if attack else None),
        **_counts("poisoned", poisoned),
        "train_s": record.timings.train_s,
        "total_s": record.timings.total_s,
        "document": record.model_dump_json(),
    }


def _counts(name: str, rate: Rate | None) -> dict[str, int | None]:
    return {
        f"{name}_hits": rate.hits if rate else None,
        f"{name}_total": rate.total if rate else None,
    }
