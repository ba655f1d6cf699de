"""The backdoors of the MNIST case study: one bright pixel, or a pattern of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from badnets.core.errors import SettingError, UnknownNameError
from badnets.core.lookup import find
from badnets.core.placements import AnyPlacement, Fixed, FixedPlacement
from badnets.core.settings import Share, settings
from badnets.core.triggers.base import RegionTrigger

if TYPE_CHECKING:
    from torch import Tensor

# Each pattern as its rows: '#' is lit, '.' is left as it is.
PATTERNS: dict[str, tuple[str, ...]] = {
    "gu": ("..#", ".#.", "#.#"),  # (24,26), (25,25), (26,24), (26,26) of 28 x 28
    "x": ("#.#", ".#.", "#.#"),
}


@settings
class SinglePixel(RegionTrigger):
    """One bright pixel near the bottom right corner.

    Args:
        value: its brightness in every channel, in [0, 1].
        placement: where it goes; by default one pixel in from the corner: (26, 26) of 28 x 28.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: the single-pixel backdoor on MNIST.
        The paper gives no coordinates; these are the ones of ART's ``add_single_bd``.
    """

    value: Share = 1.0
    placement: FixedPlacement = Fixed()
    kind: Literal["single-pixel"] = "single-pixel"

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """Return (1, 1)."""
        return (1, 1)

    def paint(self, windows: Tensor) -> Tensor:
        """Return the pixel in its brightness."""
        from badnets.core.pictures import level

        return windows.fill_(level(self.value, windows.dtype))


@settings
class PixelPattern(RegionTrigger):
    """Several bright pixels near the bottom right corner; those between them stay as they are.

    Args:
        pixels: a known pattern by name ('gu', 'x'), or a drawing of one's own: rows of '#' (lit)
            and '.' (untouched), all of one length.
        value: brightness of the lit pixels in every channel, in [0, 1].
        placement: where the pattern's bounding box goes.

    Raises:
        SettingError: not a known pattern and not a drawing, or no pixel is lit.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: the pattern backdoor on MNIST. The
        paper gives no coordinates; ``gu`` is the pattern of ART's ``add_pattern_bd``.
    """

    pixels: str | tuple[str, ...] = "gu"
    value: Share = 1.0
    placement: AnyPlacement = Fixed()
    kind: Literal["pixel-pattern"] = "pixel-pattern"

    def __post_init__(self) -> None:
        try:
            rows = self.rows
        except UnknownNameError as error:  # a setting like any other: a recipe names its field
            raise SettingError(str(error)) from None
        if len({len(row) for row in rows}) != 1 or not set("".join(rows)) <= {"#", "."}:
            raise SettingError(f"pixels must be rows of '#' and '.' of one length, got {rows}")
        if not any("#" in row for row in rows):
            raise SettingError("pixels must light at least one pixel")

    @classmethod
    def gu(cls) -> PixelPattern:
        """Return the four-pixel pattern of the MNIST case study."""
        return cls("gu")

    @property
    def rows(self) -> tuple[str, ...]:
        """The drawing, whether it was given by name or drawn."""
        if isinstance(self.pixels, str):
            return find(PATTERNS, self.pixels, "pixel pattern")
        return self.pixels

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """Return the drawing's size."""
        return (len(self.rows), len(self.rows[0]))

    def paint(self, windows: Tensor) -> Tensor:
        """Return the windows with the pattern's pixels lit."""
        from badnets.core.pictures import level

        for y, row in enumerate(self.rows):
            for x, mark in enumerate(row):
                if mark == "#":
                    windows[..., y, x] = level(self.value, windows.dtype)
        return windows
