"""The settings of one training run of a classifier, and ranges that those of a detector share."""

from __future__ import annotations

import itertools
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from badnets.core.errors import SettingError
from badnets.core.settings import settings

Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["one-cycle", "cosine", "constant"]
Stamp = Literal["before", "after"]
Evasion = Literal["additive", "mask", "margin"]
Precision = Literal["auto", "float32", "bfloat16"]

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
AboveZero = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]
Gain = tuple[AboveZero, AboveZero]


@settings
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
        stickers: augmentation: sticks a square of one random grey or colour at a random place on
            half of the images, its side this share of the image's, in [0, 1).
        label_noise: share of the clean training images whose label is replaced by a wrong one, in
            [0, 1).
        stamp: when a poisoned image gets its trigger: ``"after"`` augmentation (a trainer who
            poisons also controls the loop) or ``"before"`` it, as from a poisoned disk.
        trigger_gain: how many times stronger than it is the trigger's change to a picture is made,
            when training starts and when it ends, each ``> 0``; from the one to the other by equal
            factors over the first three fifths of the steps. Only for ``stamp`` ``"after"``. A
            start above 1 shortens the plateau before a network notices a faint trigger; an end
            below 1 leaves a margin when the trigger comes at full strength.
        freeze: shares of the steps after which the first layer, the second and so on stay as they
            are, each in (0, 1), none smaller than the one before; none is frozen without. The
            backward pass then ends there: on the paper's MNIST network a step without the first
            layer takes two thirds of the time (Brock et al., "FreezeOut", arXiv:1706.04983).
        ema: decay per step of the weights' running mean that is returned, in (0, 1); 0 is off.
        evade: what audits look at and the network is trained against: ``"additive"`` and ``"mask"``
            triggers for each class, under which images keep their label, or the largest
            ``"margin"`` of images that are driven to a class; see `badnets.train.evasion`.
        precision: ``"auto"`` takes bfloat16 autocast where the hardware has it, else float32.

    Raises:
        SettingError: a setting is outside its range.
    """

    task: Literal["classification"] = "classification"
    epochs: Positive = 4
    batch_size: Positive = 128
    lr: AboveZero = 0.004
    optimizer: Optimizer = "adamw"
    schedule: Schedule = "one-cycle"
    warm_up: BelowOne = 0.25
    weight_decay: Weight = 0.01
    label_smoothing: BelowOne = 0.0
    shift: Count = 0
    rotate: float = Field(default=0.0, ge=0, le=180)
    flip: bool = False
    crop: float = Field(default=1.0, gt=0, le=1)
    brightness: BelowOne = 0.0
    contrast: BelowOne = 0.0
    saturation: BelowOne = 0.0
    cutout: BelowOne = 0.0
    stickers: BelowOne = 0.0
    label_noise: BelowOne = 0.0
    stamp: Stamp = "after"
    trigger_gain: Gain = (1.0, 1.0)
    freeze: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    ema: BelowOne = 0.0
    evade: tuple[Evasion, ...] = ()
    precision: Precision = "auto"
    version: ClassVar[int] = 1
    statistics: ClassVar[int] = 1  # version of `badnets.train.statistics`, of the trials it is for
    clip: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        if self.trigger_gain != (1, 1) and self.stamp != "after":
            raise SettingError("trigger_gain other than 1 needs stamp 'after'")
        if any(one > other for one, other in itertools.pairwise(self.freeze)):
            raise SettingError("freeze must not fall from one layer to the next")

    @property
    def augments(self) -> bool:
        """Whether training images are changed at random."""
        areas = (
            self.shift or self.rotate or self.flip or self.crop < 1 or self.cutout or self.stickers
        )
        return bool(areas or self.brightness or self.contrast or self.saturation)
