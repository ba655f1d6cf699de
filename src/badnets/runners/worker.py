"""A worker of the pool: a process of its own, with one thread, that runs trial after trial.

Nothing here imports torch when it is imported: the number of threads is set before.
"""

from __future__ import annotations

import importlib
import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from badnets.core.errors import BadnetsError, SettingError

if TYPE_CHECKING:
    from badnets.core.progress import Listener, Progress
    from badnets.trials.record import Record
    from badnets.trials.trial import Trial
    from badnets.trials.workspace import Workspace

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_WATCH_EVERY_S = 1.0
_TELL_EVERY_S = 0.25
_leaving = threading.Event()  # whether this worker was asked to end
_telling = threading.Lock()  # a message is sent whole, whichever thread logs meanwhile


class RunOne(Protocol):
    """Runs one trial, as `badnets.trials.run_trial` does."""

    def __call__(
        self,
        trial: Trial,
        workspace: Workspace,
        *,
        data_root: Path | None = None,
        progress: Listener | None = None,
    ) -> Record: ...


def reference(function: Any) -> str:
    """Return ``"module:name"`` of a function, by which another process finds it.

    Raises:
        SettingError: it is not at the top level of a module.
    """
    found = f"{function.__module__}:{function.__qualname__}"
    if "<" in found or "." in function.__qualname__:
        raise SettingError(f"a pool runs functions at the top level of a module, got {found}")
    return found


def function_of(found: str) -> RunOne:
    """Return the function of a `reference`."""
    module, _, name = found.partition(":")
    function: RunOne = getattr(importlib.import_module(module), name)
    return function


class RunMany(Protocol):
    """Runs trials of one `badnets.trials.cohort_key`, or a single one."""

    def __call__(
        self, trials: Sequence[Trial], workspace: Workspace, *, data_root: Path | None = None
    ) -> list[Record | BadnetsError]: ...


def as_cohort(function: RunOne) -> RunMany:
    """Return what runs one trial as a function does, and several as one computation."""

    def run(
        trials: Sequence[Trial], workspace: Workspace, *, data_root: Path | None = None
    ) -> list[Record | BadnetsError]:
        if len(trials) > 1:
            from badnets.trials.cohort import run_cohort

            return run_cohort(trials, workspace, data_root=data_root)
        return [function(trial, workspace, data_root=data_root) for trial in trials]

    return run


def message_of(outcome: Record | BadnetsError) -> list[str]:
    """Return what came of a trial as a message.

    Returns:
        ``["record", JSON]``, or ``["error", KIND, TEXT]`` with the name of the error's class.
    """
    if isinstance(outcome, BadnetsError):
        return ["error", type(outcome).__name__, str(outcome)]
    return ["record", outcome.model_dump_json()]


def serve(
    connection: Connection,
    run: str,
    workspace_root: str,
    data_root: str | None,
    parent: int,
    log_level: int = logging.WARNING,
) -> None:
    """Run the trials that come over ``connection`` until it closes; the body of a worker.

    Args:
        connection: trials come as JSON; what becomes of them goes back as JSON lists.
        run: `reference` to the function that runs one.
        workspace_root: the workspace's folder.
        data_root: where data sets lie, None: as the data sets' own loaders find it.
        parent: process id of the one who started this; when that ends, so does this.
        log_level: what the library logs from this level on goes to the parent.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent decides
    try:
        signal.signal(signal.SIGTERM, _leave)
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        os.environ.update(ONE_THREAD)
        log = logging.getLogger("badnets")
        log.setLevel(log_level)
        log.addHandler(_ToParent(connection))
        _run_trials(connection, run, workspace_root, data_root)
    except BaseException:
        if not _leaving.is_set():
            raise
        # `_leave` was called, whatever became of its SystemExit on the way up: an import that
        # it hits may end as another error. Taking torch down in order would take seconds.
        sys.stderr.flush()
        os._exit(128 + signal.SIGTERM)


def _run_trials(
    connection: Connection, run: str, workspace_root: str, data_root: str | None
) -> None:
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    function = function_of(run)
    from badnets.trials.trial import TRIAL
    from badnets.trials.workspace import Workspace

    workspace = Workspace(Path(workspace_root))
    root = Path(data_root) if data_root is not None else None
    _tell(connection, "ready")
    while (document := _next(connection)) is not None:
        trial, progress = TRIAL.validate_json(document), _teller(connection)
        outcome: Record | BadnetsError
        try:
            outcome = function(trial, workspace, data_root=root, progress=progress)
        except BadnetsError as error:
            outcome = error
        _tell(connection, *message_of(outcome))


def _leave(_signal: int, _frame: object) -> None:
    _leaving.set()
    sys.exit(128 + signal.SIGTERM)  # unwinds, so that half-written files are removed


def _end_with(parent: int) -> None:
    """End this process when its parent has ended, even by a kill that lets it say nothing."""
    process = multiprocessing.parent_process()
    while os.getppid() == parent:
        if process is None:
            time.sleep(_WATCH_EVERY_S)
            continue
        process.join(_WATCH_EVERY_S)
        if not process.is_alive():
            break
    os._exit(1)


def _next(connection: Connection) -> bytes | None:
    try:
        return connection.recv_bytes() or None
    except (EOFError, OSError):
        return None


class _ToParent(logging.Handler):
    """Sends what is logged to the parent, which logs it in its own way."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        _tell(self._connection, "log", record.name, record.levelno, record.getMessage())


def _tell(connection: Connection, *message: Any) -> None:
    try:
        with _telling:
            connection.send_bytes(json.dumps(message).encode())
    except OSError:
        os._exit(1)  # nobody listens any more


def _teller(connection: Connection) -> Listener:
    last = [0.0]

    def tell(progress: Progress) -> None:
        now = time.monotonic()
        if now - last[0] >= _TELL_EVERY_S or progress.done >= progress.total:
            last[0] = now
            _tell(connection, "progress", *progress)

    return tell
