"""Which step runs next, and what becomes of it: shared by everything that runs trials."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from heapq import heappop, heappush
from typing import NamedTuple, Self

from badnets.core.errors import BadnetsError, DataError, LedgerError, OutputError, TrialError
from badnets.ledger import Ledger
from badnets.ledger.claims import Taken
from badnets.ledger.database import PATIENCE_S
from badnets.runners.display import Display
from badnets.runners.holders import is_gone, new_holder
from badnets.runners.planning import Step
from badnets.trials.differences import told_apart
from badnets.trials.record import Record
from badnets.trials.trial import Trial

STOPS_ALL = (DataError, LedgerError, OutputError)
"""What every other trial would meet too: no data, a full disk."""

LEASE_S = 2 * PATIENCE_S  # so a server that comes back in time finds the claims still held
_LOOK = 256  # names that the ledger is asked about at a time
_AHEAD_S = 0.5  # steps are claimed for this long at once, where they are short
_MOST_AHEAD = 64
ASK_AGAIN_S = 0.5  # how often what others are at is asked for
_MOST_SAID = 5  # failures that are told in one message


class Failure(NamedTuple):
    """A step that has no result, and why."""

    step: Step
    error: BadnetsError


class Scheduler:
    """Gives out steps, each after those that it needs, and keeps each record at once.

    What it gives out is claimed in the ledger, so several processes, on one machine or many, may
    run the same trials into one ledger: none is run twice. A claim ends with its record, with its
    failure, with the process (on the same machine), or when it has not been renewed for a while.

    Args:
        steps: each after those that it needs.
        ledger: where records and claims go.
        display: is told of each.
        on_record: is called with each new record once it is kept.
        has_bundle: whether a trial's bundle is there: without it, what others need is run.
        retry: how often a step that has failed is run again.
        together_s: records that end so soon after one another are kept in one transaction, at
            most; where keeping takes less than a quarter of that, sooner.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        ledger: Ledger,
        display: Display,
        on_record: Callable[[Record], None] | None = None,
        *,
        has_bundle: Callable[[Trial], bool],
        retry: int = 0,
        together_s: float = 0.0,
    ) -> None:
        self.display = display
        self.failures: dict[str, Failure] = {}
        self._ledger, self._on_record, self._has_bundle = ledger, on_record, has_bundle
        self._retry, self._tries = retry, dict[str, int]()
        self._together_s, self._wait_s = together_s, 0.0
        self._total, self._steps = len(steps), steps
        self._titles: dict[str, str] | None = None
        self._missing = {step.name: set(step.needs) for step in steps if step.needs}
        self._dependents: dict[str, list[Step]] = {}
        for step in steps:
            for name in step.needs:
                self._dependents.setdefault(name, []).append(step)
        self._ready = _Ready(steps)
        self._mine = deque[Step]()
        self._elsewhere: dict[str, Step] = {}
        self._asked = 0.0
        self._at_work: dict[str, float] = {}
        self._ended, self._spent_s = 0, 0.0
        self._unkept: list[tuple[Step, Record]] = []
        self._kept_at = 0.0
        self._claims = _Claims(ledger)
        self._met_others = False
        self._failed_before = ledger.failures(step.name for step in steps)

    def __enter__(self) -> Self:
        self._claims.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._unkept:
                self._keep()
        finally:
            self._claims.end()

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to run, here or elsewhere."""
        left = self._ready or self._mine or self._elsewhere or self._at_work or self._unkept
        return not left

    @property
    def patience_s(self) -> float | None:
        """How long one may wait for what is at work here until `take` is to be called again."""
        if self._unkept:
            return self._wait_s
        return ASK_AGAIN_S if self._elsewhere and not self._mine else None

    @property
    def left(self) -> int:
        """How many steps could be run now, at most."""
        return len(self._ready) + len(self._mine) + len(self._elsewhere)

    def take(self) -> Step | None:
        """Return the step that is run next; None where none can be now.

        Raises:
            LedgerError: the ledger cannot be written.
        """
        self.keep_due()
        while not self._mine and (self._ready or self._ask_again()):
            self._claim()
        if not self._mine:
            return None
        step = self._mine.popleft()
        self._at_work[step.name] = time.monotonic()
        return step

    def keep_due(self) -> None:
        """Keep what has ended a while ago; to be called again and again, also where all are busy.

        Raises:
            LedgerError: the ledger cannot be written.
        """
        if self._unkept and time.monotonic() - self._kept_at >= self._wait_s:
            self._keep()

    def take_alike(self, first: Step, key: Callable[[Trial], str | None], most: int) -> list[Step]:
        """Return further steps that are run together with one that was taken.

        Args:
            first: the step.
            key: what trials share that are run together; None: it is run alone.
            most: how many at most.

        Raises:
            LedgerError: the ledger cannot be written.
        """
        shared = None if first.remake else key(first.trial)
        if shared is None:
            return []
        known = {step.name for step in self._mine}
        wanted = [
            step
            for step in (*self._mine, *self._ready.first(len(self._ready)))
            if not step.remake and key(step.trial) == shared
        ][:most]
        new = [step for step in wanted if step.name not in known]
        names = known.union(self._claims.take(new, most).taken)
        taken = [step for step in wanted if step.name in names]
        for step in taken:
            if step.name not in known:
                self._ready.pop(step.name)
            self._at_work[step.name] = time.monotonic()
        self._mine = deque(step for step in self._mine if step.name not in self._at_work)
        return taken

    def wait(self) -> None:
        """Let some time go by, where nothing is at work here; keep what has ended.

        Whoever has no worker left takes no step, so that this is the last chance to.

        Raises:
            LedgerError: the ledger cannot be written.
        """
        if self._unkept:
            self._keep()
        else:
            time.sleep(self.patience_s or 0)

    def store(self, step: Step, record: Record) -> None:
        """Keep the record of a step; of one that was run for its bundle alone, nothing is kept.

        It is in the ledger when this returns, or, where others have just been kept, soon after:
        by `keep_due`.

        Raises:
            TrialError: the record is of another trial.
            LedgerError: it cannot be written.
        """
        if record.name != step.name:
            raise TrialError(f"{described(step)}: came back as the record of {record.name}")
        self._spent_s += self._out(step)
        self._ended += 1
        self._unkept.append((step, record))
        self.keep_due()

    def _keep(self) -> None:
        """Write what has ended, all in one transaction."""
        ended, self._unkept, began = self._unkept, [], time.monotonic()
        wanted = [record for step, record in ended if not step.remake]
        held = self._ledger.has(record.name for record in wanted) if self._on_record else set()
        self._ledger.add_all(wanted)
        self._kept_at = time.monotonic()
        self._wait_s = min(self._together_s, 4 * (self._kept_at - began))
        self._claims.release([step.name for step, _ in ended if step.remake])
        for step, record in ended:
            self._is_done(step, record)
            if self._on_record is not None and not step.remake and record.name not in held:
                self._on_record(record)

    def fail(self, step: Step, error: BadnetsError) -> None:
        """Run a step that has failed again, where that is asked for; else remember the failure.

        Those that need it fail with it; the others go on.

        Raises:
            BadnetsError: the error itself, where it would stop the others too.
        """
        if isinstance(error, STOPS_ALL):
            raise error
        self._out(step)
        tries = self._tries[step.name] = self._tries.get(step.name, 0) + 1
        again = tries <= self._retry
        if not again:  # before others can take it
            self._ledger.note_failure(step.name, self._title(step), str(error), tries)
        self._claims.release([step.name])
        if again:
            self._ready.add(step)
            self.display.failed(step, f"{error}; it is tried again", for_good=False)
        else:
            self._fail_with_dependents(step, error)

    def raise_failures(self) -> None:
        """Say what failed, if anything has, now that all the others are done.

        Raises:
            BadnetsError: a single trial was to be run: its own error.
            TrialError: naming those that failed.
        """
        failed = list(self.failures.values())
        if not failed:
            return
        if self._total == 1:
            raise failed[0].error
        listed = "; ".join(f"{described(one.step)}: {one.error}" for one in failed[:_MOST_SAID])
        if len(failed) > _MOST_SAID:
            listed += f"; and {len(failed) - _MOST_SAID:,} more: `badnets ledger failures`"
        which = f"{len(failed):,} of {self._total:,} trials failed, the others are in the ledger"
        if len(failed) == self._total:
            which = f"all {self._total:,} trials failed"
        raise TrialError(f"{which}: {listed}")

    def _title(self, step: Step) -> str:
        """Return what to call a step among all, with the settings that tell it from namesakes."""
        if self._titles is None:
            titles = told_apart([one.trial for one in self._steps])
            self._titles = dict(zip((one.name for one in self._steps), titles, strict=True))
        return self._titles[step.name]

    def _claim(self) -> None:
        """Ask the ledger for the first of the ready steps that nobody else is at."""
        looked = self._ready.first(_LOOK)
        taken = self._claims.take(looked, self._ahead())
        self._met_others |= bool(taken.elsewhere or taken.recorded)
        for name in taken.elsewhere:
            self._elsewhere[name] = self._ready.pop(name)
        failed = self._failed_elsewhere(taken.taken) if self._met_others else {}
        self._claims.release(list(failed))
        for name in taken.taken:
            step = self._ready.pop(name)
            if name in failed:
                self._fail_with_dependents(step, TrialError(failed[name]))
            else:
                self._mine.append(step)
        done = {name: self._ready.pop(name) for name in taken.recorded}
        for record in self._ledger.records(names=done) if done else ():
            step = done[record.name]
            if step.name in self._dependents and not self._has_bundle(step.trial):
                self._ready.add(Step(step.trial, step.needs, remake=True))
            else:
                self._is_done(step, record)

    def _failed_elsewhere(self, names: Iterable[str]) -> dict[str, str]:
        """Return why steps have failed in another process since this run began."""
        before = self._failed_before
        return {
            name: found.reason
            for name, found in self._ledger.failures(names).items()
            if name not in self._tries
            and (name not in before or before[name].attempts < found.attempts)
        }

    def _ask_again(self) -> bool:
        """Have what others are at asked for again, but not all the time; whether it will be."""
        now = time.monotonic()
        if not self._elsewhere or now - self._asked < ASK_AGAIN_S:
            return False
        self._asked = now
        self._claims.free_those_of_the_dead(self._elsewhere)
        for step in self._elsewhere.values():
            self._ready.add(step)
        self._elsewhere = {}
        return True

    def _ahead(self) -> int:
        """How many steps are claimed at once: one, or more where they take no time."""
        pace = self._spent_s / self._ended if self._ended else _AHEAD_S
        return max(1, min(_MOST_AHEAD, round(_AHEAD_S / max(pace, 1e-4))))

    def _out(self, step: Step) -> float:
        return time.monotonic() - self._at_work.pop(step.name)

    def _is_done(self, step: Step, record: Record) -> None:
        self.display.finished(step, record)
        for other in self._dependents.pop(step.name, ()):
            missing = self._missing.get(other.name)
            if missing is None:  # it has failed already
                continue
            missing.discard(step.name)
            if not missing:
                del self._missing[other.name]
                self._ready.add(other)

    def _fail_with_dependents(self, step: Step, error: BadnetsError) -> None:
        self.failures[step.name] = Failure(step, error)
        self.display.failed(step, str(error), for_good=True)
        because = TrialError(f"not run: it needs {described(step)}, which failed")
        for other in self._dependents.pop(step.name, ()):
            if self._missing.pop(other.name, None) is not None:
                self._fail_with_dependents(other, because)


class _Ready:
    """Steps that can be run now, in the order of the plan: what needs one follows it at once."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._places = {step.name: place for place, step in enumerate(steps)}
        self._steps = {step.name: step for step in steps if not step.needs}
        self._heap = [(self._places[name], name) for name in self._steps]  # sorted, so a heap

    def __len__(self) -> int:
        return len(self._steps)

    def add(self, step: Step) -> None:
        self._steps[step.name] = step
        heappush(self._heap, (self._places[step.name], step.name))

    def pop(self, name: str) -> Step:
        return self._steps.pop(name)  # the heap forgets it when it comes to it

    def first(self, most: int) -> list[Step]:
        """Return so many of them, at most; they stay."""
        found: dict[str, Step] = {}
        while self._heap and len(found) < most:
            _, name = heappop(self._heap)
            if name in self._steps:
                found[name] = self._steps[name]
        for name in found:
            heappush(self._heap, (self._places[name], name))
        return list(found.values())


class _Claims:
    """This driver's claims, renewed by a thread while it lives."""

    def __init__(self, ledger: Ledger) -> None:
        self._claims, self._where = ledger.claims, ledger.where
        self._holder = new_holder()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()
        with suppress(LedgerError):  # what is left of them ends by itself
            self._claims.release(self._holder)

    def take(self, steps: Sequence[Step], most: int) -> Taken:
        again = {step.name for step in steps if step.remake}
        names = [step.name for step in steps]
        return self._claims.take(names, self._holder, lease_s=LEASE_S, most=most, again=again)

    def release(self, names: Sequence[str]) -> None:
        if names:
            self._claims.release(self._holder, names)

    def free_those_of_the_dead(self, names: Iterable[str]) -> None:
        """Release what processes of this machine held that have ended without a word."""
        for holder in self._claims.holders(names):
            if is_gone(holder):
                self._claims.release(holder)

    def _renew(self) -> None:
        while not self._over.wait(LEASE_S / 4):
            with suppress(LedgerError):  # the driver itself meets the same error, and says it
                self._claims.renew(self._holder, lease_s=LEASE_S)


def described(step: Step) -> str:
    """Return what to call a step in a message."""
    return f"{step.trial.title} ({step.name})"
