"""``badnets ledger``: the database of records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from badnets.cli.options import JsonOption, LedgerOption, WorkspaceOption, places
from badnets.cli.printer import show as show_result
from badnets.cli.printer import show_all, show_json
from badnets.core.errors import SettingError

if TYPE_CHECKING:
    from badnets.ledger import Ledger

_CODES = "Exit codes: 0 done; 2 wrong usage or unknown record; 3 the ledger cannot be read"
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="List, show, export and import records.",
    epilog=f"Example: badnets ledger export records.json\n\n{_CODES} or written.",
)


@app.command("list", epilog=f"Example: badnets ledger list --data mnist --attacked\n\n{_CODES}.")
def list_records(
    ctx: typer.Context,
    data: Annotated[str | None, typer.Option(help="Only this data set's.")] = None,
    network: Annotated[str | None, typer.Option(help="Only this network's.")] = None,
    attacked: Annotated[
        bool | None, typer.Option("--attacked/--clean", help="Only with, or without a backdoor.")
    ] = None,
    workspace: WorkspaceOption = None,
    ledger: LedgerOption = None,
    json: JsonOption = False,
) -> None:
    """List the records, oldest first."""
    from badnets.trials.summaries import COLUMNS, summary_of

    where = places(ctx, workspace=workspace, ledger=ledger)
    with where.open_ledger(create=False) as book:
        records = book.records(data=data, network=network, attacked=attacked)
        summaries = [summary_of(record) for record in records]
    show_all(summaries, COLUMNS, json=json)


@app.command(epilog=f"Example: badnets ledger show 5f1c\n\n{_CODES}.")
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A record's name, or enough of its beginning.")],
    workspace: WorkspaceOption = None,
    ledger: LedgerOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the whole record as JSON.")] = False,
) -> None:
    """Show one record."""
    from badnets.trials.summaries import summary_of

    with places(ctx, workspace=workspace, ledger=ledger).open_ledger(create=False) as book:
        record = book.find(name)
    if json:
        show_json(record.model_dump(mode="json"))
    else:
        show_result(summary_of(record, details=True))


@app.command(epilog=f"Example: badnets ledger export records.json\n\n{_CODES} or written.")
def export(
    ctx: typer.Context,
    out: Annotated[Path, typer.Argument(help="File to write.")],
    format: Annotated[
        Literal["json", "csv"] | None,
        typer.Option(
            help="JSON holds all, CSV what fits a table.", show_default="by the file's ending"
        ),
    ] = None,
    arrays: Annotated[
        bool, typer.Option("--arrays", help="Copy arrays too, into a folder beside the file.")
    ] = False,
    pictures: Annotated[
        bool,
        typer.Option(
            help="With images of the data set, which its licence may not allow to pass on."
        ),
    ] = True,
    study: Annotated[
        str | None,
        typer.Option(help="Only the records of this study.", show_default="all records"),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="That study on this data set.", show_default="the study's own"),
    ] = None,
    workspace: WorkspaceOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Write all records to a file: JSON or CSV."""
    if data is not None and study is None:
        raise SettingError("--data says which data set of a study: give --study too")
    where = places(ctx, workspace=workspace, ledger=ledger)
    with where.open_ledger(create=False) as book:
        names = None if study is None else _of_study(study, data, book)
        count = book.export(
            out, format, names=names, arrays=arrays, pictures=pictures, workspace=where.workspace
        )
    typer.echo(f"{out}: {count} records")


@app.command(
    "import", epilog=f"Example: badnets ledger import records.json\n\n{_CODES} or written."
)
def import_records(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(help="A JSON file that export wrote.")],
    workspace: WorkspaceOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Add the records of an export; those that are there already stay as they are."""
    where = places(ctx, workspace=workspace, ledger=ledger)
    with where.open_ledger() as book:
        count = book.import_(source, workspace=where.workspace)
    typer.echo(f"{count.added} records added, {count.already} were there already")


def _of_study(name: str, data: str | None, book: Ledger) -> list[str]:
    """Return the names of a study's records; those of superseded settings are not among them."""
    from badnets.studies import make_study, recorded

    return list(recorded(make_study(name, data), {one.name: one for one in book.records()}))
