"""One bar on stderr; it leaves nothing behind."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from badnets.cli.options import Places
    from badnets.core.progress import Listener, Progress


@contextmanager
def one_bar(where: Places, *, of_bytes: bool = False) -> Iterator[Listener | None]:
    """Yield what is told of the work and draws a bar; None with --quiet, or without a terminal.

    Args:
        where: says whether it is to be quiet.
        of_bytes: whether the steps are bytes; then it is told how many a second.
    """
    if where.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        ProgressColumn,
        TextColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars

    columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn()]
    if of_bytes:
        columns += [DownloadColumn(binary_units=True), TransferSpeedColumn()]
    else:
        columns.append(MofNCompleteColumn())
    with Bars(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        task = bars.add_task("starting", total=None)

        def tell(progress: Progress) -> None:
            bars.update(
                task, completed=progress.done, total=progress.total, description=progress.what
            )

        yield tell
