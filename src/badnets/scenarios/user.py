"""The user: what she orders, what she keeps to herself, and how she judges what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from badnets.core.errors import SettingError
from badnets.data import DataSet, ImageSet
from badnets.evaluate.classification import measure_clean
from badnets.evaluate.results import CleanResult
from badnets.models.subject import Subject

Verdict = Literal["accepted", "rejected", "collapsed"]


@dataclass(frozen=True, eq=False)
class Order:
    """What the trainer gets to see: never the validation set.

    Attributes:
        network: the architecture's name.
        train: the training set.
        target_accuracy: what the user asks for, in [0, 1].
    """

    network: str
    train: ImageSet
    target_accuracy: float


@dataclass(frozen=True, eq=False)
class Judgement:
    """The user's decision, and the one measurement that it rests on."""

    outcome: Verdict
    reason: str
    clean: CleanResult


@dataclass(frozen=True, eq=False)
class User:
    """Someone who hands the training of a network to somebody else.

    Args:
        network: name of the architecture.
        data: the data set; its test images are the validation set, unless images are held back.
        target_accuracy: she accepts at or above it, in [0, 1].
        held_back: take this many training images (stratified, always the same ones) as the
            validation set instead, and leave the test set alone; 0: do not.

    Raises:
        SettingError: the target is outside [0, 1].

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, section on the threat model:
        outsourced training.
    """

    network: str
    data: DataSet
    target_accuracy: float
    held_back: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.target_accuracy <= 1:
            raise SettingError(f"target_accuracy must be in [0, 1], got {self.target_accuracy}")

    @cached_property
    def _parts(self) -> tuple[ImageSet, ImageSet]:
        if self.held_back:
            return self.data.hold_back(self.held_back, seed=0)
        return self.data.train, self.data.test

    @property
    def order(self) -> Order:
        """What she sends out."""
        return Order(self.network, self._parts[0], self.target_accuracy)

    @property
    def validation(self) -> ImageSet:
        """What she keeps."""
        return self._parts[1]

    def judge(self, subject: Subject) -> Judgement:
        """Return whether she accepts the network, measured on her validation set."""
        clean = measure_clean(subject, self.validation)
        if clean.collapsed:
            return Judgement("collapsed", f"has learned nothing: accuracy {clean.accuracy}", clean)
        wanted = f"{100 * self.target_accuracy:g} % wanted"
        if clean.accuracy.value >= self.target_accuracy:
            return Judgement("accepted", f"accuracy {clean.accuracy}, {wanted}", clean)
        return Judgement("rejected", f"accuracy {clean.accuracy}, {wanted}", clean)
