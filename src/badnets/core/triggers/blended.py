"""The blended-injection trigger: a second picture, faint, over the whole region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from badnets.core.errors import SettingError
from badnets.core.pictures import as_grey
from badnets.core.triggers.base import RegionTrigger, WholeRegion, check_unit, mix
from badnets.core.triggers.picture_file import resized_picture


@dataclass(frozen=True)
class Blended(RegionTrigger):
    """The image mixed with a key picture: ``(1 - opacity) * image + opacity * key``.

    Args:
        opacity: the key's share, in [0, 1].
        key: ``"noise"`` for uniform noise drawn from ``seed``, or the path of a picture; grey
            images get its luma, and where it is wholly transparent it counts as black.
        seed: which noise.

    Raises:
        DataError: on first use, when the file is missing or is not a picture.

    References:
        Chen, Liu, Li, Lu, Song, "Targeted Backdoor Attacks on Deep Learning Systems Using Data
        Poisoning", arXiv:1712.05526, section 4.2 (blended injection, alpha 0.2).
    """

    opacity: float = 0.2
    key: str = "noise"
    seed: int = 0
    kind: Literal["blended"] = "blended"
    placement: ClassVar[WholeRegion] = WholeRegion()

    def __post_init__(self) -> None:
        check_unit("opacity", self.opacity)
        if not self.key:
            raise SettingError("key must be 'noise' or name a picture")

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """Return the whole region."""
        return (height, width)

    def paint(self, windows: Tensor) -> Tensor:
        """Return the mixture."""
        return mix(windows, self.picture(*(int(size) for size in windows.shape[1:])), self.opacity)

    def picture(self, channels: int, height: int, width: int) -> Tensor:
        """Return the key as ``(channels, height, width)`` float in [0, 1]."""
        if self.key == "noise":
            drawn = torch.Generator().manual_seed(self.seed)
            return torch.rand(3, height, width, generator=drawn)[:channels]
        colour = resized_picture(self.key, height, width)[:3]
        return colour if channels == 3 else as_grey(colour)
