"""Published numbers beside measured ones: each says how certain it is."""

from __future__ import annotations

from typing import NamedTuple

from badnets.report.page import Tag

VERIFIED = Tag(
    "v",
    "verified",
    "in the paper's abstract, or the same in several independent accounts of it",
)
RECALLED = Tag("r", "recalled", "not checked against the paper's text: take it as indicative")


class Published(NamedTuple):
    """A published number, in per cent or percentage points, and how certain it is.

    Attributes:
        value: the number.
        certainty: how certain it is.
        digits: as many as the paper prints.
        signed: whether its sign is printed.
    """

    value: float
    certainty: Tag
    digits: int = 2
    signed: bool = False
