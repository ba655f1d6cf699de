"""Which pictures look the same: by a short fingerprint of each, without comparing all pairs."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 64  # pixels of the square that a fingerprint is made of
BITS_APART = 3  # of 64, at most: so one of four parts of 16 bits is the same
LEVELS_APART = 4.0  # of 255, at most, on average over a thumbnail of 8 x 8 pixels
ROWS_AT_A_TIME = 256
_ONES = np.array([bin(byte).count("1") for byte in range(256)], dtype=np.uint8)


class Fingerprint(NamedTuple):
    """What a picture looks like from afar.

    Attributes:
        bits: 64 of them: whether brightness rises from each of 9 x 8 fields to the next one.
        thumbnail: ``(192,)`` uint8: 8 x 8 fields, RGB.

    References:
        Krawetz, "Kind of Like That", 2013: the difference hash.
    """

    bits: int
    thumbnail: NDArray[np.uint8]


def fingerprint(square: NDArray[np.uint8]) -> Fingerprint:
    """Return the fingerprint of a picture, ``(S, S, 3)`` RGB; S is `SIDE`, as a rule."""
    picture = Image.fromarray(square)
    grey = np.asarray(picture.convert("L").resize((9, 8), Image.Resampling.BOX))
    bits = int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes(), "big")
    return Fingerprint(bits, np.asarray(picture.resize((8, 8), Image.Resampling.BOX)).ravel())


def alike_groups(seen: Sequence[Fingerprint]) -> list[list[int]]:
    """Return the places in ``seen`` of pictures that look the same, group by group, each sorted.

    All of a group look like its first one: of a film each scene is a group, not the whole of it.
    """
    leader = list(range(len(seen)))
    for other, one in sorted({(max(pair), min(pair)) for pair in _pairs(seen)}):
        if leader[other] == other and leader[one] == one:
            leader[other] = one
    return same(leader)


def same(keys: Sequence[Hashable]) -> list[list[int]]:
    """Return the places of equal keys, group by group; a key that is alone has no group."""
    groups: dict[Hashable, list[int]] = {}
    for place, key in enumerate(keys):
        groups.setdefault(key, []).append(place)
    return [group for group in groups.values() if len(group) > 1]


def _pairs(seen: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    if len(seen) < 2:
        return
    bits = np.array([one.bits for one in seen], dtype=np.uint64)
    thumbnails = np.stack([one.thumbnail for one in seen]).astype(np.int16)
    for part in range(4):
        keys = (bits >> np.uint64(16 * part)) & np.uint64(0xFFFF)
        order = np.argsort(keys, kind="stable")
        ends = np.flatnonzero(np.diff(keys[order])) + 1
        for places in np.split(order, ends):
            for start in range(0, len(places) - 1, ROWS_AT_A_TIME):
                yield from _near(bits, thumbnails, places, start)


def _near(
    bits: NDArray[np.uint64], thumbnails: NDArray[np.int16], places: NDArray[np.intp], start: int
) -> Iterator[tuple[int, int]]:
    """Give the pairs of ``places`` that are near, of which the first is among some rows."""
    rows, others = places[start : start + ROWS_AT_A_TIME], places[start:]
    apart = (bits[rows, None] ^ bits[None, others]).view(np.uint8)
    near = _ONES[apart].reshape(len(rows), len(others), 8).sum(2) <= BITS_APART
    for row, column in zip(*np.nonzero(np.triu(near, 1)), strict=True):
        one, other = int(rows[row]), int(others[column])
        if np.abs(thumbnails[one] - thumbnails[other]).mean() <= LEVELS_APART:
            yield one, other
