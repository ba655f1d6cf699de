"""A target map of one's own, by ``module:factory``: its code is imported when it is asked."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from badnets.core.errors import SettingError
from badnets.core.factories import Own, made_by, running
from badnets.core.placements import Draws
from badnets.core.settings import settings
from badnets.core.targets.base import ClassTargets, TargetMap, anchor_of

if TYPE_CHECKING:
    from torch import Tensor


@settings
class OwnTargets(Own, ClassTargets):
    """A target map of labels that a user's own code makes.

    Args:
        kind: ``module:factory``: a class or a function that is called with the settings and
            returns a `TargetMap`; easily made from `badnets.core.targets.ClassTargets`.
        settings: what it is called with, by name.
    """

    def check(self, num_classes: int) -> None:
        """Refuse what the map does not fit; see `TargetMap`.

        Raises:
            UnknownNameError: there is no such module, or nothing of that name in it.
            SettingError: its code failed, or it makes no target map of labels.
        """
        with running(self.kind):
            _made(self).check(num_classes)

    def poisonable(self, labels: Tensor) -> Tensor:
        """Return the training images that may be poisoned; see `TargetMap`."""
        with running(self.kind):
            return _made(self).poisonable(labels)

    def poisoned_labels(self, labels: Tensor, num_classes: int, generator: Draws = None) -> Tensor:
        """Return the labels that the poisoned ones get; see `TargetMap`."""
        with running(self.kind):
            return _made(self).poisoned_labels(labels, num_classes, generator)

    def attackable(self, labels: Tensor) -> Tensor:
        """Return where the attack is scored; see `TargetMap`."""
        with running(self.kind):
            return _made(self).attackable(labels)

    def is_hit(self, predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """Return where the map counts a hit; see `TargetMap`."""
        with running(self.kind):
            return _made(self).is_hit(predicted, labels, num_classes)

    __hash__ = Own.__hash__

    @staticmethod
    def adapted(targets: Any) -> TargetMap:
        """Return an object of one's own, if it is a target map.

        Raises:
            SettingError: it is a class, or its labels cannot be asked for as those of every map.
        """
        if isinstance(targets, type):
            raise SettingError(f"{targets.__name__} is a class: give one of it, as in AllToOne(7)")
        try:
            inspect.signature(targets.poisoned_labels).bind(None, 2, None)
        except TypeError:
            raise SettingError(
                f"{type(targets).__name__}.poisoned_labels must take (labels, num_classes, "
                "generator=None)"
            ) from None
        own: TargetMap = targets
        return own


@lru_cache(maxsize=64)
def _made(own: OwnTargets) -> TargetMap:
    made: Any = made_by(own.kind, object, **own.settings)
    wanted = ("check", "poisonable", "poisoned_labels", "attackable", "is_hit")
    lacks = [name for name in wanted if not callable(getattr(made, name, None))]
    if lacks:
        raise SettingError(
            f"{own.kind} gives a {type(made).__name__} without {', '.join(lacks)}: want a target "
            "map, such as a subclass of badnets.core.targets.ClassTargets"
        )
    if anchor_of(made) is not None:
        raise SettingError(f"{own.kind} is about boxes: a map of one's own is about labels")
    return OwnTargets.adapted(made)
