"""What every record has to satisfy before it is held, and how a defect is said in one line."""

from __future__ import annotations

from pydantic import ValidationError

from badnets.core.errors import LedgerError
from badnets.trials.record import Record


def check_name(record: Record) -> None:
    """Refuse a record that is not named after its trial.

    Raises:
        LedgerError: the name differs: the record was changed, or methods have new versions.
    """
    if record.name != record.trial.name:
        raise LedgerError(
            f"record {record.name} is not named after its trial, which is {record.trial.name} "
            f"({record.trial.title}): it was changed, or made with other versions of the methods; "
            "run the trial again"
        )


def first_defect(error: ValidationError) -> str:
    """Return the first defect that pydantic found, with the field it is in, as one line."""
    defect = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in defect["loc"]) or "the document"
    return f"{field}: {defect['msg']}"
