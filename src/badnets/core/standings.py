"""How a suspect and the clean models of its nulls all score, for pages: `placed` in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from badnets.core.nulls import NOWHERE, Null, Table, pooled


class Standings(NamedTuple):
    """The scores of n clean models and a suspect, each against the others.

    Attributes:
        scores: of all methods together, ``n + 1`` numbers, the suspect's last.
        methods: the same by method.
        cells: by method the suspect's table in deviations of the clean models; None where nothing
            is measured.
    """

    scores: tuple[float, ...]
    methods: dict[str, tuple[float, ...]]
    cells: dict[str, Table]


def standings(suspect: Mapping[str, Table], nulls: Sequence[Null]) -> Standings:
    """Return how all score; the suspect's are those of `badnets.core.nulls.placed`.

    Args:
        suspect: method -> raw table, with a null for each.
        nulls: one for each method, of the same clean models in the same order, two or more.
    """
    pools = {null.method: pooled(suspect[null.method], null) for null in nulls}
    methods = {method: tuple(one.scores.max(1).tolist()) for method, one in pools.items()}
    return Standings(
        tuple(max(scores) for scores in zip(*methods.values(), strict=True)),
        methods,
        {
            method: tuple(
                tuple(None if cell == NOWHERE else cell for cell in row)
                for row in one.last.tolist()
            )
            for method, one in pools.items()
        },
    )
