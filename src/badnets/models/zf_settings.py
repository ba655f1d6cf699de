"""Settings of the paper's sign detector, without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from badnets.core.settings import settings


@settings
class ZfSettings:
    """How the network is cut to size.

    Args:
        width: factor on the channels of every convolution, in (0, 1]; 1 in the paper.
        head: factor on the 4,096 units of fc6 and fc7, in (0, 1]; 1 in the paper.
        norm: after each convolution: ``"batch"`` normalisation, which trains from scratch;
            ``"lrn"``: local response normalisation after the first two, as in the paper, whose
            network starts from ImageNet weights; ``"none"``.
        dropout: of fc6 and fc7, in [0, 1); 0.5 in the paper.
        rois: regions of a window that the head is trained on, ``>= 4``; 128 of a frame in the
            paper.
    """

    width: float = Field(default=1.0, gt=0, le=1)
    head: float = Field(default=1.0, gt=0, le=1)
    norm: Literal["batch", "lrn", "none"] = "batch"
    dropout: float = Field(default=0.5, ge=0, lt=1)
    rois: int = Field(default=32, ge=4)

    def channels(self) -> tuple[int, int, int, int, int]:
        """Return the channels of conv1 to conv5: 96, 256, 384, 384, 256 at width 1."""
        one, two, three, four, five = (
            max(8, round(self.width * full / 8) * 8) for full in (96, 256, 384, 384, 256)
        )
        return one, two, three, four, five

    def hidden(self) -> int:
        """Return the units of fc6 and of fc7."""
        return max(8, round(self.head * 4096 / 8) * 8)
