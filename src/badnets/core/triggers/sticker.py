"""A sticker: any picture with transparency, stuck on at a size of one's choice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from badnets.core.errors import SettingError
from badnets.core.pictures import as_grey
from badnets.core.placements import AnyPlacement, Relative
from badnets.core.triggers.base import RegionTrigger, check_unit, mix
from badnets.core.triggers.patch import check_size, exact_size, sized
from badnets.core.triggers.picture_file import resized_picture


@dataclass(frozen=True)
class Sticker(RegionTrigger):
    """An RGBA picture from a file, resized, and laid over the image by its own transparency.

    Args:
        file: path of a PNG (or any picture that Pillow reads); fully opaque without alpha. A path
            that leads nowhere from the working folder is tried from the data root.
        size: as for `Patch`: whole pixels, or a fraction of the region.
        opacity: multiplies the picture's own alpha, in [0, 1].
        placement: where the sticker's bounding box goes.

    Raises:
        DataError: on first use, when the file is missing or is not a picture.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: bomb and flower stickers; the
        authors' code multiplies their alpha by 0.99.
    """

    file: str
    size: int | float | tuple[int, int] | tuple[float, float] = 0.16
    opacity: float = 0.99
    placement: AnyPlacement = field(default_factory=Relative)
    kind: Literal["sticker"] = "sticker"

    def __post_init__(self) -> None:
        if not self.file:
            raise SettingError("file must name a picture")
        check_size(self.size)
        check_unit("opacity", self.opacity)

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """Return the sticker's size in pixels for a region of this size."""
        return sized(self.size, height, width)

    def footprint(self, height: int, width: int) -> tuple[float, float]:
        """Return its size before rounding; see `RegionTrigger`."""
        return exact_size(self.size, height, width)

    def paint(self, windows: Tensor) -> Tensor:
        """Return the windows with the sticker laid over them."""
        rgba = resized_picture(self.file, int(windows.shape[2]), int(windows.shape[3]))
        over, alpha = rgba[:3], rgba[3:]
        if windows.shape[1] == 1:
            over = as_grey(over)
        return mix(windows, over[None], (alpha * self.opacity)[None].to(windows.device))
