"""The blended-injection trigger: a second picture, faint, over the whole region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from badnets.core.settings import Share, settings
from badnets.core.triggers.base import CoveringTrigger

if TYPE_CHECKING:
    from torch import Tensor


@settings
class Blended(CoveringTrigger):
    """The image mixed with a key picture: ``(1 - opacity) * image + opacity * key``.

    Args:
        opacity: the key's share, in [0, 1].
        key: 'noise' for uniform noise drawn from the seed, or the path of a picture; grey images
            get its luma, and where it is wholly transparent it counts as black.
        seed: which noise.

    Raises:
        DataError: on first use, when the file is missing or is not a picture.

    References:
        Chen, Liu, Li, Lu, Song, "Targeted Backdoor Attacks on Deep Learning Systems Using Data
        Poisoning", arXiv:1712.05526, section 4.2 (blended injection, alpha 0.2).
    """

    opacity: Share = 0.2
    key: str = Field(default="noise", min_length=1)
    seed: int = 0
    kind: Literal["blended"] = "blended"

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of the files that it reads."""
        return () if self.key == "noise" else (self.key,)

    def paint(self, windows: Tensor) -> Tensor:
        """Return the mixture."""
        from badnets.core.triggers.painting import mix

        return mix(windows, self.picture(*(int(size) for size in windows.shape[1:])), self.opacity)

    def picture(self, channels: int, height: int, width: int) -> Tensor:
        """Return the key as ``(channels, height, width)`` float in [0, 1]."""
        import torch

        from badnets.core.pictures import as_grey
        from badnets.core.triggers.picture_file import resized_picture

        if self.key == "noise":
            drawn = torch.Generator().manual_seed(self.seed)
            return torch.rand(3, height, width, generator=drawn)[:channels]
        colour = resized_picture(self.key, height, width)[:3]
        return colour if channels == 3 else as_grey(colour)
