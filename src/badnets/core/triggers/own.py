"""A trigger of one's own, by ``module:factory``: its code is imported when an image comes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, ClassVar

from badnets.core.errors import SettingError, ShapeError
from badnets.core.factories import Own, found_at, made_by, running
from badnets.core.placements import Draws
from badnets.core.settings import settings
from badnets.core.triggers.base import CoveringTrigger, Trigger

if TYPE_CHECKING:
    from torch import Tensor

    from badnets.core.regions import Regions

_TOLD = ("regions", "generator")


@settings
class OwnTrigger(Own):
    """A trigger that a user's own code makes.

    Args:
        kind: ``module:factory``: a class or a function that is called with the settings and
            returns what is called with images; or a function whose first argument is ``images``,
            which is the trigger itself.
        settings: what it is called with, by name.
    """

    version: ClassVar[int] = 1
    __hash__ = Own.__hash__

    def __call__(
        self, images: Tensor, regions: Regions | None = None, generator: Draws = None
    ) -> Tensor:
        """Return a triggered copy; see `Trigger`.

        Raises:
            UnknownNameError: there is no such module, or nothing of that name in it.
            SettingError: its code failed, or what it makes cannot be called.
            ShapeError: it gives other than images like those that it gets.
        """
        with running(self.kind):
            return _made(self)(images, regions, generator)

    @staticmethod
    def adapted(trigger: Any) -> Trigger:
        """Return an object of one's own, so that it can be called as every trigger is.

        What does not take ``regions`` is called with what lies in each of them; what does not take
        ``generator`` is not told of it.

        Raises:
            SettingError: it is a class.
        """
        if isinstance(trigger, type):
            raise SettingError(f"{trigger.__name__} is a class: give one of it, as in Patch(0.1)")
        takes = _told(trigger)
        own: Trigger = trigger if len(takes) == len(_TOLD) else _Adapted(trigger, takes)
        return own


@lru_cache(maxsize=64)
def _made(own: OwnTrigger) -> Trigger:
    thing = found_at(own.kind)
    if inspect.isfunction(thing) and next(iter(inspect.signature(thing).parameters), "") in (
        "images",
        "image",
    ):
        trigger: Any = partial(thing, **own.settings) if own.settings else thing
    else:
        trigger = made_by(own.kind, object, **own.settings)
    if not callable(trigger):
        raise SettingError(
            f"{own.kind} gives a {type(trigger).__name__}: want what is called with images"
        )
    return _Adapted(trigger, _told(trigger))


def _told(trigger: Callable[..., Any]) -> tuple[str, ...]:
    """Return which of ``regions`` and ``generator`` it takes."""
    try:
        takes = inspect.signature(trigger).parameters
    except (TypeError, ValueError):
        return ()  # written in C
    anything = any(one.kind is one.VAR_KEYWORD for one in takes.values())
    return tuple(name for name in _TOLD if anything or name in takes)


@dataclass(frozen=True, eq=False)
class _Adapted:
    """What is called with images, as a trigger; see `OwnTrigger.adapted`."""

    call: Callable[..., Any]
    takes: tuple[str, ...]

    @property
    def kind(self) -> str:
        """Its own kind, or what it is called."""
        name = getattr(self.call, "__name__", type(self.call).__name__)
        return str(getattr(self.call, "kind", name))

    def __call__(
        self, images: Tensor, regions: Regions | None = None, generator: Draws = None
    ) -> Tensor:
        from torch import Tensor

        from badnets.core.pictures import check_images
        from badnets.core.triggers.painting import painted

        if regions is not None and "regions" not in self.takes:
            covering: Any = _Covering(partial(self, generator=generator))
            return painted(covering, images, regions, None)
        images = check_images(images)
        told = {"regions": regions, "generator": generator}
        given = self.call(images.clone(), **{name: told[name] for name in self.takes})
        own, wanted = (
            f"{tuple(one.shape)} {str(one.dtype).removeprefix('torch.')}"
            if isinstance(one, Tensor)
            else type(one).__name__
            for one in (given, images)
        )
        if own != wanted:
            raise ShapeError(
                f"the trigger {self.kind} must give images like those that it gets, {wanted}, "
                f"got {own}"
            )
        stamped: Tensor = given
        return stamped


@dataclass(frozen=True, eq=False)
class _Covering(CoveringTrigger):
    """Paints regions as a whole by a call."""

    call: Callable[[Tensor], Tensor]

    def paint(self, windows: Tensor) -> Tensor:
        return self.call(windows)
