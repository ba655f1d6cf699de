"""What every record has to satisfy before it is held, and how a defect is said in one line."""

from __future__ import annotations

from pydantic import ValidationError

from badnets.core.errors import LedgerError
from badnets.ledger.columns import Value, stored_row
from badnets.ledger.damage import Held, damaged
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


def check_counts(record: Record) -> None:
    """Refuse a record whose rates are not those of the answers that it holds.

    Raises:
        LedgerError: it was changed.
    """
    clean, objects, attack = record.clean, record.objects, record.attack
    right = sum(rate.hits for rate in clean.per_class)
    same = clean.per_class == () or right == clean.accuracy.hits
    try:
        same = same and (objects is None or objects.clean == clean)
        if attack is not None and record.triggered is not None:
            same = same and record.triggered.attack == attack
    except ValueError:  # some answers are missing
        same = False
    if not same:
        raise LedgerError(
            f"record {record.name} ({record.trial.title}) contradicts itself: its rates are not "
            "those of the answers that it holds; run the trial again"
        )


def sound(record: Record) -> Record:
    """Return a record of others, with the outcome that follows from what it holds.

    Raises:
        LedgerError: it is not named after its trial, or contradicts itself.
    """
    check_name(record)
    check_counts(record)
    return as_decided(record)


def as_decided(record: Record) -> Record:
    """Return the record with the outcome that its counts and its target accuracy give."""
    target = record.trial.target_accuracy
    outcome = record.clean.decision(target)
    if outcome == record.outcome:
        return record
    reason = f"accuracy {record.clean.accuracy}, {100 * target:g} % wanted"
    if outcome == "collapsed":
        reason = f"has learned nothing: accuracy {record.clean.accuracy}"
    return record.model_copy(update={"outcome": outcome, "reason": reason})


def parsed(held: Held) -> Record:
    """Return the record of a document.

    Raises:
        LedgerError: it was changed, or does not fit this version's format.
    """
    try:
        record = Record.model_validate_json(held.document)
    except ValidationError as error:
        raise LedgerError(
            f"record {held.name} in {held.where} does not fit this version of badnets: "
            f"{first_defect(error)}"
        ) from None
    if record.name != held.name:
        raise damaged(held.name, held.where)
    return record


def checked_row(record: Record) -> dict[str, Value]:
    """Return the record as a row of the ledger.

    Raises:
        LedgerError: it is not named after its trial, or JSON cannot hold it.
    """
    check_name(record)
    values = stored_row(record)
    try:
        Record.model_validate_json(str(values["document"]))  # NaN, say, is not held by JSON
    except ValidationError as error:
        raise LedgerError(
            f"record {record.name} cannot be held as JSON: {first_defect(error)}"
        ) from None
    return values


def first_defect(error: ValidationError) -> str:
    """Return the first defect that pydantic found, with the field it is in, as one line."""
    defect = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in defect["loc"]) or "the document"
    return f"{field}: {defect['msg']}"
