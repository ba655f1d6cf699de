"""What runs on the machines of a Ray cluster: a process with one thread, trial after trial.

Nothing here imports torch or Ray when it is imported: the number of threads is set before.
"""

from __future__ import annotations

import logging
import os
import platform
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from badnets.core import devices
from badnets.core.errors import BadnetsError
from badnets.runners.ray_store import BundleStore, through
from badnets.runners.worker import ONE_THREAD, as_cohort, function_of, message_of
from badnets.trials.machine import versions

if TYPE_CHECKING:
    from torch import Tensor

    from badnets.data import DataSet
    from badnets.trials.record import Record

COMPARED = ("badnets", "torch", "python")
"""Of what a worker must have the driver's version."""


@dataclass(frozen=True)
class Orders:
    """What holds for all trials of a run.

    Args:
        run: `badnets.runners.worker.reference` to the function that runs a trial.
        workspace: the workspace's folder.
        data_root: where data sets lie; None: as the data sets' own loaders find it.
        store: where bundles and arrays are kept instead of a shared workspace.
        token: a file that lies in the workspace, or an object in the store, while the run lasts.
        versions: the driver's.
        device: where networks compute; None: as each machine is set up.
        log_level: what the library logs from this level on goes to the driver.
    """

    run: str
    workspace: str
    data_root: str | None
    store: BundleStore | None
    token: str
    versions: dict[str, str]
    device: str | None
    log_level: int


class Ended(NamedTuple):
    """What became of each trial, as a worker of the pool would say it, and what was logged."""

    messages: list[list[str]]
    logged: list[tuple[str, int, str]]


class Arrived(NamedTuple):
    """A worker that has come up.

    Attributes:
        node: Ray's name for the machine.
        objection: in one line why it cannot run the trials; None where it can.
    """

    node: str
    objection: str | None


class Held(NamedTuple):
    """A data set that the driver has loaded, for all processes of a machine.

    Attributes:
        name: of the data set.
        data: a reference of Ray's to it.
    """

    name: str
    data: Any


def objection(orders: Orders, machine: str) -> str | None:
    """Return in one line why this machine cannot run the trials; None where it can.

    Args:
        orders: the driver's.
        machine: what to call this machine.
    """
    here = comparable(versions())
    differing = [
        f"{name} {here.get(name, 'missing')} there, {wanted} here"
        for name, wanted in orders.versions.items()
        if here.get(name) != wanted
    ]
    if differing:
        return (
            f"the node {machine} of the Ray cluster has other versions: {', '.join(differing)}; "
            "install the same on all nodes"
        )
    if orders.store is not None:
        if not orders.store.sees(orders.token):
            return f"the node {machine} of the Ray cluster does not see {orders.store.url}"
    elif not Path(orders.token).is_file():
        return (
            f"the workspace {orders.workspace} is not shared with the node {machine} of the Ray "
            "cluster: name a folder that all nodes see at the same place, --workspace"
        )
    return None


def comparable(found: dict[str, str]) -> dict[str, str]:
    """Return the versions that have to agree; builds for other devices count as the same."""
    return {name: found[name].partition("+")[0] for name in COMPARED if name in found}


class TrialRunner:
    """An actor: runs one trial after another, in a process of its own.

    Args:
        orders: the driver's.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._loaded: set[str] = set()

    def prepare(self) -> Arrived:
        """Load what trials need, unless there is an `objection`."""
        import ray

        orders, node = self._orders, ray.get_runtime_context().get_node_id()
        if said := objection(orders, platform.node()):
            return Arrived(node, said)
        os.environ.update(ONE_THREAD)
        if orders.device is not None:
            os.environ[devices.VARIABLE] = orders.device
        import torch

        torch.set_num_threads(1)
        torch.set_num_interop_threads(1)
        from badnets.trials.workspace import Workspace

        self._run = as_cohort(function_of(orders.run))
        self._workspace = Workspace(Path(orders.workspace))
        if orders.store is not None:
            self._run = through(orders.store, self._run)
            self._workspace = orders.store.scratch()
        self._workspace.prepare()  # what killed workers left half-written on this machine
        self._log = _Kept()
        log = logging.getLogger("badnets")
        log.setLevel(orders.log_level)
        log.addHandler(self._log)
        return Arrived(node, None)

    def run(self, documents: Sequence[str], held: Sequence[Held]) -> Ended:
        """Run trials that are described as JSON, on data sets that are held for all.

        Several of them are trained as one.
        """
        from badnets.trials.trial import TRIAL

        outcomes: Sequence[Record | BadnetsError]
        root = Path(self._orders.data_root) if self._orders.data_root is not None else None
        for name, reference in held:
            if name not in self._loaded:
                self._loaded.add(name)
                _take_over(name, root, reference)
        trials = [TRIAL.validate_json(document) for document in documents]
        try:
            outcomes = self._run(trials, self._workspace, data_root=root)
        except BadnetsError as error:
            outcomes = [error] * len(trials)
        return Ended([message_of(one) for one in outcomes], self._log.taken())


def _take_over(name: str, root: Path | None, reference: Any) -> None:
    """Have a data set loaded from the memory that the processes of this machine share."""
    import ray

    from badnets.data.catalogue import hold

    hold(name, root, ray.get(reference))


def share(data: DataSet) -> Any:
    """Return a reference of Ray's to a data set: each machine gets it once, all processes read it.

    Its tensors are views of that shared memory, which nothing may write to.
    """
    import ray
    from ray.util import deregister_serializer, register_serializer
    from torch import Tensor

    _ = data.digests  # kept with it, so that nobody has to work them out again
    register_serializer(Tensor, serializer=_as_array, deserializer=_as_tensor)
    try:
        return ray.put(data)
    finally:
        deregister_serializer(Tensor)


def _as_array(tensor: Tensor) -> Any:
    return tensor.contiguous().numpy()


def _as_tensor(array: Any) -> Tensor:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it cannot be written to
        return torch.from_numpy(array)


class _Kept(logging.Handler):
    """Keeps what is logged until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[tuple[str, int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append((record.name, record.levelno, record.getMessage()))

    def taken(self) -> list[tuple[str, int, str]]:
        taken, self._lines = self._lines, []
        return taken
