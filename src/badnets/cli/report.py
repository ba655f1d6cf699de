"""``badnets report``: pages from records alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from badnets.cli.options import JsonOption, LedgerOption, WorkspaceOption, places
from badnets.cli.printing import print_json
from badnets.core.errors import SettingError

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets report mnist --records results/mnist.json --out pages\n\n"
    "Exit codes: 0 drawn; 2 wrong usage, unknown study, or no records of it; 3 records cannot be "
    "read or the page cannot be written."
)


@app.command(epilog=EPILOG)
def report(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(help="Name of the study.", show_default="each that has records"),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The small subset.")] = False,
    data: Annotated[
        str | None, typer.Option(help="On another data set.", show_default="the study's own")
    ] = None,
    records: Annotated[
        Path | None,
        typer.Option(help="An export (JSON, Parquet) to draw from.", show_default="the ledger"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the pages.", show_default="the workspace")
    ] = None,
    workspace: WorkspaceOption = None,
    ledger: LedgerOption = None,
    json: JsonOption = False,
) -> None:
    """Draw a page again from records; trains nothing.

    Arrays (pictures, filters) are looked for in the workspace, or with --records in the folder
    'arrays' beside the file.
    """
    from badnets.cli.pages import Variant, variants
    from badnets.ledger import read_records
    from badnets.report import write_html
    from badnets.trials.workspace import Workspace

    if name is None and (quick or data):
        raise typer.BadParameter("--quick and --data belong to a study: name it")
    asked = [Variant(name, data, quick)] if name is not None else list(variants())
    named = [(variant, variant.study) for variant in asked]  # unknown names are told first
    where = places(ctx, workspace=workspace, ledger=ledger)
    if records is not None:
        known, room = read_records(records), Workspace(records.parent)
    else:
        room = where.room
        with where.open_ledger(create=False) as book:
            known = list(book.records())
    drawn = []
    for variant, _ in named:
        page = variant.page(known, room)
        if page is not None:
            path = (out or where.workspace) / f"{variant.file}.html"
            drawn.append(str(write_html(page, path)))
    if not drawn:
        command = asked[0].command
        raise SettingError(f"there are no records of it among {len(known)}: `{command}` makes them")
    if json:
        print_json({"pages": drawn})
    else:
        typer.echo("\n".join(drawn))
