"""What a target map asks for once the classes are others."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

from badnets.core.errors import SettingError
from badnets.core.targets.base import LABELS
from badnets.core.targets.labels import AllToAll

Map = TypeVar("Map")


def remap_targets(targets: Map, old: Sequence[str], new: Sequence[str]) -> Map | None:
    """Return the map that asks for the same classes among other ones; None where one is gone.

    Classes are the same where they have the same name. A map that names no class (random wrong)
    stays as it is; all-to-all needs every class in its place.

    Args:
        targets: a target map on labels of the old classes.
        old: names of the classes that it was made for.
        new: names of the classes that there are now.

    Raises:
        SettingError: one of its labels is not among the old classes.
    """
    if isinstance(targets, AllToAll):
        return targets if tuple(old) == tuple(new) else None
    changed: dict[str, Any] = {}
    for name in LABELS:
        label = getattr(targets, name, None)
        if label is None:
            continue
        if not 0 <= label < len(old):
            raise SettingError(f"{name} must be in 0..{len(old) - 1}, got {label}")
        if old[label] not in new:
            return None
        changed[name] = list(new).index(old[label])
    return dataclasses.replace(targets, **changed) if changed else targets  # type: ignore[type-var]
