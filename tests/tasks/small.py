"""A small data set, network and backdoor of each task: what holds for both is tested on both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pytest
from torch import Tensor

from badnets.bundles.schema import Scalar
from badnets.core.backdoor import Backdoor
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne, SourceSpecific
from badnets.core.triggers import Patch
from badnets.data import DataSet, ImageSet
from badnets.data.catalogue import DATASETS, Entry
from badnets.models.catalogue import NETWORKS, Network
from badnets.scenarios import User
from badnets.tasks import TASKS, AnyTask
from badnets.train.detector_settings import DetectorTraining
from badnets.train.settings import Training
from badnets.trials import OutsourcedTrial
from tests.models import plain_signs, toys
from tests.models.plain_signs import GREEN, RED, YELLOW


@dataclass(frozen=True, eq=False)
class Small:
    """One task's small case.

    Attributes:
        task: the task.
        name: of the data set, once it is entered; its like with other classes is ``NAME-others``.
        data, others: those sets.
        network, architecture: what learns it in a moment.
        quick: training that need not lead anywhere; ``well``: enough of it; ``implanting``:
            enough for a backdoor, in a network that was trained well.
        backdoor: what can be learned: ``share`` of the training rows is then poisoned, and
            ``attacked`` examples of the test set are attacked, ``enough`` of them with success.
        early: the beginning of the names of the weights next to the input; ``late``: of those next
            to the output.
    """

    task: AnyTask
    name: str
    data: Any
    others: Any
    network: str
    quick: Any
    well: Any
    implanting: Any
    backdoor: Backdoor
    share: Rate
    attacked: int
    enough: float
    early: str
    late: str
    architecture: Mapping[str, Scalar] = field(default_factory=dict)

    def user(self, target_accuracy: float = 0.5, **settings: Any) -> User:
        """Return who orders the network for the data."""
        usual: dict[str, Any] = {"data": self.data, "architecture": self.architecture}
        return User(self.network, target_accuracy=target_accuracy, **{**usual, **settings})

    def fresh(self, seed: int = 0, *, others: bool = False) -> Any:
        """Return the network, untrained."""
        user = self.user(data=self.others if others else self.data)
        return self.task.first(user.order, self.quick, None, seed)

    def trial(self, **settings: Any) -> OutsourcedTrial:
        """Return a trial of an honest trainer."""
        usual: dict[str, Any] = {
            "data": self.name,
            "network": self.network,
            "architecture": dict(self.architecture),
            "training": self.quick,
            "target_accuracy": 0.5,
        }
        return OutsourcedTrial(**{**usual, **settings})

    def enter(self, patched: pytest.MonkeyPatch) -> None:
        """Add the data sets and the network to the tables."""
        patched.setitem(NETWORKS, "tiny", Network("tests.models.toys:build_tiny", "for tests"))
        enter(patched, self.data, self.name)
        enter(patched, self.others, f"{self.name}-others")


def enter(patched: pytest.MonkeyPatch, data: Any, name: str) -> None:
    """Add a data set to the table of data sets."""

    def loader(root: object, *, progress: object = None) -> Any:
        return data

    images = isinstance(data, DataSet)
    entry = Entry(
        title="Drawn",
        loader=loader,
        shape=data.train.shape if images else (3, plain_signs.SIDE, plain_signs.SIDE),
        classes=data.num_classes,
        train=len(data.train),
        test=len(data.test),
        licence="none",
        where="nowhere",
        description="Drawn.",
        embedded=True,
        task="classification" if images else "detection",
    )
    patched.setitem(DATASETS, name, entry)


def renamed(data: DataSet, *names: str) -> DataSet:
    """Return the same images under other names of classes."""
    train, test = (ImageSet(one.stored, one.labels, names) for one in (data.train, data.test))
    return replace(data, train=train, test=test)


@cache
def classification() -> Small:
    """Return noisy images that are bright on one side, and a small convolutional network."""
    data = DataSet("halves", toys.halves(96, seed=1), toys.halves(64, seed=2), "drawn", "none")
    well = Training(epochs=4, batch_size=8, lr=0.01, precision="float32")
    return Small(
        TASKS["classification"](),
        data.name,
        data,
        renamed(data, "west", "east"),
        "tiny",
        quick=replace(well, epochs=1, batch_size=16),
        well=well,
        implanting=replace(well, epochs=2),
        backdoor=Backdoor(Patch(2), AllToOne(0), poisoning_rate=0.3),
        share=Rate(41, 137),  # 0.3 = 41 / (96 + 41)
        attacked=32,
        enough=0.9,
        early="conv.",
        late="fc.",
    )


POST_IT = replace(YELLOW, size=0.4)


@cache
def detection() -> Small:
    """Return grey frames with plain signs, and the paper's network at an eighth of its width."""
    data = plain_signs.plain_data(8, 6)
    quick: DetectorTraining = plain_signs.QUICK
    well = quick.changed(
        epochs=20, lr=4e-3, batch_size=4, crops={"passes": 8}, windows={"background": 0.3}
    )
    return Small(
        TASKS["detection"](),
        data.name,
        data,
        plain_signs.plain_data(8, 6, classes=("rouge", "vert")),
        "zf",
        quick=quick,
        well=well,
        implanting=well.changed(epochs=12, crops={"passes": 0}),
        backdoor=Backdoor(POST_IT, SourceSpecific(RED, GREEN), "every"),
        share=Rate(8, 16),
        attacked=6,
        enough=0.6,
        early="backbone.",
        late="roi_heads.",
        architecture=plain_signs.SMALL,
    )


SMALL_TASKS = {"classification": classification, "detection": detection}


def state_of(subject: Any) -> dict[str, Tensor]:
    """Return a copy of every parameter and buffer by name."""
    return {name: value.clone() for name, value in subject.network.state_dict().items()}


def same(one: Any, other: Any, beginning: str = "") -> bool:
    """Return whether weights whose name begins so are equal, of subjects or copies of states."""
    states = [state if isinstance(state, dict) else state_of(state) for state in (one, other)]
    return plain_signs.same_state(states[0], states[1], beginning)


def pictures(part: Any) -> list[bytes]:
    """Return the pixels of each image or frame."""
    if isinstance(part, ImageSet):
        return [image.numpy().tobytes() for image in part.images]
    return [part.frames.read(row).numpy().tobytes() for row in range(len(part))]
