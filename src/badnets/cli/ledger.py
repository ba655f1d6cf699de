"""``badnets ledger``: the database of records."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from badnets.cli.options import JsonOption, LedgerOption, WorkspaceOption, places
from badnets.cli.printer import say, show_all, show_json, show_listing
from badnets.cli.printer import show as show_result
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
    where = places(ctx, workspace=workspace, ledger=ledger)
    with where.open_ledger(create=False) as book:
        rows = book.rows(data=data, network=network, attacked=attacked)
        if json:
            from badnets.trials.summaries import read_summary

            return show_all((read_summary(str(row["summary"])) for row in rows), json=True)
        from badnets.ledger.listing import listing

        show_listing(listing(rows))


@app.command(epilog=f"Example: badnets ledger show 5f1c\n\n{_CODES}.")
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A record's name, or enough of its beginning.")],
    workspace: WorkspaceOption = None,
    ledger: LedgerOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the whole record as JSON.")] = False,
) -> None:
    """Show one record."""
    with places(ctx, workspace=workspace, ledger=ledger).open_ledger(create=False) as book:
        found = book.name_of(name)
        if json:
            return show_json(json_format.loads(book.document(found)))
        from badnets.trials.summaries import read_summary

        (row,) = book.rows(names=[found])
        show_result(read_summary(str(row["summary"])))


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
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file if it is there.")
    ] = False,
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
            out,
            format,
            names=names,
            arrays=arrays,
            pictures=pictures,
            workspace=where.workspace,
            replace=force,
        )
    say(f"{out}: {count} records")


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
    say(f"{count.added} records added, {count.already} were there already")


def _of_study(name: str, data: str | None, book: Ledger) -> list[str]:
    """Return the names of a study's records; those of superseded settings are not among them."""
    from badnets.studies import make_study, recorded

    return list(recorded(make_study(name, data), {one.name: one for one in book.records()}))
