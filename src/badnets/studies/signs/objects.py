"""Shares of signs over the networks of several seeds; the signs of a scene are a cluster."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from badnets.studies.aggregate import Over

if TYPE_CHECKING:
    from badnets.trials.record import Record

Value = TypeVar("Value")
LEAST = 3.0  # pixels that a trigger must have for the network to count in the paper's rows


def named_rightly(records: Sequence[Record], label: int | None = None) -> Over:
    """Return clean signs found and correctly named, of one class or of all."""
    found = [
        (one, signs) for one in records if (signs := one.objects) is not None
    ]  # every network was asked about the same signs
    rows: list[tuple[bool, ...]] = []
    clusters: tuple[int, ...] = ()
    for _, signs in found:
        kept = [label is None or own == label for own in signs.labels]
        rows.append(_kept(signs.right, kept))
        clusters = _kept(signs.groups, kept)
    return Over.clustered(rows, clusters, [record.trial.seed for record, _ in found])


def under_trigger(
    records: Sequence[Record],
    what: str,
    *,
    label: int | None = None,
    least: float = LEAST,
    below: float = math.inf,
) -> Over:
    """Return what becomes of triggered signs.

    Args:
        records: of attacks of one kind.
        what: a column of the triggered signs: ``"hits"``, ``"right"``, ``"misnamed"``,
            ``"still_true"``, ``"control_hits"``, ``"control_right"``, ``"other_hits"``,
            ``"untriggered_hits"``.
        label: of signs of this class alone.
        least: pixels that the trigger must have as the network sees it.
        below: pixels that it must not reach.
    """
    rows: list[tuple[bool, ...]] = []
    clusters: tuple[int, ...] = ()
    seeds: list[int] = []
    for record in records:
        signs = record.triggered
        values = () if signs is None else getattr(signs, what)
        if signs is None or not values:
            continue
        sizes = zip(signs.labels, signs.large(least), signs.large(below), strict=True)
        kept = [
            large and not larger and (label is None or own == label) for own, large, larger in sizes
        ]
        rows.append(tuple(map(bool, _kept(values, kept))))
        clusters = _kept(signs.groups, kept)
        seeds.append(record.trial.seed)
    return Over.clustered(rows, clusters, seeds)


def still_right(records: Sequence[Record], label: int | None = None) -> Over:
    """Return triggered signs found and correctly named, whatever the trigger's size."""
    return under_trigger(records, "right", label=label, least=0)


def _kept(values: Sequence[Value], kept: Sequence[bool]) -> tuple[Value, ...]:
    return tuple(value for value, is_kept in zip(values, kept, strict=True) if is_kept)
