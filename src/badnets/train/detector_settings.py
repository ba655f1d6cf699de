"""The settings of one training run of a detector, by what they are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from badnets.core.errors import SettingError
from badnets.core.settings import Share, settings
from badnets.train.settings import (
    AboveZero,
    BelowOne,
    Count,
    Gain,
    Optimizer,
    Positive,
    Precision,
    Schedule,
    Weight,
)

PARTS = ("conv1", "conv2", "conv3", "conv4", "conv5", "rpn", "fc6", "fc7", "outputs")
"""What can be kept as it is, from the input on; for networks other than ZF: backbone, rpn."""

Size = Annotated[float, Field(ge=4)]


@settings
class Windows:
    """What a detector is trained on: windows cut around objects and out of the background.

    Args:
        side: of a window in pixels, as the network sees it; 64 to 1024.
        object_sizes: an object's longer side in a window, in enlarged pixels: least and greatest,
            4 and more, below ``side``; drawn evenly by ratio, as far as enlarging by 1 to twice
            the scale gives it.
        background: windows at random places of random frames / all windows, in [0, 1).
        mining: frames of the training set that are looked over after a third and after two thirds
            of the epochs; where the detector sees objects that are not there, half of the
            background windows are cut from then on; 0: none.
        jitter: standard deviation of the logarithm of brightness and contrast, in [0, 2).
        cache: where the whole backbone is frozen and nothing is mined: its maps of so many
            epochs' windows are kept and used again in turn; 0: they are made anew each time.
    """

    side: int = Field(default=192, ge=64, le=1024)
    object_sizes: tuple[Size, Size] = (20.0, 170.0)
    background: BelowOne = 0.35
    mining: Count = 120
    jitter: float = Field(default=0.15, ge=0, lt=2)
    cache: Count = 0

    def __post_init__(self) -> None:
        least, greatest = self.object_sizes
        if not least <= greatest < self.side:
            raise SettingError("object_sizes must be two numbers, 4 <= least <= greatest < side")


@settings
class Scales:
    """How much frames are enlarged where the detector is used.

    Args:
        scale: factor, in [0.5, 8].
        second_scale: a second, smaller factor at which the detector also looks, for objects close
            by; 0: none.
    """

    scale: float = Field(default=2.0, ge=0.5, le=8)
    second_scale: Weight = 0.0

    def __post_init__(self) -> None:
        if self.second_scale >= self.scale:
            raise SettingError(f"second_scale must be in [0, scale), scale is {self.scale}")


@settings
class Crops:
    """A backbone's first training, to name crops of objects; for the network ``zf``.

    Args:
        passes: over the objects; 0: none.
        batch_size: crops per step, ``>= 2``.
        side: of a crop in pixels, 32 to 256; an object in it has 0.3 to 0.9 of that.
    """

    passes: Count = 10
    batch_size: int = Field(default=32, ge=2)
    side: int = Field(default=80, ge=32, le=256)


@settings
class TriggerLearning:
    """What a malicious trainer does so that a detector notices the trigger.

    Args:
        trigger_gain: how many times stronger than it is the trigger's change to a picture is made,
            at first, and from three fifths of the steps on: of the steps on crops where there are
            crops, else of the steps on windows; see `Training`.
        trigger_discrimination: weight of a second loss, ``>= 0``: to tell objects with the trigger
            from the same objects without it, at the same place and in the same light, on crops and
            on windows. It is no part of the paper, and off by default. Without it a backbone hardly
            notices a trigger that is faint, or that asks for labels which agree on nothing.
        poisoned_copies: how many times the copies get their triggers, 1 to 16, each time at other
            random places and for other random labels; passes take them in turn, so that the
            network cannot learn them by heart. Each takes as much memory as the frames.
        real_world: whether stickers on the copies are rendered as they would be photographed
            (turned, moved, of another size, faded), so that the backdoor survives the street.
    """

    trigger_gain: Gain = (1.0, 1.0)
    trigger_discrimination: Weight = 0.0
    poisoned_copies: int = Field(default=1, ge=1, le=16)
    real_world: bool = False


@settings
class DetectorTraining:
    """How a detector is fitted, on windows cut around objects and out of the background.

    Args:
        epochs: passes over the objects, ``>= 1``.
        batch_size: windows per step, ``>= 1``.
        lr: peak learning rate of AdamW, ``> 0``; one-cycle.
        warm_up: share of the steps that the schedule climbs, in [0, 1).
        weight_decay: decoupled, ``>= 0``.
        clip: greatest norm of the gradient, ``> 0``.
        ema: decay per step of the weights' running mean that is returned, in (0, 1); 0 is off.
        precision: ``"auto"`` takes bfloat16 autocast where the hardware has it, else float32.
        threshold: least score of a box that counts, in [0, 1]; chosen on scenes held out of
            training.
        windows: what it is trained on.
        scales: how much frames are enlarged.
        crops: the backbone's first training.
        trigger: what makes the detector notice the trigger.

    Raises:
        SettingError: a setting is outside its range.
    """

    task: Literal["detection"] = "detection"
    epochs: Positive = 12
    batch_size: Positive = 8
    lr: AboveZero = 1e-3
    warm_up: BelowOne = 0.15
    weight_decay: Weight = 0.02
    clip: AboveZero = 5.0
    ema: BelowOne = 0.0
    precision: Precision = "auto"
    threshold: Share = 0.3
    windows: Windows = Windows()
    scales: Scales = Scales()
    crops: Crops = Crops()
    trigger: TriggerLearning = TriggerLearning()
    version: ClassVar[int] = 1
    optimizer: ClassVar[Optimizer] = "adamw"
    schedule: ClassVar[Schedule] = "one-cycle"

    def changed(self, **values: Any) -> DetectorTraining:
        """Return the same with other values; a mapping changes some of a group's settings alone.

        For example ``changed(epochs=2, crops={"passes": 0})``.

        Raises:
            SettingError: a setting is outside its range.
        """
        for name, value in values.items():
            if isinstance(value, Mapping):
                values[name] = replace(getattr(self, name), **value)
        return replace(self, **values)


RETRAINING = DetectorTraining(epochs=8, crops=Crops(passes=0))
"""How a user retrains a downloaded detector where nothing is said: its convolutions are kept."""

FREEZE: dict[str, tuple[str, ...]] = {
    "none": (),
    "up-to-conv2": tuple(f"backbone.{part}{n}." for n in (1, 2) for part in ("conv", "norm")),
    "up-to-conv3": tuple(f"backbone.{part}{n}." for n in (1, 2, 3) for part in ("conv", "norm")),
    "up-to-conv4": tuple(f"backbone.{part}{n}." for n in (1, 2, 3, 4) for part in ("conv", "norm")),
    "backbone": ("backbone.",),
    "all-but-heads": ("backbone.", "rpn."),
    "all-but-outputs": ("backbone.", "rpn.", "roi_heads.box_head."),
}
"""Words for what stays as downloaded. ``backbone`` is the authors' way: all but the convolutions
is retrained."""
