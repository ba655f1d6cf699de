"""Published numbers beside measured ones: each says how certain it is."""

from __future__ import annotations

from typing import NamedTuple

from badnets.report.page import Tag

VERIFIED = Tag(
    "v",
    "verified",
    "stated by the paper's abstract, or alike by several independent accounts of it",
)
RECALLED = Tag(
    "r", "recalled", "from memory of the paper, not checked against its text: take it as indicative"
)


class Published(NamedTuple):
    """A published number, in per cent or percentage points, and how certain it is."""

    value: float
    certainty: Tag


CERTAINTY = (
    "Published numbers carry a letter for how certain it is that the paper says so: "
    f"{VERIFIED.letter} for {VERIFIED.word} ({VERIFIED.meaning}), {RECALLED.letter} for "
    f"{RECALLED.word} ({RECALLED.meaning})."
)
