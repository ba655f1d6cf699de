"""Records as files: JSON holds all of each record, CSV holds what fits a table."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from badnets.bundles.atomic import new_file, write_bytes
from badnets.bundles.digests import sha256_bytes
from badnets.bundles.strict_json import parse_json
from badnets.core.errors import BundleError, LedgerError, SettingError
from badnets.core.files import regular_file, unpacked
from badnets.core.lookup import unknown_name
from badnets.core.printing import no_formula
from badnets.ledger.checks import first_defect, sound
from badnets.ledger.columns import COLUMNS, Value, exported_row
from badnets.observations.base import ArrayRef
from badnets.trials.differences import settings_that_differ
from badnets.trials.record import Record
from badnets.trials.workspace import Workspace

JSON_FORMAT = 1
PACKED, MOST_UNPACKED = ".gz", 2**31
_IN_COLUMNS = (
    *("data", "network", "evaluate_on", "freeze", "share"),
    *("backdoor.mode", "backdoor.poisoning_rate", "backdoor.trigger.size"),
    *("training.epochs", "training.batch_size", "training.lr"),
)
# arrays of a record that hold images of the data set, or maps that show their outlines
PICTURES = ("examples", "frames", "attacked", "attributed", "attributed_maps")


class _File(Protocol):
    def write(self, data: bytes, /) -> int: ...


def write_records(records: Iterable[Record], path: Path | str, format: str | None = None) -> None:
    """Write records to a file that is there whole or not at all; equal records, equal bytes.

    Args:
        records: in any order; they are written in the order of their names.
        path: the file, compressed where its name ends in ``.gz``; replaced if it is there.
        format: a name in `FORMATS`; by the file's ending if None.

    Raises:
        SettingError, UnknownNameError: the format is unknown.
        OutputError: the file cannot be written.
    """
    write_in_order(sorted(records, key=lambda record: record.name), path, format)


def write_in_order(records: Iterable[Record], path: Path | str, format: str | None = None) -> None:
    """Write records as `write_records` does, but in the order they come in.

    Where the format is JSON, each is written as it comes, and not held.
    """
    path = Path(path)
    write = FORMATS[format_of(path, format)]
    with new_file(path) as file:
        if path.suffix == PACKED:
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                write(records, packed)
        else:
            write(records, file)


def read_records(
    path: Path | str,
    format: str | None = None,
    *,
    damaged: Callable[[LedgerError], object] | None = None,
) -> list[Record]:
    """Return the records of a JSON export, each checked against its trial and its own answers.

    What the user decided is not taken from the file, but follows from counts and target.

    Args:
        path: the file.
        format: by its ending if None.
        damaged: is told of each record that does not fit its trial or this version's format, and
            that record is left out; None: it is raised.

    Raises:
        SettingError: the file is of another format.
        LedgerError: it cannot be read, or holds a damaged record.
    """
    path = Path(path)
    if (format or _ending(path)) != "json":
        raise SettingError(
            f"{path}: expected a file that `badnets ledger export FILE.json` wrote; CSV holds only "
            "a part of each record and cannot be read back"
        )
    try:
        with regular_file(path, error=LedgerError) as file:
            data = file.read()
    except OSError as error:
        raise LedgerError(f"cannot read {path}: {error.strerror or error}") from error
    if path.suffix == PACKED:
        data = unpacked(data, MOST_UNPACKED, what=path, error=LedgerError)
    records: list[Record] = []
    for document in _documents(data, path):
        try:
            records.append(_record(document, path))
        except LedgerError as error:
            if damaged is None:
                raise
            damaged(error)
    return records


def _ending(path: Path) -> str:
    return Path(path.name.removesuffix(PACKED)).suffix.removeprefix(".").lower()


def format_of(path: Path, format: str | None) -> str:
    """Return the name of a format: the one given, else the one that the file's ending says.

    Raises:
        SettingError, UnknownNameError: it is not in `FORMATS`.
    """
    name = (format or _ending(path)).lower()
    if name in FORMATS:
        return name
    if format is None:
        raise SettingError(
            f"{path.name!r} does not end in {', '.join('.' + known for known in FORMATS)}: "
            "name the file so, or name the format"
        )
    raise unknown_name(name, FORMATS, "format")


def without_pictures(record: Record) -> Record:
    """Return the record without the arrays that hold images of its data set.

    A data set's licence may not allow its images to be passed on; pages do without them.
    """
    kept = {
        kind: one.model_copy(
            update={
                "arrays": {name: ref for name, ref in one.arrays.items() if name not in PICTURES}
            }
        )
        for kind, one in record.observations.items()
    }
    return record.model_copy(update={"observations": kept})


def copy_arrays(
    records: Iterable[Record], source: Workspace, target: Workspace, *, if_there: bool = False
) -> None:
    """Copy the arrays that records name from one workspace to another, checking each digest.

    Args:
        records: whose arrays.
        source: where they are.
        target: where they go; those that are there already are left.
        if_there: whether missing ones are passed over.

    Raises:
        LedgerError: an array is missing or has changed.
        OutputError: it cannot be written.
    """
    refs = {ref.sha256: ref for record in records for ref in record.arrays.values()}
    for _, ref in sorted(refs.items()):
        origin, copy = (place.arrays / f"{ref.sha256}.npy" for place in (source, target))
        if copy.exists() or (if_there and not origin.exists()):
            continue
        write_bytes(copy, _array_bytes(origin, ref))


def _array_bytes(path: Path, ref: ArrayRef) -> bytes:
    try:
        with regular_file(path, error=LedgerError) as file:
            data = file.read()
    except OSError as error:
        raise LedgerError(f"cannot read array {path}: {error.strerror or error}") from None
    if sha256_bytes(data) != ref.sha256:
        raise LedgerError(f"array {path} has changed since it was written")
    return data


def _write_json(records: Iterable[Record], file: _File) -> None:
    """One line for each field of each record: small differences make small diffs."""
    file.write(f'{{"format": {JSON_FORMAT}, "records": ['.encode())
    before = end = b""
    for record in records:
        fields: dict[str, object] = json.loads(record.model_dump_json())
        lines = [f"  {_compact(key)}: {_compact(fields[key])}" for key in sorted(fields)]
        file.write(before + b"\n {\n" + ",\n".join(lines).encode() + b"\n }")
        before, end = b",", b"\n"
    file.write(end + b"]}\n")


def _compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _write_csv(some: Iterable[Record], file: _File) -> None:
    """Write the columns, and one for each further setting that is not the same in all."""
    records = list(some)
    swept = settings_that_differ([record.trial.model_dump(mode="json") for record in records])
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    further = {path: values for path, values in swept.items() if path not in _IN_COLUMNS}
    writer.writerow([*(column.name for column in COLUMNS), *map(csv_cell, further)])
    for place, record in enumerate(records):
        values = [*exported_row(record).values(), *(each[place] for each in further.values())]
        writer.writerow(map(csv_cell, values))
    file.write(text.getvalue().encode("utf-8"))


def csv_cell(value: Value) -> Value:
    """Return a value for a cell of CSV; text never as a formula."""
    return no_formula(value) if isinstance(value, str) else value


FORMATS: dict[str, Callable[[Iterable[Record], _File], None]] = {
    "json": _write_json,
    "csv": _write_csv,
}


def _documents(data: bytes, path: Path) -> list[object]:
    try:
        document = parse_json(data, str(path))
    except BundleError as error:
        raise LedgerError(str(error)) from None
    version = document.get("format") if isinstance(document, dict) else None
    if isinstance(version, int) and version > JSON_FORMAT:
        raise LedgerError(
            f"{path} was exported by a newer badnets (format {version}, this one reads "
            f"{JSON_FORMAT}): upgrade"
        )
    records = document.get("records") if isinstance(document, dict) else None
    if version != JSON_FORMAT or not isinstance(records, list):
        raise LedgerError(f"{path} is JSON, but not an export of records")
    return records


def _record(document: object, path: Path) -> Record:
    try:
        record = Record.model_validate_json(json.dumps(document))
    except ValidationError as error:
        name = document.get("name") if isinstance(document, dict) else None
        which = f"record {name!r}" if isinstance(name, str) else "a record"
        raise LedgerError(
            f"{which} in {path} does not fit this version of badnets: {first_defect(error)}"
        ) from None
    return sound(record)
