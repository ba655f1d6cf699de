"""The settings of one training run."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from badnets.core.errors import SettingError

Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["one-cycle", "cosine", "constant"]
Stamp = Literal["before", "after"]
Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class Training:
    """How a classifier is fitted.

    Args:
        epochs: passes over the training set, ``>= 1``.
        batch_size: images per step, ``>= 1``; the last, smaller batch is left out where a full
            one exists.
        lr: peak learning rate, ``> 0``.
        optimizer: ``"adamw"`` or ``"sgd"`` (Nesterov momentum 0.9).
        schedule: ``"one-cycle"`` (linear up, cosine down), ``"cosine"`` or ``"constant"``.
        warm_up: share of the steps that the one-cycle schedule climbs, in [0, 1).
        weight_decay: ``>= 0``; decoupled for AdamW.
        label_smoothing: in [0, 1).
        shift: augmentation: moves each image by up to this many pixels on each axis, ``>= 0``.
        rotate: augmentation: turns each image by up to this many degrees, in [0, 180].
        flip: augmentation: mirrors half of the images.
        crop: augmentation: enlarges a random window of at least about this share of the image's
            area to the whole image, in (0, 1]; 1 is off.
        brightness: augmentation: multiplies each image by 1 plus or minus up to this, in [0, 1).
        contrast: augmentation: stretches each image about its mean likewise, in [0, 1).
        saturation: augmentation: stretches its colours about grey likewise, in [0, 1).
        cutout: augmentation: greys out a square whose side is this share of the image's, at a
            random place in each image, in [0, 1).
        stamp: when a poisoned image gets its trigger: ``"after"`` augmentation (a trainer who
            poisons also controls the loop) or ``"before"`` it, as from a poisoned disk.
        gain: how many times stronger than it is the trigger's change to a picture is made, when
            training starts and when it ends, each ``> 0``; from the one to the other by equal
            factors over the first three fifths of the steps. Only for ``stamp`` ``"after"``. A
            start above 1 shortens the plateau before a network notices a faint trigger; an end
            below 1 leaves a margin when the trigger comes at full strength.
        freeze: shares of the steps after which the first layer, the second and so on stay as they
            are, each in (0, 1), none smaller than the one before; none is frozen without. The
            backward pass then ends there: on the paper's MNIST network a step without the first
            layer takes two thirds of the time (Brock et al., "FreezeOut", arXiv:1706.04983).
        ema: decay per step of the weights' running mean that is returned, in (0, 1); 0 is off.
        precision: ``"auto"`` takes bfloat16 autocast where the hardware has it, else float32.

    Raises:
        SettingError: a setting is outside its range.
    """

    epochs: int = 4
    batch_size: int = 128
    lr: float = 0.004
    optimizer: Optimizer = "adamw"
    schedule: Schedule = "one-cycle"
    warm_up: float = 0.25
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    shift: int = 0
    rotate: float = 0.0
    flip: bool = False
    crop: float = 1.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    cutout: float = 0.0
    stamp: Stamp = "after"
    gain: tuple[float, float] = (1.0, 1.0)
    freeze: tuple[float, ...] = ()
    ema: float = 0.0
    precision: Precision = "auto"
    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    @property
    def augments(self) -> bool:
        """Whether training images are changed at random."""
        areas = self.shift or self.rotate or self.flip or self.crop < 1 or self.cutout
        return bool(areas or self.brightness or self.contrast or self.saturation)

    def __post_init__(self) -> None:
        _want(self.epochs >= 1, "epochs must be >= 1", self.epochs)
        _want(self.batch_size >= 1, "batch_size must be >= 1", self.batch_size)
        _want(0 < self.lr < math.inf, "lr must be > 0", self.lr)
        decay = self.weight_decay
        _want(0 <= decay < math.inf, "weight_decay must be >= 0", decay)
        smoothing = self.label_smoothing
        _want(0 <= smoothing < 1, "label_smoothing must be in [0, 1)", smoothing)
        _want(0 <= self.warm_up < 1, "warm_up must be in [0, 1)", self.warm_up)
        _want(self.shift >= 0, "shift must be >= 0 pixels", self.shift)
        _want(0 <= self.rotate <= 180, "rotate must be in [0, 180] degrees", self.rotate)
        _want(0 < self.crop <= 1, "crop must be in (0, 1]", self.crop)
        for name in ("brightness", "contrast", "saturation", "cutout"):
            value = getattr(self, name)
            _want(0 <= value < 1, f"{name} must be in [0, 1)", value)
        sound = len(self.gain) == 2 and all(0 < times < math.inf for times in self.gain)
        _want(sound, "gain must be two numbers > 0", self.gain)
        flat = all(times == 1 for times in self.gain)
        _want(flat or self.stamp == "after", "gain other than 1 needs stamp 'after'", self.gain)
        frozen = self.freeze
        _want(all(0 < share < 1 for share in frozen), "freeze must be in (0, 1)", frozen)
        rising = all(one <= other for one, other in itertools.pairwise(frozen))
        _want(rising, "freeze must not fall from one layer to the next", frozen)
        _want(0 <= self.ema < 1, "ema must be in [0, 1)", self.ema)
        for name, allowed in (
            ("optimizer", get_args(Optimizer)),
            ("schedule", get_args(Schedule)),
            ("stamp", get_args(Stamp)),
            ("precision", get_args(Precision)),
        ):
            value = getattr(self, name)
            _want(value in allowed, f"{name} must be one of {', '.join(allowed)}", repr(value))


def _want(holds: bool, expected: str, got: object) -> None:
    if not holds:
        raise SettingError(f"{expected}, got {got}")
