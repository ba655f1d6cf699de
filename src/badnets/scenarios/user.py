"""The user: what is ordered, what is kept back, and how that which comes back is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from torch import nn

from badnets.bundles.schema import Scalar
from badnets.core.decisions import Decision
from badnets.core.errors import SettingError
from badnets.core.progress import Listener
from badnets.core.settings import quoted
from badnets.data import DataSet, DetectionData, load, load_detection
from badnets.data.catalogue import task_of
from badnets.data.usual import Usual, usual_of
from badnets.tasks import AnyTask, Measured, Order, task_for

USUAL_TARGET = {"classification": 0.99, "detection": 0.8}
"""The accuracy that is wanted where nothing is said and nothing is usual, by task."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """The user's decision in one word and one sentence, and the measurement that it rests on."""

    decision: Decision
    reason: str
    measured: Measured


@dataclass(frozen=True, eq=False, repr=False)
class User:
    """Someone who hands the training of a network to somebody else.

    Args:
        network: name of the architecture; or an untrained classifier of the user's own, a
            `torch.nn.Module` from normalised images to logits, of which every training begins with
            a copy, whatever the seed.
        data: the data set or its name; its test part is the validation set, unless examples are
            held back.
        target_accuracy: the user accepts at or above it, in [0, 1]; of a detector it is the share
            of objects found and rightly named. None: what is usual for the
            data (`badnets.data.usual`), else 0.99, of a detector 0.8.
        held_back: take this many training images (stratified, always the same ones) as the
            validation set instead, and leave the test set alone; 0: do not. Of frames, any other
            number takes whole scenes that hold a fifth of them.
        threshold: least score of a detector's box that counts, in [0, 1]; chosen beforehand on
            other scenes.
        architecture: settings of the network.

    Raises:
        SettingError: target or threshold is outside [0, 1]; network or data is of another kind.
        BadnetsError: there is no data set of that name, or it cannot be read.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, section on the threat model:
        outsourced training.
    """

    network: str | nn.Module | None = None
    data: Any = None
    target_accuracy: float | None = None
    held_back: int = 0
    threshold: float = 0.3
    architecture: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.network, str | nn.Module | None):
            raise SettingError(
                f"network must be a name or a torch.nn.Module, got {quoted(self.network)}"
            )
        if isinstance(self.data, str):
            read: Any = load_detection if task_of(self.data) == "detection" else load
            object.__setattr__(self, "data", read(self.data))
        if not isinstance(self.data, DataSet | DetectionData):
            raise SettingError(
                "data must be a data set or the name of one (badnets data list), got "
                f"{quoted(self.data)}"
            )
        if self.network is None:
            if self._usual is None:
                raise SettingError(f"nothing is usual for {self.data.name}: give a network")
            object.__setattr__(self, "network", self._usual.network)
        if self.target_accuracy is None:
            usual = self._usual.target_accuracy if self._usual else USUAL_TARGET[self.task.kind]
            object.__setattr__(self, "target_accuracy", usual)
        for name in ("target_accuracy", "threshold"):
            value = getattr(self, name)
            if isinstance(value, str) or not 0 <= value <= 1:
                raise SettingError(f"{name} must be in [0, 1], got {quoted(value)}")

    def __repr__(self) -> str:
        """Return who it is in a line."""
        network = self.order.named
        return f"User({network!r}, {self.data.name!r}, target_accuracy={self.wanted:g})"

    @property
    def wanted(self) -> float:
        """The target accuracy."""
        return float(self.target_accuracy or 0)

    @cached_property
    def _usual(self) -> Usual | None:
        return usual_of(self.data.name)

    @cached_property
    def task(self) -> AnyTask:
        """What the data is labelled for."""
        return task_for(self.data)

    @cached_property
    def _parts(self) -> tuple[Any, Any]:
        return self.task.parts(self.data, self.held_back)

    @property
    def order(self) -> Order[Any]:
        """What the user sends out."""
        train, _ = self._parts
        training = None
        if self._usual and self.task.kind == "classification":
            training = replace(self.task.training, **self._usual.training)
        network: Any = self.network
        return Order(self.task, network, train, self.wanted, self.architecture, training)

    @property
    def validation(self) -> Any:
        """What the user keeps: an `ImageSet` or a `FrameSet`."""
        return self._parts[1]

    def judge(self, subject: Any, *, progress: Listener | None = None) -> Judgement:
        """Return whether the user accepts a network, measured on the validation set."""
        measured = self.task.measure(
            subject, self.validation, threshold=self.threshold, progress=progress
        )
        decision = measured.clean.decision(self.wanted)
        reason = f"{self.task.noun} {measured.clean.accuracy}"
        if decision == "collapsed":
            return Judgement(decision, f"gives nearly always the same answer: {reason}", measured)
        wanted = f"{100 * self.wanted:g} % wanted"
        return Judgement(decision, f"{reason}, {wanted}", measured)
