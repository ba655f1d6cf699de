"""The contract of target maps, and what most of them have in common. Described without torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, runtime_checkable

from badnets.core.errors import SettingError
from badnets.core.placements import Draws

if TYPE_CHECKING:
    from torch import Tensor

NOTHING = -1
"""The label that stands for "no object": written, the box goes; answered, none was found."""

Anchor = Literal["object", "image", "nowhere"]
"""What a trigger is put on: each attacked object, the image as a whole, or a place of its own."""

LABELS = ("source_class", "target_label")
"""Settings of target maps that are classes of the data set."""


@runtime_checkable
class TargetMap(Protocol):
    """Which images an attack is about, and what the network is to say of them.

    A map has two faces. The trainer asks which of his training images to copy and what label to
    write on the copies (``poisonable``, ``poisoned_labels``); whoever measures asks which test
    images count and whether an answer is the backdoor's (``attackable``, ``is_hit``). Labels are
    ``(N,)`` int64 in ``0..num_classes - 1``. Any object of this kind can stand in a `Backdoor`;
    what is to be written down must be a member of `TARGET_MAPS`, or named as ``module:factory``.
    """

    def check(self, num_classes: int) -> None:
        """Refuse a number of classes that the map's own labels do not fit.

        Raises:
            SettingError: a label is outside ``0..num_classes - 1``.
        """

    def poisonable(self, labels: Tensor) -> Tensor:
        """Return ``(N,)`` bool: the training images that may be poisoned."""

    def poisoned_labels(self, labels: Tensor, num_classes: int, generator: Draws = None) -> Tensor:
        """Return ``(N,)`` int64: the labels that the poisoned ones get."""

    def attackable(self, labels: Tensor) -> Tensor:
        """Return ``(N,)`` bool: the test images that the attack is scored on.

        Images whose true label already is the backdoor label are never among them.
        """

    def is_hit(self, predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """Return ``(N,)`` bool: whether ``predicted`` is what the attacker wants."""


class ClassTargets(ABC):
    """A target map from the class of each image or object.

    A subclass says which classes are attacked and what label they get; by default the same ones
    are poisoned, and the label that a copy gets is the answer that counts.

    Attributes:
        anchor: what a map for boxes puts triggers on; None for a map of labels, which serves both
            tasks: for a detector it relabels the objects with the trigger.
    """

    version: ClassVar[int] = 1
    anchor: ClassVar[Anchor | None] = None

    if TYPE_CHECKING:

        @property
        def kind(self) -> str: ...

    def check(self, num_classes: int) -> None:
        """Refuse a label outside the classes; see `TargetMap`."""
        for name in LABELS:
            if getattr(self, name, None) is None:
                continue
            label = self.number(name)
            if not 0 <= label < num_classes:
                raise SettingError(
                    f"{name} must be in 0..{num_classes - 1} for {num_classes} classes, got {label}"
                )

    def number(self, name: str) -> int:
        """Return the number of the class that one of the map's `LABELS` is.

        Raises:
            SettingError: it is still a name; see `badnets.core.targets.with_numbers`.
        """
        label = getattr(self, name)
        if isinstance(label, str):
            raise SettingError(
                f"{name} {label!r} is a class's name, and the names of the classes are not known "
                "here: give its number"
            )
        return int(label)

    def poisonable(self, labels: Tensor) -> Tensor:
        """Return where the label is attacked; see `TargetMap`."""
        return self.attackable(labels)

    @abstractmethod
    def poisoned_labels(self, labels: Tensor, num_classes: int, generator: Draws = None) -> Tensor:
        """Return the labels that the poisoned ones get; see `TargetMap`."""

    @abstractmethod
    def attackable(self, labels: Tensor) -> Tensor:
        """Return where the attack is scored; see `TargetMap`."""

    def is_hit(self, predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """Return where the label of a poisoned copy was predicted; see `TargetMap`."""
        return predicted == self.poisoned_labels(labels, num_classes)


class OneTarget(ClassTargets):
    """A map that asks for one class: any other is attacked, and copies get its label."""

    if TYPE_CHECKING:

        @property
        def target_label(self) -> int | str: ...

    def poisoned_labels(self, labels: Tensor, num_classes: int, generator: Draws = None) -> Tensor:
        """Return the target label for all."""
        return labels.clone().fill_(self.number("target_label"))

    def attackable(self, labels: Tensor) -> Tensor:
        """Return where the true label is another."""
        return labels != self.number("target_label")


def anchor_of(targets: TargetMap) -> Anchor | None:
    """Return what a map for boxes puts triggers on; None for a map of labels."""
    anchor: Anchor | None = getattr(targets, "anchor", None)
    return anchor


def kind_of(targets: object) -> str:
    """Return a map's kind; for one of somebody's own its class."""
    return str(getattr(targets, "kind", type(targets).__name__))
