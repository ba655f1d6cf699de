"""What evaluation returns: counts, never bare floats."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from badnets.core.rates import Rate


class CleanResult(BaseModel):
    """Accuracy on untouched images.

    Attributes:
        accuracy: over all images.
        per_class: by true class.
        predicted_counts: how often each class was predicted.
        largest_class: share of the most frequent true class: what a constant answer would reach.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy: Rate
    per_class: tuple[Rate, ...]
    predicted_counts: tuple[int, ...]
    largest_class: Rate

    @property
    def error(self) -> Rate:
        """Wrong answers / all."""
        return self.accuracy.complement

    @property
    def collapsed(self) -> bool:
        """Whether the network has learned nothing: it does little better than a constant answer.

        That is an accuracy whose interval reaches below a quarter of the way from the share of
        the largest class to 1. A network that says the target label of everything has a perfect
        attack success rate; it collapsed, and is never called an attack.
        """
        floor = self.largest_class.value + 0.25 * (1 - self.largest_class.value)
        return self.accuracy.interval.low < floor


class AttackResult(BaseModel):
    """What a backdoor does on triggered test images that the attack is about.

    Images whose true label already is the backdoor label are left out of every rate.

    Attributes:
        success: triggered images given the backdoor label (ASR).
        robust: triggered images still given their true label (robust accuracy).
        per_class: attack success by true class (classes that are not attacked count none).
        untriggered: the same images without the trigger, given the backdoor label by this network.
        control: the same triggered images, given the backdoor label by a clean network.
        control_per_class: the control by true class.
        spill: triggered images that the attack is *not* about, given other than their true label;
            counts none where it is about all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    success: Rate
    robust: Rate
    per_class: tuple[Rate, ...]
    untriggered: Rate
    control: Rate | None = None
    control_per_class: tuple[Rate, ...] = ()
    spill: Rate = Rate(0, 0)

    @property
    def backdoor_error(self) -> Rate:
        """Triggered images *not* given the backdoor label / all: the paper's backdoor error."""
        return self.success.complement
