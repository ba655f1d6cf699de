"""What a person sees of many trials while they run: on stderr, never on stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from badnets.core.printing import printable
from badnets.core.progress import Progress
from badnets.runners.eta import TimeLeft, expected_work, spoken
from badnets.runners.planning import Step
from badnets.trials.differences import told_apart
from badnets.trials.record import Record
from badnets.trials.trial import Trial

OTHER_LINES = 3  # of a terminal: the bar of all trials, and some of what was said before


class Display:
    """Is told what happens, in the process that was asked to run the trials; shows nothing."""

    def expect(self, later: Sequence[Trial]) -> None:
        """Say which trials follow on those of the next `begin`, as far as that is known."""

    def note(self, what: str) -> None:
        """Say something of all the trials before they begin, in a line."""

    def begin(self, steps: Sequence[Step], held: int, workers: int) -> None:
        """Say which trials are to be run, ``workers`` at a time; ``held`` were before."""

    def started(self, step: Step) -> None:
        """Say that a trial has begun."""

    def progress(self, step: Step, progress: Progress) -> None:
        """Say how far a running trial is."""

    def finished(self, step: Step, record: Record) -> None:
        """Say that a trial has ended and that its record is kept."""

    def failed(self, step: Step, reason: str, *, for_good: bool = True) -> None:
        """Say that a trial has failed, or cannot be run because one that it needs has.

        Args:
            step: which.
            reason: why.
            for_good: whether it is not tried again.
        """

    def end(self, *, interrupted: bool) -> None:
        """Say that nothing more comes; called once, after an error too."""


class Silent(Display):
    """Shows nothing."""


class Lines(Silent):
    """Prints one line for each trial that has ended, and nothing else: for logs.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._later: Sequence[Trial] = ()

    def expect(self, later: Sequence[Trial]) -> None:
        self._later = later

    def note(self, what: str) -> None:
        self._say(what)

    def begin(self, steps: Sequence[Step], held: int, workers: int) -> None:
        self._total, self._ended, self._kept, self._failed = len(steps), 0, 0, 0
        self._since: dict[str, float] = {}
        titles = told_apart([step.trial for step in steps])
        self._titles = dict(zip((step.name for step in steps), titles, strict=True))
        trials = [*self._later, *(step.trial for step in steps)]
        work = {trial.name: expected_work(trial) for trial in trials}
        self._time_left = TimeLeft(work, workers)
        also = f" ({held:,} more are in the ledger already)" if held else ""
        also += f"; {len(self._later):,} more follow" if self._later else ""
        if again := sum(step.remake for step in steps):
            also += f"; {again:,} of them are in the ledger, and their networks are not here"
        at_a_time = f", {workers} at a time" if workers > 1 else ""
        self._say(f"{_trials(len(steps))} to run{at_a_time}{also}")

    def started(self, step: Step) -> None:
        self._since[step.name] = time.monotonic()

    def finished(self, step: Step, record: Record) -> None:
        self._kept += 1
        here = step.name in self._since
        spent = self._out(step)
        self._time_left.ended(step.name, spent if here else None)
        took = spoken(spent) if here else "by another process"
        self._say(
            f"[{self._ended}/{self._total}] {self._titles[step.name]}: {summary(record)} "
            f"({took}{self._eta()})"
        )

    def failed(self, step: Step, reason: str, *, for_good: bool = True) -> None:
        if not for_good:
            self._stopped(step)
            self._say(f"{self._titles[step.name]}: failed: {reason}")
            return
        self._failed += 1
        self._out(step)
        self._time_left.ended(step.name, None)
        self._say(f"[{self._ended}/{self._total}] {self._titles[step.name]}: failed: {reason}")

    def end(self, *, interrupted: bool) -> None:
        if interrupted:
            self._say(
                f"interrupted: {self._kept} of {_trials(self._total)} done and kept; "
                "the same command goes on from there"
            )

    def _out(self, step: Step) -> float:
        """Count a step out and return how long it ran."""
        self._ended += 1
        return self._stopped(step)

    def _stopped(self, step: Step) -> float:
        """Return how long a step ran that no longer does."""
        return time.monotonic() - self._since.pop(step.name, time.monotonic())

    def _eta(self) -> str:
        left = self._time_left.seconds(self._running_s())
        return f"; about {spoken(left)} left" if left else ""

    def _running_s(self) -> dict[str, float]:
        now = time.monotonic()
        return {name: now - since for name, since in self._since.items()}

    def _say(self, line: str) -> None:
        self._console.print(Text(printable(line)), soft_wrap=True)


class Bar(Lines):
    """Draws one bar for all trials and, where there is room, one for each that is running.

    Args:
        console: a terminal.
    """

    _live: Live | None = None

    def begin(self, steps: Sequence[Step], held: int, workers: int) -> None:
        super().begin(steps, held, workers)
        self._all = Bars(
            TextColumn("all trials"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
        )
        self._overall = self._all.add_task("", total=self._total, state="")
        self._each = Bars(
            BarColumn(bar_width=20), TextColumn("{task.description}  [dim]{task.fields[what]}")
        )
        self._rows: dict[str, TaskID] = {}
        self._live = Live(
            Group(self._each, self._all),
            console=self._console,
            refresh_per_second=5,
            transient=True,
            redirect_stdout=False,  # what is printed as a result stays on stdout
        )
        self._live.start()

    def started(self, step: Step) -> None:
        super().started(step)
        title = Text(printable(self._titles[step.name])).markup
        self._rows[step.name] = self._each.add_task(title, total=None, what="", visible=False)
        self._show_what_fits()
        self._update()

    def progress(self, step: Step, progress: Progress) -> None:
        if (row := self._rows.get(step.name)) is not None:
            self._each.update(
                row, completed=progress.done, total=progress.total, what=progress.what
            )
        self._update()

    def end(self, *, interrupted: bool) -> None:
        if self._live is not None:
            self._live.stop()
        super().end(interrupted=interrupted)

    def _out(self, step: Step) -> float:
        spent = super()._out(step)
        self._update()
        return spent

    def _stopped(self, step: Step) -> float:
        if (row := self._rows.pop(step.name, None)) is not None:
            self._each.remove_task(row)
            self._show_what_fits()
        return super()._stopped(step)

    def _show_what_fits(self) -> None:
        """Leave the terminal's last lines to the bar of all trials; the first that began stay."""
        for row in list(self._rows.values())[: max(1, self._console.height - OTHER_LINES)]:
            self._each.update(row, visible=True)

    def _update(self) -> None:
        """Say how many have ended, run and have failed, and when the last will end."""
        left = self._time_left.seconds(self._running_s())
        parts = [f"{len(self._rows)} running"] if self._rows else []
        parts += [f"[red]{self._failed} failed[/]"] if self._failed else []
        parts += [f"about {spoken(left)} left"] if left else []
        self._all.update(self._overall, completed=self._ended, state=", ".join(parts))


def display_for(console: Console | None = None) -> Display:
    """Return bars where stderr is a terminal, and lines where it is a file or a pipe."""
    console = console or Console(file=sys.stderr, highlight=False)
    return Bar(console) if console.is_terminal else Lines(console)


def summary(record: Record) -> str:
    """Return a record in a few words: outcome, clean accuracy, attack success rate."""
    parts = [record.outcome, f"clean {_percent(record.clean.accuracy.value)}"]
    if record.attack is not None and record.outcome != "collapsed":
        parts.append(f"ASR {_percent(record.attack.success.value)}")
    return ", ".join(parts)


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"


def _trials(count: int) -> str:
    return f"{count} trial" if count == 1 else f"{count:,} trials"
