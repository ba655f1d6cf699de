"""A pool of processes, one trial per core, one thread each.

The standard library's pool cannot say which trial a killed worker was running, and gives all the
others up with it; here each worker has a pipe of its own.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from pydantic import ValidationError

from badnets.core import errors
from badnets.core.errors import BadnetsError, TrialError
from badnets.core.progress import Progress
from badnets.ledger.checks import first_defect
from badnets.runners.planning import Step
from badnets.runners.scheduler import Scheduler, described
from badnets.runners.worker import RunOne, reference, serve
from badnets.trials.record import Record
from badnets.trials.workspace import Workspace

_SPAWN = multiprocessing.get_context("spawn")
_POLITE_S = 2.0  # how long a worker may take to tidy up


def run_in_pool(
    scheduler: Scheduler,
    workspace: Workspace,
    run: RunOne,
    data_root: Path | None,
    workers: int,
) -> None:
    """Run what the scheduler gives out, each step in one of the processes.

    Args:
        scheduler: gives steps out, and keeps the records, in this process.
        workspace: where bundles and arrays go.
        run: runs one trial; a function at the top level of a module.
        data_root: where data sets lie.
        workers: how many processes.

    Raises:
        BadnetsError: something that would stop every trial, or workers that cannot start.
    """
    arguments = (reference(run), str(workspace.root), str(data_root) if data_root else None)
    pool: list[_Worker] = []
    any_ready = False
    try:
        while not scheduler.is_over:
            scheduler.keep_due()
            at_work = sum(each.step is not None for each in pool)
            while len(pool) < min(workers, at_work + scheduler.left):
                pool.append(_Worker(*arguments))  # early: it loads while the others work
            for worker in (each for each in pool if each.step is None):
                step = scheduler.take()
                if step is None:
                    break
                worker.give(step)
                if worker.is_ready:
                    scheduler.display.started(step)
            busy: dict[object, _Worker] = {
                each.connection: each for each in pool if each.step is not None
            }
            if not busy:
                if not scheduler.is_over:
                    scheduler.wait()
                continue
            for connection in wait(
                [each.connection for each in busy.values()], scheduler.patience_s
            ):
                worker = busy[connection]
                message = worker.receive()
                any_ready = any_ready or worker.is_ready
                if message is None:
                    pool.remove(worker)
                    _bury(worker, scheduler, any_ready=any_ready)
                else:
                    _take(worker, message, scheduler)
    finally:
        _end(pool)


class _Worker:
    """A process, the pipe to it, and the step it is at."""

    def __init__(self, run: str, workspace_root: str, data_root: str | None) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self.step: Step | None = None
        self.is_ready = False
        level = logging.getLogger("badnets").getEffectiveLevel()
        arguments = (theirs, run, workspace_root, data_root, os.getpid(), level)
        self._process: SpawnProcess = _SPAWN.Process(target=serve, args=arguments, daemon=True)
        with _interrupts_held_back():
            self._process.start()
        theirs.close()  # theirs alone then: the pipe ends when they do

    def give(self, step: Step) -> None:
        self.step = step
        with suppress(OSError):  # it has died; reading from it says so
            self.connection.send_bytes(step.trial.model_dump_json().encode())

    def receive(self) -> list[object] | None:
        """Return its next message; None when it has died."""
        try:
            message: list[object] = json.loads(self.connection.recv_bytes())
        except (EOFError, OSError):
            return None
        self.is_ready = True
        return message

    def how_it_ended(self) -> str:
        self._process.join(5 * _POLITE_S)
        code = self._process.exitcode
        if code == -getattr(signal, "SIGKILL", 9):
            return "it was killed (for want of memory?)"
        if code is not None and code < 0:
            return f"it ended by signal {signal.Signals(-code).name}"
        return f"it ended with exit code {code}; what it said is above"

    def stop(self) -> None:
        """Ask it to end; half-written files are removed then."""
        self._process.terminate()

    def end(self, within_s: float) -> None:
        """Wait for its end, and kill it where that does not come."""
        self._process.join(within_s)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()
        self.connection.close()


def _end(pool: Sequence[_Worker]) -> None:
    for worker in pool:
        worker.stop()
    until = time.monotonic() + _POLITE_S
    for worker in pool:
        worker.end(max(0.0, until - time.monotonic()))


def _bury(worker: _Worker, scheduler: Scheduler, *, any_ready: bool) -> None:
    """Fail the step of a worker that has died; the others go on without it."""
    ending = worker.how_it_ended()
    worker.end(_POLITE_S)
    assert worker.step is not None
    if not any_ready:
        raise TrialError(
            f"worker processes cannot start: {ending}. In a script of your own, call this under "
            "if __name__ == '__main__':"
        )
    scheduler.fail(worker.step, TrialError(f"its worker process died: {ending}"))


def _take(worker: _Worker, message: list[object], scheduler: Scheduler) -> None:
    """Do what a worker's message asks for."""
    step = worker.step
    assert step is not None
    match message:
        case ["ready"]:  # only now: loading is no part of the time that the trial takes
            scheduler.display.started(step)
        case ["log", str(logger), int(level), str(text)]:
            logging.getLogger(logger).log(level, "%s", text)
        case ["progress", int(done), int(total), str(what)]:
            scheduler.display.progress(step, Progress(done, total, what))
        case _:
            worker.step = None
            settle(step, message, scheduler)


def settle(step: Step, message: Sequence[object], scheduler: Scheduler) -> None:
    """Keep the record that a worker's last message of a step holds, or fail the step.

    Raises:
        BadnetsError: something that would stop every trial; or the message is none.
    """
    match message:
        case ["record", str(document)]:
            try:
                record = Record.model_validate_json(document)
            except ValidationError as error:
                defect = f"its record does not fit: {first_defect(error)}; was the code changed?"
                scheduler.fail(step, TrialError(defect))
            else:
                scheduler.store(step, record)
        case ["error", str(kind), str(text)]:
            scheduler.fail(step, _error(kind, text))
        case _:
            raise TrialError(f"{described(step)}: its worker said {str(message)[:80]!r}")


def _error(kind: str, text: str) -> BadnetsError:
    found = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, BadnetsError):
        return found(text)
    return TrialError(text)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Start a process so that Ctrl-C does not reach it before it has chosen to ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
