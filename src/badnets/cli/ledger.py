"""``badnets ledger``: the database of records."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from badnets.cli.options import JsonOption, LedgerOption, WorkspaceOption, places
from badnets.cli.printing import (
    print_facts,
    print_json,
    print_records,
    rate_text,
    record_facts,
    record_json,
)
from badnets.core.errors import SettingError

if TYPE_CHECKING:
    from badnets.ledger import Ledger
    from badnets.trials.record import Record

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
        records = list(book.records(data=data, network=network, attacked=attacked))
    if json:
        print_json([record_json(record) for record in records])
    else:
        print_records(records)


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
        record = _named(book, name)
    if json:
        print_json(json_format.loads(record.model_dump_json()))
        return
    made, spent = record.provenance, record.timings
    facts = [
        *record_facts(record),
        ("training", f"{len(record.epochs)} epochs in {spent.train_s:.1f} s, {made.precision}"),
        *(
            (
                f"without {len(one.silenced)} of {one.layer}",
                f"clean {rate_text(one.clean)}, attack {rate_text(one.success)}",
            )
            for one in record.ablations
        ),
        ("machine", f"{made.machine.processor}, {made.machine.device}"),
        ("made", made.created.isoformat()),
        ("data", ", ".join(f"{key} {digest[:16]}" for key, digest in made.data_digests.items())),
    ]
    print_facts(facts)


@app.command(epilog=f"Example: badnets ledger export records.parquet\n\n{_CODES} or written.")
def export(
    ctx: typer.Context,
    out: Annotated[Path, typer.Argument(help="File to write.")],
    format: Annotated[
        Literal["json", "parquet", "csv"] | None,
        typer.Option(
            help="JSON and Parquet hold all, CSV what fits a table.",
            show_default="by the file's ending",
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
    """Write all records to a file: JSON, Parquet or CSV."""
    if data is not None and study is None:
        raise SettingError("--data says which data set of a study: give --study too")
    where = places(ctx, workspace=workspace, ledger=ledger)
    with where.open_ledger(create=False) as book:
        names = None if study is None else _of_study(study, data, book)
        count = book.export(
            out, format, names=names, arrays=arrays, pictures=pictures, workspace=where.room
        )
    typer.echo(f"{out}: {count} records")


@app.command(
    "import", epilog=f"Example: badnets ledger import records.json\n\n{_CODES} or written."
)
def import_records(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(help="A JSON or Parquet file that export wrote.")],
    workspace: WorkspaceOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Add the records of an export; those that are there already stay as they are."""
    where = places(ctx, workspace=workspace, ledger=ledger)
    with where.open_ledger() as book:
        count = book.import_(source, workspace=where.room)
    typer.echo(f"{count.added} records added, {count.already} were there already")


def _named(book: Ledger, name: str) -> Record:
    found = [record for record in book.records() if record.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise SettingError(f"no record is named {name!r}: `badnets ledger list` lists them")
    raise SettingError(
        f"{len(found)} records are named {name!r}...: give more of the name, as of {found[0].name}"
    )


def _of_study(name: str, data: str | None, book: Ledger) -> list[str]:
    """Return the names of a study's records; those of superseded settings are not among them."""
    from badnets.studies import make_study, recorded

    known = {record.name: record for record in book.records()}
    return list(recorded(make_study(name, data), known))
