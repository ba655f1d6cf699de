"""The contract of observations: one call on a case gives one typed result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict

from badnets.bundles.schema import Digest
from badnets.core.backdoor import Backdoor
from badnets.core.progress import Listener
from badnets.core.triggers import Trigger

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from badnets.tasks import AnyTask


class ArrayRef(BaseModel):
    """A large array kept as a file of its own, named by the SHA-256 of that file (NumPy .npy)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Digest
    shape: tuple[int, ...]
    dtype: str


class ObservationResult(BaseModel):
    """What was observed; a kind with more to say than arrays adds fields of its own.

    Attributes:
        arrays: name -> content-addressed file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arrays: dict[str, ArrayRef] = {}


Keep: TypeAlias = Callable[["NDArray[Any]"], ArrayRef]
"""Writes an array to a file named by its content, and returns the reference."""


@dataclass(frozen=True, eq=False)
class Case:
    """What an observation may look at.

    Attributes:
        task: what is learned.
        subject: the network.
        control: a clean network of the same order; None without one.
        data: the data set; ``data_name`` is the name it was loaded by, from ``data_root``.
        train: what was trained on, clean.
        validation: what the user keeps.
        audited_with: what an audit is given for clean; None: ``validation``.
        backdoor: what is hidden; None where there is none, or the observation has no ``"backdoor"``
            among its needs.
        threshold: least score of a detector's box that counts.
        seed: everything random follows from it.
        keep: writes an array.
        progress: told during long looks.
        found: what was observed before of the same network, by kind.
    """

    task: AnyTask
    subject: Any
    control: Any
    data: Any
    train: Any
    validation: Any
    backdoor: Backdoor | None
    keep: Keep
    threshold: float = 0.3
    data_name: str = ""
    data_root: Path | None = None
    seed: int = 0
    progress: Listener | None = None
    audited_with: Any = None
    found: Mapping[str, ObservationResult] = field(default_factory=dict)

    @property
    def clean(self) -> Any:
        """What an audit is given for clean."""
        return self.validation if self.audited_with is None else self.audited_with

    def kept(self, arrays: Mapping[str, Tensor]) -> dict[str, ArrayRef]:
        """Return references to tensors that are written as arrays."""
        return {name: self.keep(one.detach().cpu().numpy()) for name, one in arrays.items()}

    def triggered(self, images: Tensor, trigger: Trigger | None = None) -> Tensor:
        """Return images with a trigger (the backdoor's), at places that follow from the seed."""
        from badnets.core.seeds import generator

        own = trigger or (self.backdoor.trigger if self.backdoor else None)
        if own is None:
            return images
        return own(images, generator=generator(self.seed, "trigger places"))

    def attackable(self, most: int) -> Any:
        """Return the first validation images that the attack is about; None without any."""
        if self.backdoor is None:
            return None
        rows = self.backdoor.targets.attackable(self.validation.labels).nonzero().flatten()
        return self.validation.take(rows[:most]) if len(rows) else None

    def answers_to_pairs(self, pairs: Tensor, *, prefix: str) -> dict[str, Tensor]:
        """Return ``(n, 2, K)`` probabilities of both networks for pairs of images.

        Args:
            pairs: ``(n, 2, C, H, W)``: clean and triggered.
            prefix: names of the tensors begin with it: ``PREFIX_answers``, ``PREFIX_control``.
        """
        networks = {"answers": self.subject, "control": self.control}
        return {
            f"{prefix}_{name}": answers_to_pairs(network, pairs)
            for name, network in networks.items()
            if network is not None
        }


def answers_to_pairs(network: Any, pairs: Tensor) -> Tensor:
    """Return ``(n, 2, K)`` probabilities for pairs of images, ``(n, 2, C, H, W)``."""
    import torch

    return torch.stack([network.probabilities(pairs[:, which]) for which in (0, 1)], 1).cpu()


ResultT = TypeVar("ResultT", bound=ObservationResult, covariant=True)


class Observation(ABC, Generic[ResultT]):
    """One kind of look at a network.

    Attributes:
        kind: its name in `badnets.observations.OBSERVATIONS`.
        version: raised when the same case would give another result.
        needs: capabilities of the subject (see `badnets.models`), and ``"backdoor"``.
        tasks: kinds of tasks that it knows.
        Result: what it returns, and a record stores.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset()
    tasks: ClassVar[frozenset[str]] = frozenset({"classification", "detection"})
    Result: type[ResultT]

    @classmethod
    def unavailable(cls) -> str:
        """Return why it cannot be made now, in words; empty where it can."""
        return ""

    @abstractmethod
    def observe(self, case: Case) -> ResultT:
        """Return what was observed."""
