"""What runners share: keeping records, and remembering what failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from badnets.core.errors import BadnetsError, DataError, LedgerError, OutputError, TrialError
from badnets.core.progress import Listener
from badnets.ledger import Ledger
from badnets.runners.display import Display
from badnets.runners.planning import Step
from badnets.trials.record import Record
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace

STOPS_ALL = (DataError, LedgerError, OutputError)
"""What every other trial would meet too: no data, a full disk."""


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


class Failure(NamedTuple):
    """A step that has no result, and why."""

    step: Step
    error: BadnetsError


class RunTracker:
    """Keeps each record at once, in the process that holds the ledger.

    Args:
        ledger: where records go.
        display: is told of each.
        on_record: is called with each new record once it is kept.
    """

    def __init__(
        self, ledger: Ledger, display: Display, on_record: Callable[[Record], None] | None
    ) -> None:
        self._ledger = ledger
        self.display = display
        self._on_record = on_record
        self.done: set[str] = set()
        self.failures: dict[str, Failure] = {}

    def is_ready(self, step: Step) -> bool:
        """Whether all that the step needs is done."""
        return step.needs <= self.done

    def store(self, step: Step, record: Record) -> None:
        """Keep the record of a step; of one that was run for its bundle alone, nothing is kept.

        Raises:
            TrialError: the record is of another trial.
            LedgerError: it cannot be written.
        """
        if record.name != step.name:
            raise TrialError(f"{described(step)}: came back as the record of {record.name}")
        new = not step.remake and self._ledger.add(record)
        self.done.add(step.name)
        self.display.finished(step, record)
        if new and self._on_record is not None:
            self._on_record(record)

    def fail(self, step: Step, error: BadnetsError) -> None:
        """Remember that a step has failed; the others go on.

        Raises:
            BadnetsError: the error itself, where it would stop the others too.
        """
        if isinstance(error, STOPS_ALL):
            raise error
        self.failures[step.name] = Failure(step, error)
        self.display.failed(step, str(error))

    def give_up_on(self, steps: list[Step]) -> list[Step]:
        """Fail those of the steps that need one that has failed; return the others, in order."""
        left = []
        for step in steps:  # each comes after those that it needs
            missing = sorted(step.needs & self.failures.keys())
            if not missing:
                left.append(step)
                continue
            blocker = self.failures[missing[0]].step
            self.fail(step, TrialError(f"not run: it needs {described(blocker)}, which failed"))
        return left

    def raise_failures(self, total: int) -> None:
        """Say what failed, if anything has, now that all the others are done.

        Raises:
            BadnetsError: a single trial was to be run: its own error.
            TrialError: naming each that failed.
        """
        failed = list(self.failures.values())
        if not failed:
            return
        if total == 1:
            raise failed[0].error
        listed = "; ".join(f"{described(each.step)}: {each.error}" for each in failed)
        raise TrialError(
            f"{len(failed)} of {total} trials failed, the others are in the ledger: {listed}"
        )


def described(step: Step) -> str:
    """Return what to call a step in a message."""
    return f"{step.trial.title} ({step.name})"
