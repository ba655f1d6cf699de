"""Sizes of triggers: whole pixels, or shares of the region that they are placed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from badnets.core.placements import Pixels
from badnets.core.settings import quoted
from badnets.core.triggers.base import RegionTrigger

_PART = {"type": "number", "exclusiveMinimum": 0}
_PAIR = {"type": "array", "prefixItems": [_PART, _PART], "minItems": 2, "maxItems": 2}


def _size(value: Any) -> int | float | tuple[int | float, int | float]:
    if isinstance(value, list | tuple):
        if len(value) != 2:
            raise ValueError(f"must be one number, or height and width, got {quoted(value)}")
        return (_part(value[0]), _part(value[1]))
    return _part(value)


def _part(value: Any) -> int | float:
    """Return whole pixels as an int and a share as a float, also from text (``8``, ``8px``)."""
    size = value
    try:
        if isinstance(value, str):
            text = value.strip()
            size = int(text[:-2]) if text.endswith("px") else float(text)
        if 0 < size < 1:
            return float(size)
        if size >= 1 and int(size) == size and not isinstance(size, bool):
            return int(size)
    except (TypeError, ValueError, OverflowError):
        pass  # said below
    raise ValueError(
        f"must be whole pixels (3px) or a share of the region (0.1), got {quoted(value)}"
    )


Size = Annotated[
    int | float | tuple[int, int] | tuple[float, float],
    PlainValidator(_size),
    PlainSerializer(lambda size: size),
    WithJsonSchema({"anyOf": [_PART, _PAIR, {"type": "string"}]}),
]
"""Height and width, one number for both: whole pixels, or fractions in (0, 1) of the region's."""


class SizedTrigger(RegionTrigger):
    """A trigger with a setting ``size``."""

    if TYPE_CHECKING:

        @property
        def size(self) -> int | float | tuple[int, int] | tuple[float, float]: ...

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """Return the size in pixels for a region of this size; at least one."""
        down, across = self.footprint(height, width)
        return (max(1, round(down)), max(1, round(across)))

    def footprint(self, height: int, width: int) -> tuple[float, float]:
        """Return the size before it is rounded; see `RegionTrigger`."""
        down, across = self.size if isinstance(self.size, tuple) else (self.size, self.size)
        return (
            down * height if down < 1 else float(down),
            across * width if across < 1 else float(across),
        )


def covering(trigger: object, region: Pixels) -> str | None:
    """Return how much of a region a trigger with a size covers, in words; None of others.

    A size in pixels is written so that nobody takes it for a share, and the share stands beside it.
    """
    if not isinstance(trigger, SizedTrigger):
        return None
    from badnets.core.triggers import TRIGGERS

    (down, across), (height, width) = trigger.extent(*region), region
    name, share = TRIGGERS.short(trigger), ""
    if isinstance(size := trigger.size, int):
        name = name.replace(f":{size}", f":{size}px", 1)
        share = f" (a share of {size / height:.2g})"
    return f"{name}, {down} x {across} of {height} x {width} pixels{share}"
