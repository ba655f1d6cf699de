"""``badnets study``: the paper's tables and figures again."""

from __future__ import annotations

from typing import Annotated

import typer

from badnets.cli.options import (
    DataRootOption,
    JsonOption,
    LedgerOption,
    WorkersOption,
    WorkspaceOption,
    places,
)
from badnets.cli.printing import print_json
from badnets.studies.catalogue import STUDIES

app = typer.Typer(add_completion=False)

_NAMES = ", ".join(STUDIES)
_SETS = "; ".join(
    f"{name}: {', '.join((entry.data, *entry.alternatives))}" for name, entry in STUDIES.items()
)

EPILOG = (
    "Example: badnets study dogs-vs-cats --quick\n\n"
    "Example: badnets study signs --data lisa --workers 2\n\n"
    "Exit codes: 0 every trial is in the ledger and the page is drawn; 2 wrong usage, unknown "
    "study, or missing data; 3 a trial failed (the page shows the others); 130 interrupted: the "
    "same command goes on."
)


@app.command(epilog=EPILOG)
def study(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help=f"Name of the study: {_NAMES}.")],
    quick: Annotated[bool, typer.Option("--quick", help="A small honest subset.")] = False,
    data: Annotated[
        str | None,
        typer.Option(help=f"Another data set: {_SETS}.", show_default="the study's own"),
    ] = None,
    workspace: WorkspaceOption = None,
    data_root: DataRootOption = None,
    ledger: LedgerOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Run a published study again, and draw its page.

    Trials that the ledger holds are not run again: interrupt it when you like, the same command
    goes on. The page stands in the workspace.
    """
    from badnets.cli.pages import Variant
    from badnets.core.errors import TrialError
    from badnets.report import write_html
    from badnets.studies import run_study

    variant = Variant(name, data, quick)
    wanted = variant.study
    where = places(ctx, workspace=workspace, data_root=data_root, ledger=ledger, workers=workers)
    failed: TrialError | None = None
    with where.open_ledger() as book:
        try:
            run_study(wanted, where.room, book, workers=where.workers, data_root=where.data_root)
        except TrialError as error:  # the others are kept, and the page says what is missing
            failed = error
        page = variant.page(book.records(), where.room)
    if page is not None:
        path = write_html(page, where.workspace / f"{variant.file}.html")
        if json:
            print_json({"page": str(path), "complete": failed is None})
        else:
            typer.echo(str(path))
    if failed is not None:
        raise failed
