"""The contract of repairs: a subject and clean images in, a new subject out.

A repair knows neither the attack that it is up against nor another repair.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict

from badnets.core.errors import DataError
from badnets.core.rates import Rate
from badnets.core.registry import Registry
from badnets.core.verdicts import Conclusion
from badnets.evaluate.results import AttackResult, CleanResult

if TYPE_CHECKING:
    from badnets.core.progress import Listener

HELD = 0.25  # of the clean images are kept to measure on
FEWEST = 2  # clean images of each class


class Parts(NamedTuple):
    """The user's clean images: what a network is repaired with, and what it is measured on.

    Attributes:
        used: an `ImageSet`.
        held: another, which no repair learns from.
    """

    used: Any
    held: Any

    @classmethod
    def of(cls, clean: Any, seed: int) -> Parts:
        """Return both parts of an `ImageSet`, each with images of all classes.

        Raises:
            DataError: there are fewer than `FEWEST` images of a class.
        """
        few = [
            name for name, count in zip(clean.classes, clean.counts, strict=True) if count < FEWEST
        ]
        if few:
            raise DataError(
                f"a repair needs {FEWEST} clean images or more of each class, and of "
                f"{', '.join(few[:3])}{' ...' if len(few) > 3 else ''} there are fewer"
            )
        return cls(*clean.split(max(clean.num_classes, round(HELD * len(clean))), seed))


class Step(BaseModel):
    """What was done on the way to a repaired network, and how it stood then.

    Attributes:
        what: a repair that was tried, or a round of one.
        held: held clean images that are named right.
        conclusion: of an audit after it; None where there was none.
        score: that audit's, in deviations of the clean models that it compares with.
        effect: held clean images that the recovered trigger turns into its target.
        kept: whether the network is the one that is returned.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: str
    held: Rate
    conclusion: Conclusion | None = None
    score: float | None = None
    effect: Rate | None = None
    kept: bool = True


class RepairResult(BaseModel):
    """What a repair began with, and what was done.

    Attributes:
        clean: the network as it was downloaded, on the user's validation set.
        attack: the attack on it, where it is known.
        images: clean images that the repair was given.
        steps: what was done, in order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clean: CleanResult
    attack: AttackResult | None = None
    images: int
    steps: tuple[Step, ...] = ()


class Repaired(NamedTuple):
    """A repaired network.

    Attributes:
        subject: the network.
        steps: what was done, in order.
    """

    subject: Any
    steps: tuple[Step, ...] = ()


class Repair(ABC):
    """One way to take a backdoor out of a network.

    Attributes:
        kind: its name in `REPAIRS`.
        version: raised when the same subject would become another one.
        needs: capabilities of the subject; see `badnets.models.subject.CAPABILITIES`.
        audits: whether it audits by itself what it does.
    """

    if TYPE_CHECKING:

        @property
        def kind(self) -> str: ...

    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"logits", "gradients"})
    audits: ClassVar[bool] = False

    @abstractmethod
    def repaired(
        self, subject: Any, clean: Parts, *, seed: int, progress: Listener | None = None
    ) -> Repaired:
        """Return a repaired copy; the subject is left as it is.

        Args:
            subject: a `Classifier`.
            clean: the user's images, of its classes and shape.
            seed: everything random follows from it.
            progress: told every few steps of training.

        Raises:
            TrialError: training diverged.
        """


REPAIRS: Registry[Repair] = Registry(
    "repair",
    {
        "auto": "badnets.repair.auto:Auto",
        "fine-tuning": "badnets.repair.methods.fine_tuning:FineTuning",
        "fine-pruning": "badnets.repair.methods.fine_pruning:FinePruning",
        "unlearning": "badnets.repair.methods.unlearning:Unlearning",
        "neuron-pruning": "badnets.repair.methods.neuron_pruning:NeuronPruning",
        "universal-unlearning": "badnets.repair.methods.universal:UniversalUnlearning",
        "sharpness-aware": "badnets.repair.methods.sharpness:SharpnessAware",
        "feature-shift": "badnets.repair.methods.feature_shift:FeatureShift",
    },
    contract=Repair,
)
"""A new repair: a file here, and one line ``"kind": "module:Class"``."""
AnyRepair: TypeAlias = Annotated[Repair, REPAIRS.field()]
"""A field of settings that holds a repair; see `Registry.field`."""
