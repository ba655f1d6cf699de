"""The columns of records, each said once: of the ledger's table, and of exports as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, String, Table, Text
from sqlalchemy.types import TypeEngine

from badnets.bundles.digests import sha256_bytes

if TYPE_CHECKING:
    from badnets.core.backdoor import Backdoor
    from badnets.core.rates import Rate
    from badnets.evaluate.results import AttackResult, Survival
    from badnets.trials.record import Record
    from badnets.trials.trial import TransferTrial, Trial

SCHEMA_VERSION = 3
"""Of all tables; raised when one is added, or a column of one."""
RECORDS_VERSION = 2
"""The first schema with today's columns of records: set to a new one when a column of these is
added, or a field of a `Summary` changes."""
VERSION_KEY = "schema"

Value: TypeAlias = str | int | float | None


class RecordColumn(NamedTuple):
    """One value of a record.

    Args:
        name: of the column.
        of: gives the value, None where the record has none; rates and shares are in [0, 1].
        type: in the database; None: it is in exports alone.
        required: whether each record has it.
        indexed: whether it is searched by.
    """

    name: str
    of: Callable[[Record], Value]
    type: TypeEngine[str] | TypeEngine[int] | TypeEngine[float] | None = None
    required: bool = False
    indexed: bool = False


def _trial(of: Callable[[Trial], Value]) -> Callable[[Record], Value]:
    return lambda record: of(record.trial)


def _backdoor(of: Callable[[Backdoor], Value]) -> Callable[[Record], Value]:
    def value(record: Record) -> Value:
        backdoor: Backdoor | None = getattr(record.trial, "backdoor", None)
        return of(backdoor) if backdoor else None

    return value


def _trained(of: Callable[[Any], Value]) -> Callable[[Record], Value]:
    def value(record: Record) -> Value:
        training = getattr(record.trial, "training", None)
        return None if training is None else of(training)

    return value


def _transfer(of: Callable[[TransferTrial], Value]) -> Callable[[Record], Value]:
    return lambda record: of(record.trial) if record.trial.kind == "transfer" else None


def _attack(of: Callable[[AttackResult], Rate | None]) -> Callable[[Record], Rate | None]:
    return lambda record: of(record.attack) if record.attack else None


def _survival(of: Callable[[Survival], Rate | None]) -> Callable[[Record], Rate | None]:
    return lambda record: of(record.survival) if record.survival else None


def _share(
    name: str, of: Callable[[Record], Rate | None], type: TypeEngine[float] | None = None
) -> RecordColumn:
    def value(record: Record) -> Value:
        rate = of(record)
        return rate.value if rate and rate.total else None

    return RecordColumn(name, value, type)


def _counts(
    name: str, of: Callable[[Record], Rate | None], *, required: bool = False
) -> Iterator[RecordColumn]:
    def part(which: int) -> Callable[[Record], Value]:
        def value(record: Record) -> Value:
            rate = of(record)
            return rate[which] if rate else None

        return value

    for which, end in enumerate(("hits", "total")):
        yield RecordColumn(f"{name}_{end}", part(which), Integer(), required)


def _created(record: Record) -> str:
    return record.provenance.created.astimezone(UTC).isoformat()


def _trigger(backdoor: Backdoor) -> str:
    from badnets.core.triggers import TRIGGERS

    return TRIGGERS.short(backdoor.trigger)


def _size(backdoor: Backdoor) -> Value:
    """Return whole pixels or a share of the region; height and width as one text."""
    size = getattr(backdoor.trigger, "size", None)
    return "x".join(map(str, size)) if isinstance(size, tuple) else size


def _success(record: Record) -> Rate | None:
    """Return the attack success; a network that has learned nothing attacks nothing."""
    return record.attack.success if record.attack and record.outcome != "collapsed" else None


def _summary(record: Record) -> str:
    from badnets.trials.summaries import stored_summary

    return stored_summary(record)


def _repair(record: Record) -> Value:
    """Return how a network was repaired, in short; None where it was not."""
    if record.trial.kind != "repaired":
        return None
    from badnets.repair.base import REPAIRS

    return REPAIRS.short(record.trial.method)


def _resist(record: Record) -> Value:
    """Return how training resisted poisoned data, in short; None where it did not."""
    resist = getattr(record.trial, "resist", None)
    if resist is None:
        return None
    from badnets.scenarios.resisting import RESISTANCES

    return RESISTANCES.short(resist)


def _frozen(trial: TransferTrial) -> str:
    return trial.freeze if isinstance(trial.freeze, str) else "+".join(trial.freeze)


COLUMNS: tuple[RecordColumn, ...] = (
    RecordColumn("name", lambda record: record.name, String(64), required=True),
    RecordColumn("title", _trial(lambda trial: trial.title), Text(), required=True),
    RecordColumn("created", _created, String(32), required=True, indexed=True),  # sorts as text
    RecordColumn("data", _trial(lambda t: t.data), String(200), required=True, indexed=True),
    RecordColumn("network", _trial(lambda t: t.network), String(200), required=True, indexed=True),
    RecordColumn("seed", _trial(lambda trial: trial.seed), BigInteger(), required=True),
    RecordColumn("trigger", _backdoor(lambda backdoor: backdoor.trigger.kind), String(200)),
    RecordColumn("trigger_settings", _backdoor(_trigger)),
    RecordColumn("trigger_size", _backdoor(_size)),
    RecordColumn("targets", _backdoor(lambda backdoor: backdoor.targets.kind), String(200)),
    RecordColumn("source_class", _backdoor(lambda b: getattr(b.targets, "source_class", None))),
    RecordColumn("target_label", _backdoor(lambda b: getattr(b.targets, "target_label", None))),
    RecordColumn("how", _backdoor(lambda backdoor: backdoor.mode)),
    RecordColumn("asked_rate", _backdoor(lambda b: str(b.poisoning_rate)), String(32)),
    # the share that was reached, of which "every" says nothing
    _share("poisoning_rate", lambda record: record.poisoned_share, Float()),
    RecordColumn("evaluate_on", _trial(lambda trial: trial.evaluate_on), String(32), required=True),
    RecordColumn("freeze", _transfer(_frozen)),
    RecordColumn("repair", _repair),
    RecordColumn("resist", _resist),
    RecordColumn("share", lambda record: getattr(record.trial, "share", None)),
    RecordColumn("epochs", _trained(lambda training: training.epochs)),
    RecordColumn("batch_size", _trained(lambda training: training.batch_size)),
    RecordColumn("lr", _trained(lambda training: training.lr)),
    RecordColumn("outcome", lambda record: record.outcome, String(32), required=True),
    _share("clean_accuracy", lambda record: record.clean.accuracy),
    *_counts("clean", lambda record: record.clean.accuracy, required=True),
    _share("attack_success_rate", _success),
    *_counts("success", _attack(lambda attack: attack.success)),
    _share("robust_accuracy", _attack(lambda attack: attack.robust)),
    _share("control_rate", _attack(lambda attack: attack.control)),
    *_counts("control", _attack(lambda attack: attack.control)),
    _share("triggered_accuracy", _survival(lambda left: left.triggered)),
    _share("control_triggered_accuracy", _survival(lambda left: left.control_triggered)),
    *_counts("poisoned", lambda record: record.poisoned_share),
    RecordColumn("train_s", lambda record: record.timings.train_s, Float(), required=True),
    RecordColumn("total_s", lambda record: record.timings.total_s, Float(), required=True),
)

STORED: dict[str, RecordColumn] = {
    column.name: column
    for column in (
        *(column for column in COLUMNS if column.type is not None),
        RecordColumn("family", _trial(lambda trial: trial.family), String(16), required=True),
        RecordColumn("summary", _summary, Text(), required=True),
    )
}
"""The columns that are in the database, by name: what a list of records needs, and searches."""

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
    *(
        Column(
            column.name,
            column.type,
            primary_key=column.name == "name",
            nullable=not column.required,
            index=column.indexed,
        )
        for column in STORED.values()
    ),
    Column("digest", String(64), nullable=False),  # of the document
    Column("seal", String(64), nullable=False),  # of all columns before it
    Column("document", Text, nullable=False),  # the whole record; last, as it is long
)

CLAIMS = Table(
    "claims",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("holder", String(200), nullable=False, index=True),
    Column("until", Float(), nullable=False),  # seconds since 1970
)

FAILURES = Table(
    "failures",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("title", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last", String(32), nullable=False),  # ISO 8601 in UTC: sorts as text
)

LISTED = tuple(column for column in RECORDS.columns if column.name != "document")
"""All columns of `RECORDS` but the document."""
_SEALED = "\x1f".join(["%s"] * (len(LISTED) - 1))  # quicker than str of each: rows are many


def exported_row(record: Record) -> dict[str, Value]:
    """Return one value for each of `COLUMNS`, None where the record has none."""
    return {column.name: column.of(record) for column in COLUMNS}


def stored_row(record: Record) -> dict[str, Value]:
    """Return the record as a row of `RECORDS`."""
    row: dict[str, Value] = {name: column.of(record) for name, column in STORED.items()}
    return sealed(row, record.model_dump_json())


def sealed(row: Mapping[str, Value], document: str) -> dict[str, Value]:
    """Return a row with its document and the digests by which damage to either is found."""
    listed = {name: row[name] for name in STORED} | {"digest": digest_of(document)}
    return {**listed, "seal": seal_of(listed.values()), "document": document}


def digest_of(document: str) -> str:
    """Return the digest of a document."""
    return sha256_bytes(document.encode("utf-8", "surrogatepass"))


def seal_of(values: Iterable[Any]) -> str:
    """Return the digest of the values of a row, in the order of `LISTED`, without the seal."""
    return sha256_bytes((_SEALED % tuple(values)).encode("utf-8", "backslashreplace"))
