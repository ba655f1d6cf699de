"""What long work says of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Progress(NamedTuple):
    """How far a piece of work has come.

    Attributes:
        done: steps done.
        total: steps in all.
        what: what is being done ("training", "searching").
    """

    done: int
    total: int
    what: str


Listener = Callable[[Progress], None]
