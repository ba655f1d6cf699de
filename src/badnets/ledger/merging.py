"""Records of one ledger for another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from badnets.core.errors import LedgerError
from badnets.ledger.checks import sound
from badnets.ledger.ledger import Ledger
from badnets.ledger.queries import RECORDS_AT_A_TIME, chunks
from badnets.trials.record import Record

_MEASURED = ("clean", "attack", "poisoned_share", "objects", "triggered", "survival")


class MergeCount(NamedTuple):
    """What came of merging a ledger.

    Attributes:
        added: how many records are new.
        already: how many trials had a record already; those stay as they were.
        differing: of those, the names of the trials for which other rates were measured.
        with_files: how many new records name arrays or a bundle, which no ledger holds.
    """

    added: int
    already: int
    differing: tuple[str, ...]
    with_files: int


def merge(
    source: Ledger, into: Ledger, *, damaged: Callable[[LedgerError], object] | None = None
) -> MergeCount:
    """Add the records of one ledger to another, each checked against its trial and its own answers.

    Some hundred are added at a time: what was added before an error stays, and the same call goes
    on. Claims and failures stay where they are.

    Args:
        source: whose records.
        into: where they go.
        damaged: is told of each record that cannot be read or does not fit its trial, and that
            record is left out; None: it is raised.

    Raises:
        LedgerError: a record cannot be read, or a ledger cannot be read or written.
    """
    added, already, with_files = 0, 0, 0
    differing: list[str] = []
    for names in chunks(source.names(), RECORDS_AT_A_TIME):
        there = {record.name: record for record in into.records(names=names)}
        new: list[Record] = []
        for record in _sound_ones(source.records(names=names, damaged=damaged), damaged):
            if record.name not in there:
                new.append(record)
                continue
            already += 1
            held = there[record.name]
            if any(getattr(record, part) != getattr(held, part) for part in _MEASURED):
                differing.append(record.name)
        count = into.add_all(new)
        added, already = added + count.added, already + count.already
        with_files += sum(bool(record.bundle or record.arrays) for record in new)
    return MergeCount(added, already, tuple(differing), with_files)


def _sound_ones(
    records: Iterator[Record], damaged: Callable[[LedgerError], object] | None
) -> Iterator[Record]:
    for record in records:
        try:
            yield sound(record)
        except LedgerError as error:
            if damaged is None:
                raise
            damaged(error)
