"""The sinusoidal trigger (SIG): a faint vertical ripple over the whole region."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from badnets.core.errors import SettingError
from badnets.core.pictures import as_float
from badnets.core.triggers.base import RegionTrigger, WholeRegion, check_unit, in_float


@dataclass(frozen=True)
class Sinusoid(RegionTrigger):
    """The image plus ``amplitude * sin(2 pi column * frequency / width)``, clipped to [0, 1].

    Args:
        amplitude: height of the ripple, in [0, 1]; 20/255 in the paper for CIFAR-like images.
        frequency: waves across the region, ``> 0``. In a region of ``2 * frequency`` columns or
            fewer they are too narrow to show as such (in exactly so many nothing is left of them).

    References:
        Barni, Kallas, Tondi, "A new backdoor attack in CNNs by training set corruption without
        label poisoning", ICIP 2019, eq. 1 (f = 6).
    """

    amplitude: float = 20 / 255
    frequency: float = 6.0
    kind: Literal["sinusoid"] = "sinusoid"
    placement: ClassVar[WholeRegion] = WholeRegion()

    def __post_init__(self) -> None:
        check_unit("amplitude", self.amplitude)
        if not (self.frequency > 0 and math.isfinite(self.frequency)):
            raise SettingError(f"frequency must be > 0, got {self.frequency}")

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """Return the whole region."""
        return (height, width)

    def paint(self, windows: Tensor) -> Tensor:
        """Return the rippled windows."""
        width = windows.shape[-1]
        columns = torch.arange(width, device=windows.device, dtype=torch.float32)
        ripple = self.amplitude * torch.sin(2 * math.pi * columns * self.frequency / width)
        return in_float(windows, as_float(windows) + ripple)
