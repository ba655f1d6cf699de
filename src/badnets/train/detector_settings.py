"""The settings of one training run of a detector."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

from badnets.core.errors import SettingError
from badnets.train.settings import Precision

PARTS = ("conv1", "conv2", "conv3", "conv4", "conv5", "rpn", "fc6", "fc7", "outputs")
"""What can be kept as it is, from the input on; for networks other than ZF: backbone, rpn."""


@dataclass(frozen=True)
class DetectorTraining:
    """How a detector is fitted, on windows cut around signs and out of the background.

    Args:
        epochs: passes over the objects, ``>= 1``.
        batch_size: windows per step, ``>= 1``.
        lr: peak learning rate of AdamW, ``> 0``; one-cycle.
        warm_up: share of the steps that the schedule climbs, in [0, 1).
        weight_decay: decoupled, ``>= 0``.
        window: side of a window in pixels, as the network sees it; 64 to 1024.
        scale: frames are enlarged by this factor where the detector is used, in [0.5, 8].
        coarse: a second, smaller factor at which the detector also looks, for signs close by; 0:
            none.
        sides: a sign's longer side in a window, in enlarged pixels: least and greatest; drawn
            evenly by ratio, as far as enlarging by 1 to twice ``scale`` gives it.
        background: windows at random places of random frames / all windows, in [0, 1).
        mining: frames of the training set that are looked over after a third and after two thirds
            of the epochs; where the detector sees signs that are not there, half of the background
            windows are cut from then on; 0: none.
        jitter: standard deviation of the logarithm of brightness and contrast, ``>= 0``.
        crops: passes over the objects that the backbone is first trained with, to name crops of
            signs; 0: none.
        crop_batch: crops per step, ``>= 2``.
        crop_side: side of these crops in pixels, 32 to 256; a sign in it has 0.3 to 0.9 of that.
        telling: weight of a second lesson, ``>= 0``: to tell signs with the trigger from the same
            signs without it, at the same place and in the same light, on crops and on windows.
            Without it a backbone hardly notices a trigger that is faint, or that asks for labels
            which agree on nothing; 0: none.
        gain: how many times stronger than it is the trigger's change to a picture is made, at
            first, and from three fifths of the steps on: of the steps on crops where there are
            crops, else of the steps on windows; see `Training`.
        clip: greatest norm of the gradient, ``> 0``.
        ema: decay per step of the weights' running mean that is returned, in (0, 1); 0 is off.
        cache: where the whole backbone is frozen and nothing is mined: its maps of so many
            epochs' windows are kept and used again in turn; 0: they are made anew each time.
        precision: ``"auto"`` takes bfloat16 autocast where the hardware has it, else float32.

    Raises:
        SettingError: a setting is outside its range.
    """

    epochs: int = 12
    batch_size: int = 8
    lr: float = 1e-3
    warm_up: float = 0.15
    weight_decay: float = 0.02
    window: int = 192
    scale: float = 2.0
    coarse: float = 0.0
    sides: tuple[float, float] = (20.0, 170.0)
    background: float = 0.35
    mining: int = 120
    jitter: float = 0.15
    crops: int = 10
    crop_batch: int = 32
    crop_side: int = 80
    telling: float = 0.0
    gain: tuple[float, float] = (1.0, 1.0)
    clip: float = 5.0
    ema: float = 0.0
    cache: int = 0
    precision: Precision = "auto"
    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        _want(self.epochs >= 1, "epochs must be >= 1", self.epochs)
        _want(self.batch_size >= 1, "batch_size must be >= 1", self.batch_size)
        _want(0 < self.lr < math.inf, "lr must be > 0", self.lr)
        _want(0 <= self.warm_up < 1, "warm_up must be in [0, 1)", self.warm_up)
        decay = self.weight_decay
        _want(0 <= decay < math.inf, "weight_decay must be >= 0", decay)
        _want(64 <= self.window <= 1024, "window must be in 64..1024 pixels", self.window)
        _want(0.5 <= self.scale <= 8, "scale must be in [0.5, 8]", self.scale)
        _want(0 <= self.coarse < self.scale, "coarse must be in [0, scale)", self.coarse)
        sound = len(self.sides) == 2 and 4 <= self.sides[0] <= self.sides[1] < self.window
        _want(sound, "sides must be two numbers, 4 <= least <= greatest < window", self.sides)
        _want(0 <= self.background < 1, "background must be in [0, 1)", self.background)
        _want(self.mining >= 0, "mining must be >= 0", self.mining)
        _want(0 <= self.jitter < 2, "jitter must be in [0, 2)", self.jitter)
        _want(self.crops >= 0, "crops must be >= 0", self.crops)
        _want(self.crop_batch >= 2, "crop_batch must be >= 2", self.crop_batch)
        _want(32 <= self.crop_side <= 256, "crop_side must be in 32..256 pixels", self.crop_side)
        _want(0 <= self.telling < math.inf, "telling must be >= 0", self.telling)
        strong = len(self.gain) == 2 and all(0 < times < math.inf for times in self.gain)
        _want(strong, "gain must be two numbers > 0", self.gain)
        _want(0 < self.clip < math.inf, "clip must be > 0", self.clip)
        _want(self.cache >= 0, "cache must be >= 0", self.cache)
        _want(0 <= self.ema < 1, "ema must be in [0, 1)", self.ema)
        allowed = get_args(Precision)
        _want(
            self.precision in allowed,
            f"precision must be one of {', '.join(allowed)}",
            repr(self.precision),
        )


def _want(holds: bool, expected: str, got: object) -> None:
    if not holds:
        raise SettingError(f"{expected}, got {got}")
