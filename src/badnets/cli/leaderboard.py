"""``badnets leaderboard``: every attack and defence that there are records of, on one page."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from badnets.cli.options import JsonOption, LedgerOption, WorkspaceOption, places
from badnets.cli.printer import say, show_files

app = typer.Typer(add_completion=False)


@app.command(
    epilog="Example: badnets leaderboard -o leaderboard.html\n\n"
    "Example: badnets leaderboard results/audit*.json.gz -o board.html --force\n\n"
    "Exit codes: 0 written; 1 written, without records that cannot be read; 2 wrong usage, no "
    "records, or a file that is there already or cannot be written; 3 the ledger or an export "
    "cannot be read."
)
def leaderboard(
    ctx: typer.Context,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "--output",
            "-o",
            metavar="FILE.html",
            help="The page; a CSV file goes beside it.",
        ),
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Exports of records, JSON or JSON.gz. A ledger is read too where it is named.",
            show_default="the ledger of the workspace",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the page and its CSV file.")
    ] = False,
    workspace: WorkspaceOption = None,
    ledger: LedgerOption = None,
    json: JsonOption = False,
) -> None:
    """Write a page on which each recorded attack stands beside each recorded defence.

    Its rows are means over seeds with intervals. They can be sorted and filtered. Each has a link
    of its own, and opens the networks that it rests on and the command that makes them again. What
    was not measured is a gap. Nothing is trained.
    """
    from badnets.studies.leaderboard.writing import write_leaderboard

    if out.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"--out: the name must end in .html, got {out.name!r}")
    where = places(ctx, workspace=workspace, ledger=ledger)
    exports = tuple(files or ())
    command = ["badnets", "leaderboard", *map(str, exports), "-o", str(out)]
    if exports and not (workspace or ledger or where.ledger):
        written, left_out = write_leaderboard(None, exports, out, shlex.join(command), force=force)
    else:
        with where.open_ledger(create=False) as book:
            place = where.ledger or str(where.workspace.ledger_file)
            command = [*command[:2], "--ledger", place, *command[2:]]
            written, left_out = write_leaderboard(
                book, exports, out, shlex.join(command), force=force
            )
    show_files([str(path) for path in written], json=json)
    for line in left_out:
        say(f"badnets: left out: {line}", error=True)
    raise typer.Exit(1 if left_out else 0)
