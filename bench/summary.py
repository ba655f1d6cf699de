"""The table at the end: every figure, the one that was wanted, and whether it was met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from bench.results import Result

COLOURS = {"met": "green", "missed": "bold red", "not judged": "dim", "": ""}
NARROWEST = 132  # of a table that goes to a file or a pipe


def print_summary(found: Mapping[str, Sequence[Result] | None], console: Console) -> None:
    """Print the table.

    Args:
        found: results by benchmark; None where it failed.
        console: where to.
    """
    table = Table(title="Benchmarks", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("benchmark", no_wrap=True)
    table.add_column("figure", ratio=1)
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("range", justify="right", no_wrap=True)
    table.add_column("n", justify="right")
    table.add_column("wanted", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name, results in found.items():
        if results is None:
            table.add_row(name, "[bold red]failed, see above[/]")
            continue
        for place, result in enumerate(results):
            colour = COLOURS[result.verdict]
            table.add_row(
                name if place == 0 else "",
                result.what,
                result.measured,
                result.spread,
                f"{result.n:,}",
                result.aim,
                f"[{colour}]{result.verdict}[/]" if colour else result.verdict,
            )
        table.add_section()
    console.print(table)


def console() -> Console:
    """Return stdout, wide enough for the table where it is not a terminal."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=max(NARROWEST, made.width))
