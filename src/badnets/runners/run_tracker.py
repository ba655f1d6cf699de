"""What runners share: keeping records, and remembering what failed."""

from __future__ import annotations

import random
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
        self._met = 0  # how often another process was quicker at what we were at

    def next_of(self, steps: list[Step], has_bundle: Callable[[Trial], bool]) -> Step | None:
        """Take the step that is run next out of those that are left; None where none can be yet.

        The ledger is asked anew: what another process has done by now is not run. Once one has
        been met, steps are taken from the other end, or at random where that is met there too:
        two processes with the same steps share them, but for a few.

        Args:
            steps: those that are left, each after those that it needs; those that are done or
                given out are taken out of them.
            has_bundle: whether a trial's bundle is there: without it, what others need is run.
        """
        needed = {name for step in steps for name in step.needs}
        held = self._ledger.has(step.name for step in steps if not step.remake)
        theirs = [
            step
            for step in steps
            if step.name in held and (step.name not in needed or has_bundle(step.trial))
        ]
        if theirs and steps[-1 if self._met else 0] in theirs:
            self._met += 1
        for record in self._ledger.records(names=[step.name for step in theirs]):
            step = next(each for each in theirs if each.name == record.name)
            steps.remove(step)
            self.done.add(step.name)
            self.display.finished(step, record)
        ready = [step for step in steps if step.needs <= self.done]
        if not ready:
            return None
        place = random.randrange(len(ready)) if self._met > 1 else -self._met
        steps.remove(chosen := ready[place])
        return chosen

    def store(self, step: Step, record: Record) -> None:
        """Keep the record of a step; of one that was run for its bundle alone, nothing is kept.

        Raises:
            TrialError: the record is of another trial.
            LedgerError: it cannot be written.
        """
        if record.name != step.name:
            raise TrialError(f"{described(step)}: came back as the record of {record.name}")
        new = not step.remake and self._ledger.add(record)
        if not new and not step.remake:
            self._met += 1
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
