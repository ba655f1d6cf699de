"""One trial after another, in this process, with all of its threads (or its GPU)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from badnets.core.errors import BadnetsError
from badnets.core.progress import Listener, Progress
from badnets.runners.book import Book, RunOne
from badnets.runners.planning import Step
from badnets.trials.workspace import Workspace


def run_in_process(
    steps: Sequence[Step], workspace: Workspace, book: Book, run: RunOne, data_root: Path | None
) -> None:
    """Run the steps in their order; those that fail are in the book afterwards.

    Raises:
        BadnetsError: something that would stop every trial.
    """
    left = list(steps)
    while left := book.give_up_on(left):
        step = left.pop(0)
        book.display.started(step)
        try:
            record = run(step.trial, workspace, data_root=data_root, progress=_teller(book, step))
        except BadnetsError as error:
            book.fail(step, error)
        else:
            book.store(step, record)


def _teller(book: Book, step: Step) -> Listener:
    def tell(progress: Progress) -> None:
        book.display.progress(step, progress)

    return tell
