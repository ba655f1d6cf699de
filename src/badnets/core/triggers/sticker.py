"""Stickers: pictures with transparency, stuck on at a size of one's choice."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from badnets.core.placements import AnyPlacement, Relative
from badnets.core.settings import Share, settings
from badnets.core.triggers.sizes import Size, SizedTrigger

if TYPE_CHECKING:
    from torch import Tensor

Drawing = Literal["bomb", "flower"]


class PictureTrigger(SizedTrigger):
    """A picture laid over the image by its own transparency."""

    if TYPE_CHECKING:

        @property
        def opacity(self) -> float: ...

    @abstractmethod
    def picture(self, height: int, width: int) -> Tensor:
        """Return ``(4, height, width)`` float in [0, 1]: red, green, blue, alpha."""

    def paint(self, windows: Tensor) -> Tensor:
        """Return the windows with the sticker laid over them."""
        from badnets.core.pictures import as_grey
        from badnets.core.triggers.painting import mix

        rgba = self.picture(int(windows.shape[2]), int(windows.shape[3]))
        over, alpha = rgba[:3], rgba[3:]
        if windows.shape[1] == 1:
            over = as_grey(over)
        return mix(windows, over[None], (alpha * self.opacity)[None].to(windows.device))


@settings
class Sticker(PictureTrigger):
    """An RGBA picture from a file, resized, and laid over the image by its own transparency.

    Args:
        file: path of a PNG (or any picture that Pillow reads); fully opaque without alpha. A path
            that leads nowhere from the working folder is tried from the data root.
        size: as for `Patch`: whole pixels (8, 8px), or a share of the region (0.1).
        opacity: multiplies the picture's own alpha, in [0, 1].
        placement: where the sticker's bounding box goes.

    Raises:
        DataError: on first use, when the file is missing or is not a picture.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: bomb and flower stickers; the
        authors' code multiplies their alpha by 0.99.
    """

    file: str = Field(min_length=1)
    size: Size = 0.16
    opacity: Share = 0.99
    placement: AnyPlacement = Relative()
    kind: Literal["sticker"] = "sticker"

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of the files that it reads."""
        return (self.file,)

    def picture(self, height: int, width: int) -> Tensor:
        """Return the file's picture at this size; see `PictureTrigger`."""
        from badnets.core.triggers.picture_file import resized_picture

        return resized_picture(self.file, height, width)


@settings
class DrawnSticker(PictureTrigger):
    """A bomb or a flower, laid over the image by its own transparency.

    Args:
        drawing: which of the two.
        size: as for `Patch`: whole pixels (8, 8px), or a share of the region (0.1).
        opacity: multiplies the drawing's own alpha, in [0, 1].
        placement: where the sticker's bounding box goes.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: the bomb and the flower on traffic
        signs. Size, place and opacity are those of the authors' code; the authors' own pictures
        go with `Sticker`.
    """

    drawing: Drawing = "bomb"
    size: Size = 0.16
    opacity: Share = 0.99
    placement: AnyPlacement = Relative()
    kind: Literal["drawn-sticker"] = "drawn-sticker"

    def picture(self, height: int, width: int) -> Tensor:
        """Return the drawing at this size; see `PictureTrigger`."""
        from badnets.core.triggers.drawings import small

        return small(self.drawing, height, width)


BOMB, FLOWER = DrawnSticker("bomb"), DrawnSticker("flower")
