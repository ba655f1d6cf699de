"""Trials on a Ray cluster: one process per core of every machine, one trial in each at a time.

Actors and not tasks: a process that has loaded torch, the data and a GPU's context keeps them from
trial to trial, and the driver knows which trial a process was at when it died.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import Field

from badnets.bundles.atomic import passing_file
from badnets.core import devices
from badnets.core.errors import DataError, SettingError, TrialError
from badnets.core.settings import settings
from badnets.runners.planning import Step, cores
from badnets.runners.pool import settle
from badnets.runners.ray_connection import connected
from badnets.runners.ray_nodes import (
    cause_of,
    check_nodes,
    line_of,
    living,
    needs_of,
    slots,
)
from badnets.runners.ray_store import BundleStore
from badnets.runners.ray_worker import (
    Arrived,
    Ended,
    Held,
    Orders,
    TrialRunner,
    comparable,
    share,
)
from badnets.runners.scheduler import Scheduler
from badnets.runners.worker import RunOne, reference
from badnets.trials.cohort import MOST, cohort_key, worthwhile
from badnets.trials.machine import versions
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace

DEATHS = 3  # of its process, after which a trial has failed
LOSSES = 10  # of the machine it was on
RUN_TRIAL = "badnets.trials.running:run_trial"
"""Of what else runs trials it is not known which data it reads, and what it can train as one."""
_LOOK_EVERY_S = 2.0  # for nodes that have come or gone


@settings
class RayCluster:
    """A Ray cluster, and what each trial is given of it besides one core.

    Args:
        address: ``"auto"``: one that runs, else one that is started on this machine; or
            ``HOST:PORT`` of the cluster that this machine belongs to.
        gpus_per_trial: the share of a GPU; None: a quarter where the cluster has GPUs.
        memory_gib: what a trial needs, in GiB: no more trials run on a machine than it has memory
            for; None: that is not looked at.
        store: a URL that fsspec knows, such as ``s3://BUCKET/FOLDER``, where bundles and arrays
            are kept; None: in the workspace, which all machines share.
    """

    address: str = "auto"
    gpus_per_trial: float | None = Field(default=None, ge=0, le=1)
    memory_gib: float | None = Field(default=None, gt=0)
    store: str | None = Field(default=None, pattern=r"^[a-z0-9+]+://.+")

    def kept(self, trial: Trial) -> bool:
        """Return whether the bundle of a trial is in the store; False where there is none."""
        return self.store is not None and BundleStore(self.store).has(trial)


@contextmanager
def crew_on(
    cluster: RayCluster | str,
    workspace: Workspace,
    run: RunOne,
    data_root: Path | None,
    workers: int | None,
) -> Iterator[Crew]:
    """Yield what runs trials on a Ray cluster, once every machine of it is known to be able to.

    Args:
        cluster: the cluster, or its address.
        workspace: where bundles and arrays go: a folder that all machines see at the same place.
        run: runs one trial; a function at the top level of a module that the machines have.
        data_root: where data sets lie; those that fit in memory are read here, once, and passed on.
        workers: trials at a time, at most; None: as many as the cluster has cores, or GPUs, for.

    Raises:
        SettingError: no cluster answers; a machine has another version of badnets, torch or Python,
            or does not see the workspace; the cluster lacks what a trial asks for.
        MissingExtraError: Ray is not installed.
    """
    asked = RayCluster(address=cluster) if isinstance(cluster, str) else cluster
    root = workspace.root.absolute()
    store = BundleStore(asked.store) if asked.store else None
    token: AbstractContextManager[object] = (
        store.token() if store else passing_file(root / "shared")
    )
    with connected(asked.address, cpus=workers or cores()) as which, token as shared:
        needs = needs_of(asked.gpus_per_trial, asked.memory_gib)
        orders = Orders(
            run=reference(run),
            workspace=str(root),
            data_root=str(data_root.absolute()) if data_root is not None else None,
            store=store,
            token=str(shared),
            versions=comparable(versions()),
            device=os.environ.get(devices.VARIABLE) or ("cpu" if "GPU" not in needs else None),
            log_level=logging.getLogger("badnets").getEffectiveLevel(),
        )
        check_nodes(orders, needs)
        is_real = orders.run == RUN_TRIAL
        yield Crew(
            which,
            orders,
            needs,
            workers,
            _DataOnce(data_root) if is_real else None,
            as_one=is_real and worthwhile("cuda" if "GPU" in needs else "cpu", MOST),
        )


class _DataOnce:
    """Data sets that are read by the driver and passed on: once to each machine.

    Args:
        data_root: where they lie.
    """

    def __init__(self, data_root: Path | None) -> None:
        self._root = data_root
        self._held: dict[str, list[Held]] = {}

    def of(self, trial: Trial) -> list[Held]:
        """Return the trial's data set; nothing where the machines are to read it themselves."""
        if trial.data not in self._held:
            self._held[trial.data] = self._hold(trial)
        return self._held[trial.data]

    def _hold(self, trial: Trial) -> list[Held]:
        from torch import Tensor

        from badnets.data import load
        from badnets.data.names import parse_name

        if trial.task != "classification" or parse_name(trial.data).kind != "known":
            return []
        try:
            data = load(trial.data, self._root)
        except DataError:  # the machines may have it
            return []
        if not all(isinstance(part.stored, Tensor) for part in (data.train, data.test)):
            return []
        return [Held(trial.data, share(data))]


class _Worker:
    """An actor, and what it is at: one step, or several that are trained as one."""

    def __init__(self, maker: Any, orders: Orders) -> None:
        self.steps: list[Step] = []
        self.node: str | None = None  # known once it is ready
        self._actor = maker.remote(orders)
        self.answer: Any = self._actor.prepare.remote()

    def give(self, steps: list[Step], held: Sequence[Held]) -> None:
        self.steps = steps
        documents = [step.trial.model_dump_json() for step in steps]
        self.answer = self._actor.run.remote(documents, held)

    def end(self) -> None:
        import ray

        ray.kill(self._actor)


class Crew:
    """The workers on all nodes; they come and go with the nodes.

    A trial whose process dies, or whose machine is lost, is run again: `DEATHS` or `LOSSES` times.
    Where Ray ends one for want of memory, one trial fewer runs at a time from then on.

    Args:
        where: which cluster it is, in words.
        orders: what holds for all trials.
        needs: what a trial asks of a node, by Ray's names for it.
        most: workers, at most; None: as many as there is room for.
        data: what is read once for all; None: nothing is.
        as_one: whether trials that are alike are trained as one.
    """

    def __init__(
        self,
        where: str,
        orders: Orders,
        needs: Mapping[str, float],
        most: int | None,
        data: _DataOnce | None,
        *,
        as_one: bool,
    ) -> None:
        import ray

        self.where = where
        options: dict[str, Any] = {
            "num_cpus": needs["CPU"],
            "num_gpus": needs.get("GPU", 0),
            "memory": needs.get("memory"),
            "max_restarts": 0,
            "scheduling_strategy": "SPREAD",
        }
        self._maker: Any = ray.remote(**options)(TrialRunner)
        self._orders, self._needs, self._most, self._data = orders, needs, most, data
        self._as_one = as_one
        self._workers: list[_Worker] = []
        self._looked, self._slots = time.monotonic(), slots(needs)
        self._deaths: dict[str, int] = {}
        self._losses: dict[str, int] = {}
        self._failed_starts = 0
        self._again: list[list[Step]] = []  # still the scheduler's steps at work

    @property
    def room(self) -> int:
        """How many trials run at a time, as long as no node comes or goes."""
        return self._slots if self._most is None else min(self._slots, self._most)

    def run(self, scheduler: Scheduler) -> None:
        """Run what the scheduler gives out until nothing is left; then the workers are ended.

        Raises:
            SettingError: a machine that has joined cannot run the trials.
            TrialError: workers cannot start.
            BadnetsError: something that would stop every trial.
        """
        try:
            while not scheduler.is_over:
                self._go_on(scheduler)
        finally:
            for worker in self._workers:
                worker.end()
            self._workers = []

    def _go_on(self, scheduler: Scheduler) -> None:
        """Give out what can be run now, and take in what has ended, or wait for a while."""
        import ray

        scheduler.keep_due()
        self._recruit(scheduler.left + len(self._again))
        for worker in [each for each in self._workers if each.answer is None]:
            steps = self._again.pop() if self._again else self._next(scheduler)
            if not steps:
                break
            worker.give(steps, self._data.of(steps[0].trial) if self._data else [])
            for step in steps:
                scheduler.display.started(step)
        awaited = {each.answer: each for each in self._workers if each.answer is not None}
        if not any(each.steps for each in awaited.values()):
            if scheduler.is_over:
                return
            if len(awaited) < len(self._workers) or not awaited:  # nothing can be run now
                scheduler.wait()
                return
        patience = min(_LOOK_EVERY_S, scheduler.patience_s or _LOOK_EVERY_S)
        ray.wait(list(awaited), num_returns=1, timeout=patience)
        ready, _ = ray.wait(list(awaited), num_returns=len(awaited), timeout=0)
        for answer in ready:
            self._take(awaited[answer], scheduler)

    def _next(self, scheduler: Scheduler) -> list[Step]:
        """Take what a worker runs next: where that is faster, its share of what is alike."""
        step = scheduler.take()
        if step is None or not self._as_one:
            return [step] if step else []
        idle = max(1, self.room - sum(bool(each.steps) for each in self._workers))
        most = min(MOST, math.ceil((scheduler.left + 1) / idle))
        return [step, *scheduler.take_alike(step, cohort_key, most - 1)]

    def _recruit(self, left: int) -> None:
        """Have as many workers as there is room and work for."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_EVERY_S:
            self._looked, self._slots = now, slots(self._needs)
            if self._orders.store is None:
                with suppress(OSError):  # a token that looks abandoned would be tidied away
                    Path(self._orders.token).touch()
        at_work = sum(bool(each.steps) for each in self._workers)
        # those that find no room wait for it, and have a cluster that can grow do so
        room = self._slots + max(1, self._slots // 2)
        wanted = max(1, min(at_work + left, room if self._most is None else self._most))
        while len(self._workers) < wanted:
            self._workers.append(_Worker(self._maker, self._orders))

    def _take(self, worker: _Worker, scheduler: Scheduler) -> None:
        """Do what follows from a worker's answer, or from its death."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        steps, answer = worker.steps, worker.answer
        worker.steps, worker.answer = [], None
        try:
            said: Arrived | Ended = ray.get(answer)
        except RayTaskError as error:
            if not steps:
                raise TrialError(f"worker processes cannot start: {cause_of(error)}") from None
            for step in steps:
                scheduler.fail(step, TrialError(f"it stopped: {cause_of(error)}"))
        except RayError as error:
            self._workers.remove(worker)
            worker.end()
            self._bury(worker, steps, error, scheduler)
        else:
            if isinstance(said, Arrived):
                worker.node, self._failed_starts = said.node, 0
                if said.objection is not None:
                    raise SettingError(said.objection)
                return
            for name, level, text in said.logged:
                logging.getLogger(name).log(level, "%s", text)
            for step, message in zip(steps, said.messages, strict=True):
                settle(step, message, scheduler)

    def _bury(
        self, worker: _Worker, steps: list[Step], error: Exception, scheduler: Scheduler
    ) -> None:
        """Run the steps of a worker that has died again: each alone not for ever."""
        from ray.exceptions import ActorUnavailableError, OutOfMemoryError

        for_memory = isinstance(error, OutOfMemoryError)
        if for_memory:
            self._make_room()
        is_lost = (
            isinstance(error, ActorUnavailableError)
            or "node has died" in str(error)
            or worker.node not in {None, *(node["NodeID"] for node in living())}
        )
        if not steps:
            self._failed_starts += not is_lost
            if self._failed_starts >= DEATHS * max(1, self._slots):
                raise TrialError(f"worker processes cannot start: {line_of(error)}")
            return
        counts, most = (self._losses, LOSSES) if is_lost else (self._deaths, DEATHS)
        what = "its machine was lost" if is_lost else "its worker process died"
        if for_memory:
            what = "it was ended for want of memory"
        beside = any(each.steps and each.node == worker.node for each in self._workers)
        if len(steps) > 1 or (for_memory and beside):  # which was to blame is not known
            half = len(steps) // 2
            self._again += [part for part in (steps[:half], steps[half:]) if part]
            again = f"{what}; it is run again"
            again += f", {self._most} at a time" if for_memory else ""
            for step in steps:
                scheduler.display.failed(step, again, for_good=False)
            return
        (step,) = steps
        times = counts[step.name] = counts.get(step.name, 0) + 1
        if times >= most:
            del counts[step.name]  # a retry begins anew
            why = "" if is_lost or for_memory else " (killed for want of memory?)"
            scheduler.fail(step, TrialError(f"{what} {times} times{why}"))
            return
        self._again.append(steps)
        scheduler.display.failed(step, f"{what}; it is run again", for_good=False)

    def _make_room(self) -> None:
        """Have no more workers than are left: together they need more memory than there is."""
        for worker in [each for each in self._workers if each.node is None]:
            self._workers.remove(worker)  # it waits for the place that has come free
            worker.end()
        self._most = max(1, len(self._workers))
