"""What a task is: how its examples are read, poisoned, learned and measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from torch import nn

from badnets.bundles.schema import Scalar
from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError
from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.evaluate.classification import Attack
from badnets.evaluate.object_results import ObjectResults, TriggeredObjectResults
from badnets.evaluate.results import AttackResult, CleanResult, Survival
from badnets.models.heads import head_tensors
from badnets.models.network_subject import WholeNetwork
from badnets.train.checkpoint import Checkpoint
from badnets.train.freezing import tensors_of
from badnets.train.loop import Fitted

DataT = TypeVar("DataT")
PartT = TypeVar("PartT")
SubjectT = TypeVar("SubjectT", bound=WholeNetwork)
TrainingT = TypeVar("TrainingT")
RowsT = TypeVar("RowsT")


@dataclass(frozen=True, eq=False)
class Order(Generic[PartT]):
    """What the trainer gets to see: never the validation set.

    Attributes:
        task: what is to be learned.
        network: the architecture's name, or an untrained network of the user's own.
        train: the training set.
        target_accuracy: what the user asks for, in [0, 1].
        architecture: settings of the network.
        training: how such a network is usually trained: what a trainer does who has no ideas of
            their own; None: as is usual for the task.
    """

    task: AnyTask
    network: str | nn.Module
    train: PartT
    target_accuracy: float
    architecture: Mapping[str, Scalar] = field(default_factory=dict)
    training: Any = None

    @property
    def named(self) -> str:
        """What the architecture is called."""
        return self.network if isinstance(self.network, str) else type(self.network).__name__


@dataclass(frozen=True, eq=False)
class Poisoned(Generic[RowsT]):
    """A poisoned training set.

    Attributes:
        rows: what is trained on.
        share: poisoned / all rows.
        skipped: objects left unpoisoned because the trigger would cover less than a pixel of them.
    """

    rows: RowsT
    share: Rate
    skipped: int = 0


@dataclass(frozen=True, eq=False)
class Measured:
    """What a network makes of clean examples; of a detector also object by object."""

    clean: CleanResult
    objects: ObjectResults | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Attacked:
    """What a network makes of triggered examples.

    Attributes:
        attack: the attack's counts; None where its target class is gone, or none is asked for.
        objects: of a detector: object by object.
        survival: of a retrained classifier: what the trigger still costs, whatever is answered.
    """

    attack: AttackResult | None = None
    objects: TriggeredObjectResults | None = None
    survival: Survival | None = None


class Task(ABC, Generic[DataT, PartT, SubjectT, TrainingT, RowsT]):
    """One kind of learning task; `badnets.tasks.TASKS` holds one object of each.

    Type parameters: a data set, one part of it, the subject that methods see, the settings of
    training, and the rows that are trained on.

    Attributes:
        kind: ``"classification"`` or ``"detection"``: what data sets, bundles and settings say.
        network: the network where none is named.
        freeze: what stays as downloaded where nothing is said.
        training: settings where none are given; ``retraining``: of a downloaded network.
        noun: what accuracy is a share of, in the user's words.
        subject: what bundles of this task hold.
    """

    kind: ClassVar[str]
    network: ClassVar[str]
    freeze: ClassVar[str]
    noun: ClassVar[str]
    subject: type[SubjectT]
    training: TrainingT
    retraining: TrainingT

    @abstractmethod
    def load(self, name: str, root: Path | None) -> DataT:
        """Return the data set of that name; see `badnets.data.load`."""

    @abstractmethod
    def limited(self, data: DataT, count: int, seed: int) -> DataT:
        """Return the data with a seeded sample of ``count`` training examples, if it has more."""

    @abstractmethod
    def parts(self, data: DataT, held_back: int) -> tuple[PartT, PartT]:
        """Return what is trained on, and what the user keeps for validation.

        Args:
            data: the data set.
            held_back: 0: the test set is kept. Else the test set is left alone and so many training
                images (always the same) are kept; of frames, a fifth by whole scenes.
        """

    @abstractmethod
    def split(self, part: PartT, count: int, seed: int) -> tuple[PartT, PartT]:
        """Return ``(rest, drawn)``: about ``count`` examples are drawn, of each class alike."""

    @abstractmethod
    def first(
        self, order: Order[PartT], training: TrainingT, start: SubjectT | None, seed: int
    ) -> SubjectT:
        """Return what training starts from: a network given, or random weights.

        Raises:
            SettingError: the network given is not of the architecture ordered.
            UnknownNameError: there is no such architecture.
        """

    @abstractmethod
    def rows(self, part: PartT) -> RowsT:
        """Return clean examples as they are trained on."""

    @abstractmethod
    def poison(
        self, part: PartT, backdoor: Backdoor, training: TrainingT, *, seed: int
    ) -> Poisoned[RowsT]:
        """Return the poisoned training set.

        Raises:
            SettingError: the backdoor does not fit the classes, or asks for more than can be
                poisoned.
        """

    @abstractmethod
    def fit(
        self,
        subject: SubjectT,
        rows: RowsT,
        training: TrainingT,
        *,
        seed: int,
        frozen: Collection[str] = (),
        progress: Listener | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Fitted[SubjectT]:
        """Return a trained copy; ``frozen`` holds names of weights that stay as they are."""

    @abstractmethod
    def claims(self, training: TrainingT) -> dict[str, Scalar]:
        """Return what a maker would say of the training in a bundle's claims."""

    @abstractmethod
    def validation_words(self, data: str) -> str:
        """Return what claimed accuracy was measured on, in words."""

    def threshold(self, training: TrainingT) -> float:
        """Return the least score of a box that counts; 0 where there are no boxes."""
        return float(getattr(training, "threshold", 0.0))

    @abstractmethod
    def measure(
        self,
        subject: SubjectT,
        part: PartT,
        *,
        threshold: float,
        progress: Listener | None = None,
    ) -> Measured:
        """Return what the network makes of clean examples; ``threshold`` is for boxes' scores."""

    @abstractmethod
    def measure_attack(
        self,
        subject: SubjectT,
        part: PartT,
        attack: Attack,
        clean: Measured,
        *,
        control: SubjectT | None = None,
        seed: int = 0,
        progress: Listener | None = None,
    ) -> Attacked:
        """Return what triggers do to a network, and to a clean one beside it.

        Raises:
            SettingError: classes differ, or none of the examples can be attacked.
        """

    @abstractmethod
    def retrainable(
        self, subject: SubjectT, part: PartT, training: TrainingT, *, seed: int
    ) -> SubjectT:
        """Return a copy to be retrained: outputs for other classes are fresh, the same ones stay.

        Raises:
            SettingError: the network takes no such examples, or has no outputs to renew.
        """

    def frozen(
        self, subject: SubjectT, freeze: str | Sequence[str], *, fresh: bool
    ) -> frozenset[str]:
        """Return the names of the weights that stay as they are in retraining.

        Args:
            subject: what is retrained.
            freeze: one of the task's words, or names of layers, each with all inside it.
            fresh: whether the outputs are new, and so must be trained.

        Raises:
            UnknownNameError: there is no such layer; names the nearest.
            SettingError: there is no such word; or fresh outputs would stay as they are, or
                everything.
        """
        network: nn.Module = subject.network
        if isinstance(freeze, str):
            kept = self.named_by(subject, freeze)
        else:
            kept = tensors_of(network, freeze)
        head = head_of(subject) if fresh and kept else frozenset()
        if kept & head:
            raise SettingError(
                f"freeze holds the head ({', '.join(sorted(kept & head))}), which is new for the "
                "user's classes: leave it out"
            )
        if kept >= set(network.state_dict()):
            raise SettingError("freeze holds all layers: leave at least one to train")
        return kept

    @abstractmethod
    def named_by(self, subject: SubjectT, word: str) -> frozenset[str]:
        """Return the names of the weights that one of the task's words for ``freeze`` means.

        Raises:
            SettingError: there is no such word, or the network has no such parts.
        """

    @abstractmethod
    def share(self, part: PartT, share: float, seed: int, *, least: int = 0) -> PartT:
        """Return about a share of a user's training set: of each class alike, or whole scenes.

        Args:
            part: the training set.
            share: in (0, 1].
            seed: which images.
            least: so many of each class, where there are so many: a class of which the share holds
                fewer is given more. Of scenes nothing is said.
        """

    @abstractmethod
    def measure_survival(
        self,
        subject: SubjectT,
        part: PartT,
        attack: Attack,
        clean: Measured,
        *,
        downloaded: SubjectT,
        retrained_on: int,
        trained: Rate,
        control: SubjectT | None = None,
        seed: int = 0,
        progress: Listener | None = None,
    ) -> Attacked:
        """Return what is left of a downloaded network's backdoor after retraining."""


def head_of(subject: WholeNetwork) -> frozenset[str]:
    """Return the names of the weights that another number of classes would change."""
    return head_tensors(
        subject.architecture,
        subject.input.shape,
        subject.num_classes,
        kind=type(subject),
        settings=subject.settings,
    )


AnyTask: TypeAlias = Task[Any, Any, Any, Any, Any]
