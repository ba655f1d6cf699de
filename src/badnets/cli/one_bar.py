"""One bar for one trial, which leaves nothing behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bars

from badnets.core.progress import Progress
from badnets.runners import Silent, Step


class OneBar(Silent):
    """Draws a bar while a trial runs.

    Args:
        stream: a terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            console=Console(file=stream),
            transient=True,
        )
        self._task = self._bars.add_task("training")

    def begin(self, steps: Sequence[Step], held: int, workers: int) -> None:
        """Show the bar."""
        self._bars.start()

    def progress(self, step: Step, progress: Progress) -> None:
        """Move it."""
        self._bars.update(
            self._task,
            completed=progress.done,
            total=progress.total,
            description=progress.what,
        )

    def end(self, *, interrupted: bool) -> None:
        """Take it away."""
        self._bars.stop()
