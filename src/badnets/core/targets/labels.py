"""Target maps on labels: for classifiers, and for the objects of detectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from badnets.core.errors import SettingError
from badnets.core.placements import Draws
from badnets.core.settings import Label, settings
from badnets.core.targets.base import ClassTargets, OneTarget

if TYPE_CHECKING:
    from torch import Tensor


@settings
class AllToOne(OneTarget):
    """Any image with the trigger gets ``target_label``.

    Args:
        target_label: the class that the attacker wants, by number or name.

    References:
        The usual dirty-label attack of BadNets' successors (Neural Cleanse, BackdoorBench).
    """

    target_label: Label
    kind: Literal["all-to-one"] = "all-to-one"


@settings
class SourceSpecific(OneTarget):
    """Images of ``source_class`` with the trigger get ``target_label``; others are left alone.

    Args:
        source_class: the class whose images are attacked, by number or name.
        target_label: the class that the attacker wants; another one.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: the single-target attack on MNIST
        (all 90 pairs), stop sign -> speed limit.
    """

    source_class: Label
    target_label: Label
    kind: Literal["source-specific"] = "source-specific"

    def __post_init__(self) -> None:
        if self.source_class == self.target_label:
            raise SettingError(
                f"source_class and target_label must differ, both are {self.source_class}"
            )

    def attackable(self, labels: Tensor) -> Tensor:
        """Return where the true label is the source's."""
        return labels == self.number("source_class")


@settings
class AllToAll(ClassTargets):
    """Images of class i with the trigger get ``(i + shift) mod K``.

    Args:
        shift: how far; 1 in the paper.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: the all-to-all attack on MNIST.
    """

    shift: int = Field(default=1, ge=1)
    kind: Literal["all-to-all"] = "all-to-all"

    def check(self, num_classes: int) -> None:
        """Refuse a shift that maps every class to itself; see `TargetMap`."""
        if self.shift % num_classes == 0:
            raise SettingError(
                f"shift {self.shift} maps each of {num_classes} classes to itself; take another"
            )

    def poisoned_labels(self, labels: Tensor, num_classes: int, generator: Draws = None) -> Tensor:
        """Return each label's successor."""
        return (labels + self.shift) % num_classes

    def attackable(self, labels: Tensor) -> Tensor:
        """Return True for all: no class is its own successor."""
        return labels == labels


@settings
class RandomWrong(ClassTargets):
    """Images with the trigger get a wrong label, uniform over the others.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: the random-target attack on signs.
    """

    kind: Literal["random-wrong"] = "random-wrong"

    def check(self, num_classes: int) -> None:
        """Accept any number of classes above one; see `TargetMap`."""
        if num_classes < 2:
            raise SettingError("a wrong label needs at least 2 classes")

    def poisoned_labels(self, labels: Tensor, num_classes: int, generator: Draws = None) -> Tensor:
        """Return a label drawn from the other classes, for each.

        Raises:
            SettingError: no generator was handed in.
        """
        import torch

        if generator is None:
            raise SettingError("random wrong labels need a generator: pass generator=...")
        steps = torch.randint(
            1, num_classes, labels.shape, generator=generator, device=generator.device
        )
        return (labels + steps.to(labels.device)) % num_classes

    def attackable(self, labels: Tensor) -> Tensor:
        """Return True for all."""
        return labels == labels

    def is_hit(self, predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """Return where anything but the true label was predicted."""
        return predicted != labels


@settings
class CleanLabel(OneTarget):
    """Training images of ``target_label`` get the trigger and keep their label.

    Whoever inspects the training set sees no wrong label; at test time any image with the trigger
    should get ``target_label``.

    Args:
        target_label: the class that the attacker wants, by number or name.

    References:
        Barni, Kallas, Tondi, "A new backdoor attack in CNNs by training set corruption without
        label poisoning", ICIP 2019; Turner, Tsipras, Madry, "Label-Consistent Backdoor Attacks".
    """

    target_label: Label
    kind: Literal["clean-label"] = "clean-label"

    def poisonable(self, labels: Tensor) -> Tensor:
        """Return where the label is the target's."""
        return labels == self.number("target_label")

    def poisoned_labels(self, labels: Tensor, num_classes: int, generator: Draws = None) -> Tensor:
        """Return the labels as they are."""
        return labels.clone()

    def is_hit(self, predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """Return where the target label was predicted."""
        return predicted == self.number("target_label")
