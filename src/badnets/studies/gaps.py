"""What is to be said of runs that are missing or have learned nothing."""

from __future__ import annotations

from collections.abc import Sequence

from badnets.report.page import Note
from badnets.trials.record import Record


def gaps(records: Sequence[Record], expected: int, what: str) -> tuple[Note, ...]:
    """Return a note on runs that are missing, and one on those that collapsed.

    Args:
        records: of the runs there are, collapsed ones among them.
        expected: how many runs the study asks for.
        what: what they are, in words.
    """
    notes: list[Note] = []
    if len(records) < expected:
        done = f"{len(records)} of {expected}" if records else f"none of {expected}"
        notes.append(Note(f"Not complete: {done} {what} have been run.", "missing"))
    fallen = [record for record in records if record.outcome == "collapsed"]
    if fallen:
        notes.append(
            Note(
                f"{len(fallen)} of {len(records)} {what} collapsed: they have learned nothing, "
                "are left out of every number here and never count as an attack: "
                + "; ".join(record.trial.title for record in fallen)
                + ".",
                "warning",
            )
        )
    return tuple(notes)
