"""What a target map asks for once the classes are others."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

from badnets.core.errors import SettingError, UnknownNameError
from badnets.core.lookup import unknown_name
from badnets.core.targets.base import LABELS
from badnets.core.targets.labels import AllToAll

Map = TypeVar("Map")


def named_classes(targets: object) -> dict[str, str]:
    """Return the classes that a map gives by name, by its fields."""
    held = {name: getattr(targets, name, None) for name in LABELS}
    return {name: label for name, label in held.items() if isinstance(label, str)}


def unknown_class(targets: object, classes: Sequence[str]) -> tuple[str, UnknownNameError] | None:
    """Return the field that names a class which is not there, and the error; None where all are."""
    for field, label in named_classes(targets).items():
        if label not in classes:
            return field, unknown_name(label, classes, "class")
    return None


def with_numbers(targets: Map, classes: Sequence[str]) -> Map:
    """Return the map with numbers for all classes that it gives by name.

    Args:
        targets: a target map; one without names stays as it is.
        classes: names of the classes, in the order of their numbers.

    Raises:
        UnknownNameError: there is no such class; names the nearest.
        SettingError: its two classes are the same.
    """
    if wrong := unknown_class(targets, classes):
        raise wrong[1]
    changed: dict[str, Any] = {
        field: list(classes).index(label) for field, label in named_classes(targets).items()
    }
    return dataclasses.replace(targets, **changed) if changed else targets  # type: ignore[type-var]


def of_classes(attack: Map, classes: Sequence[str]) -> Map:
    """Return an attack or a backdoor, its targets by number; see `with_numbers`."""
    own: Any = attack
    targets = with_numbers(own.targets, classes)
    return attack if targets is own.targets else dataclasses.replace(own, targets=targets)


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
        UnknownNameError: the same, of a name.
    """
    targets = with_numbers(targets, old)
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
