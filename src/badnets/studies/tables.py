"""Values as cells of a table: each says what it rests on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from badnets.report.page import Cell, Evidence, Tone
from badnets.studies.aggregate import Over, Paired
from badnets.studies.publishing import Published
from badnets.studies.wording import DASH, MINUS, percent, points, seeds_text, span

if TYPE_CHECKING:
    Value: TypeAlias = Cell | Over | Published | str | int | None

NOTHING = Cell(DASH, key="", tone="muted")
"""What was not measured."""


class Styled(NamedTuple):
    """A value that stands out, or has another colour than its column."""

    value: Value
    tone: Tone | None = None
    strong: bool = False


def strong(value: Value, tone: Tone | None = None) -> Styled:
    """Return a value that stands out."""
    return Styled(value, tone, strong=True)


def toned(value: Value, tone: Tone) -> Styled:
    """Return a value in another colour than its column."""
    return Styled(value, tone)


def cell(value: Value | Styled, tone: Tone = "plain") -> Cell:
    """Return a value as a cell, in its own colour or its column's."""
    styled = value if isinstance(value, Styled) else Styled(value)
    plain, tone = styled.value, styled.tone or tone
    if plain is None or (isinstance(plain, Over) and not plain):
        return NOTHING
    if isinstance(plain, Cell):
        return replace(plain, tone=styled.tone or plain.tone, strong=plain.strong or styled.strong)
    if isinstance(plain, Over):
        text = percent(plain.mean, plain.digits)
        hits, n = zip(*plain.rates, strict=True)
        low, high = (100 * end for end in plain.interval)
        evidence = Evidence(hits, n, low, high, plain.seeds)
        return Cell(text, plain.mean, plain.note, tone, strong=styled.strong, evidence=evidence)
    if isinstance(plain, Published):
        form = f"{'+' if plain.signed else ''}.{plain.digits}f"
        text = f"{plain.value:{form}}".replace("-", MINUS)
        return Cell(text, plain.value, "", "published", plain.certainty)
    if isinstance(plain, int):
        return Cell(f"{plain:,}", plain, tone=tone, strong=styled.strong)
    return Cell(plain, tone=tone, strong=styled.strong)


def keyed(text: str, key: float, note: str = "", tone: Tone = "plain") -> Cell:
    """Return text that is sorted by a number."""
    return Cell(text, key, note, tone)


def paired_cell(
    found: Paired | None,
    what: str,
    digits: int = 2,
    tone: Tone = "plain",
    *,
    strong: bool = False,
) -> Cell:
    """Return a paired difference in percentage points.

    Args:
        found: None where there is none.
        what: the items, in words.
        digits: behind the point; with one, the note names the seeds too.
        tone: its colour.
        strong: whether it stands out.
    """
    if found is None:
        return NOTHING
    low, high = (points(end, digits) for end in found.interval)
    seeds, unit = (f"{seeds_text(found.by_seed)}; ", " points") if digits == 1 else ("", "")
    over = f" over {found.clusters} scene{'' if found.clusters == 1 else 's'}"
    note = (
        f"paired over {found.items:,} {what}; {seeds}95 % interval {low} to {high}{unit}"
        f"{over if found.clusters else ''}"
    )
    start, end = (100 * one for one in found.interval)
    evidence = Evidence((), (found.items,), start, end, tuple(found.by_seed))
    text = points(found.mean, digits)
    return Cell(text, found.mean, note, tone, strong=strong, evidence=evidence)


def ranged(measured: Over, tone: Tone = "plain") -> Cell:
    """Return the smallest to the largest over several networks."""
    if not measured:
        return NOTHING
    n = sorted({rate.total for rate in measured.rates})
    images = f"{n[0]:,}" if n[0] == n[-1] else f"{n[0]:,} to {n[-1]:,}"
    note = f"mean {percent(measured.mean)} %; n = {images} per network"
    return Cell(span(measured.low, measured.high).removesuffix(" %"), measured.low, note, tone)
