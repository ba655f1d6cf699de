"""Things found by name in one plain dict; an unknown name is refused with the known ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from badnets.core.errors import UnknownNameError

Entry = TypeVar("Entry")
LONGEST = 80  # letters of an unknown name in a message
LISTED = 12  # known names in a message; of more, the nearest
EVERY = {"data set": "`badnets data list`"}  # what lists all of a kind


def unknown_name(name: str, known: Iterable[str], what: str) -> UnknownNameError:
    """Return the error for a name that is not known: the nearest one first, then the others."""
    choices = sorted(known)
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
    near = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    if len(choices) <= LISTED:
        return UnknownNameError(
            f"unknown {what} {name!r}: {hint}known: {', '.join(choices) or 'none'}"
        )
    close = ", ".join(difflib.get_close_matches(name, choices, n=LISTED, cutoff=0.0))
    every = f" ({EVERY[what]} lists all)" if what in EVERY else ""
    return UnknownNameError(
        f"unknown {what} {name!r}: {hint}the nearest of {len(choices)} known: {close}{every}"
    )


def shortened(names: Sequence[str]) -> str:
    """Return names as a message lists them: the first few, and how many more there are."""
    more = len(names) - LISTED
    return ", ".join([*names[:LISTED], *([f"and {more} more"] if more > 0 else [])])


def find(table: Mapping[str, Entry], name: str, what: str) -> Entry:
    """Return ``table[name]``.

    Args:
        table: name -> entry.
        name: what was asked for.
        what: the kind of thing, for the message ("trigger", "data set").

    Raises:
        UnknownNameError: the name is not in the table; names the nearest.
    """
    try:
        return table[name]
    except KeyError:
        raise unknown_name(name, table, what) from None
