"""The sinusoidal trigger (SIG): a faint vertical ripple over the whole region."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from badnets.core.settings import Share, settings
from badnets.core.triggers.base import CoveringTrigger

if TYPE_CHECKING:
    from torch import Tensor


@settings
class Sinusoid(CoveringTrigger):
    """The image plus ``amplitude * sin(2 pi column * frequency / width)``, clipped to [0, 1].

    Args:
        amplitude: height of the ripple, in [0, 1]; 20/255 in the paper for CIFAR-like images.
        frequency: waves across the region. In a region of twice as many columns or fewer they are
            too narrow to show as such (in exactly so many nothing is left of them).

    References:
        Barni, Kallas, Tondi, "A new backdoor attack in CNNs by training set corruption without
        label poisoning", ICIP 2019, eq. 1 (f = 6).
    """

    amplitude: Share = 20 / 255
    frequency: float = Field(default=6.0, gt=0)
    kind: Literal["sinusoid"] = "sinusoid"

    def paint(self, windows: Tensor) -> Tensor:
        """Return the rippled windows."""
        import torch

        from badnets.core.pictures import as_float
        from badnets.core.triggers.painting import in_float

        width = windows.shape[-1]
        columns = torch.arange(width, device=windows.device, dtype=torch.float32)
        ripple = self.amplitude * torch.sin(2 * math.pi * columns * self.frequency / width)
        return in_float(windows, as_float(windows) + ripple)
