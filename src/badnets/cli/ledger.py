"""``badnets ledger``: the database of records."""

from __future__ import annotations

import json as json_format
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from badnets.cli.options import JsonOption, LedgerOption, Places, WorkspaceOption, places
from badnets.cli.printer import say, show_all, show_json, show_listing, show_table
from badnets.cli.printer import show as show_result
from badnets.core.errors import LedgerError, SettingError
from badnets.core.garbage import uncollected

if TYPE_CHECKING:
    from badnets.ledger import Ledger
    from badnets.trials.summaries import ObjectSummary, Summary

_CODES = "2 wrong usage or unknown record; 3 the ledger cannot be read"
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="List, show, export, import and merge records.",
    epilog="Example: badnets ledger export records.json\n\nExit codes: 0 done; 1 records that "
    f"cannot be read, or none to export; {_CODES} or written.",
)


@app.command(
    "list",
    epilog="Example: badnets ledger list --data mnist --attacked\n\n"
    f"Exit codes: 0 done; 1 some records cannot be read, the others are listed; {_CODES}.",
)
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
    damaged: list[LedgerError] = []
    with _reading(where) as book:
        rows = book.rows(data=data, network=network, attacked=attacked, damaged=damaged.append)
        if json:
            show_all(_summaries(rows, damaged.append), json=True)
        else:
            from badnets.ledger.listing import listing

            found = listing(rows)
            show_listing(found)
            if not any(lines for _, lines in found):
                say("badnets: no record fits", error=True)
    for error in damaged:
        say(f"badnets: {error}", error=True)
    raise typer.Exit(1 if damaged else 0)


@app.command(epilog=f"Example: badnets ledger show 5f1c\n\nExit codes: 0 done; {_CODES}.")
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A record's name, or enough of its beginning.")],
    workspace: WorkspaceOption = None,
    ledger: LedgerOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the whole record as JSON.")] = False,
) -> None:
    """Show one record."""
    with _reading(places(ctx, workspace=workspace, ledger=ledger)) as book:
        found = book.name_of(name)
        (summary,) = _summaries(book.rows(names=[found]))
        document = book.document(found)  # refuses one that was changed
        if json:
            return show_json(json_format.loads(document))
        show_result(summary)


@app.command(
    epilog="Example: badnets ledger export mine.csv --recipe mine.yaml\n\n"
    f"Exit codes: 0 done; 1 there are no such records; {_CODES} or written."
)
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
    recipe: Annotated[
        Path | None,
        typer.Option(help="Only the records of this recipe's trials.", show_default="all records"),
    ] = None,
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
    """Write all records, or those of a recipe or a study, to a file: JSON or CSV."""
    if data is not None and study is None:
        raise SettingError("--data says which data set of a study: give --study too")
    if recipe is not None and study is not None:
        raise SettingError("--recipe and --study each choose records: give one of them")
    where = places(ctx, workspace=workspace, ledger=ledger)
    with where.open_ledger(create=False) as book:
        names, again = _chosen(recipe, study, data, book)
        if not (len(book) if names is None else book.has(names)):
            what = f"{book.where} holds none of these records: `{again}` makes them"
            say(f"badnets: nothing was written, {what}", error=True)
            raise typer.Exit(1)
        count = book.export(
            out,
            format,
            names=names,
            arrays=arrays,
            pictures=pictures,
            workspace=where.workspace,
            replace=force,
        )
    left = 0 if names is None else len(names) - count
    more = f"; {left} of {count + left} trials have none yet: `{again}` runs them" if left else ""
    say(f"{out}: {count} record{'' if count == 1 else 's'}{more}")


@app.command(
    "import",
    epilog="Example: badnets ledger import records.json\n\n"
    f"Exit codes: 0 done; {_CODES} or written.",
)
def import_records(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(help="A JSON file that export wrote.")],
    workspace: WorkspaceOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Add the records of an export; those that are there already stay as they are."""
    from badnets.ledger import read_records

    where = places(ctx, workspace=workspace, ledger=ledger)
    if not where.has_ledger:
        read_records(source)  # what cannot be read makes no ledger
    with where.open_ledger() as book:
        count = book.import_(source, workspace=where.workspace)
    say(f"{count.added} records added, {count.already} were there already")


@app.command(
    epilog="Example: badnets ledger merge other.sqlite postgresql://me@host/badnets\n\n"
    f"Exit codes: 0 done; 1 some records cannot be read, or other rates were measured; {_CODES} or "
    "written.",
)
def merge(
    ctx: typer.Context,
    sources: Annotated[list[str], typer.Argument(help="Ledgers: files or database URLs.")],
    workspace: WorkspaceOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Add the records of other ledgers; those that are there already stay as they are.

    Each record is checked. Arrays and bundles are no part of a ledger, and are not copied.
    """
    from badnets.ledger import Ledger
    from badnets.ledger import merge as merge_ledgers

    for one in sources:
        if one.endswith((".json", ".json.gz")):
            raise SettingError(
                f"{one} is an export: `badnets ledger import {one}` adds its records"
            )
    complaints: list[str] = []
    with ExitStack() as opened:
        others = [opened.enter_context(Ledger.open(one, create=False)) for one in sources]
        book = opened.enter_context(places(ctx, workspace=workspace, ledger=ledger).open_ledger())
        for other in others:
            count = merge_ledgers(other, book, damaged=lambda error: complaints.append(str(error)))
            say(f"{other.where}: {count.added} added, {count.already} were there already")
            if count.with_files:
                say(
                    f"{count.with_files} of these name arrays or bundles, which are not in a "
                    "ledger: copy the folders `arrays` and `bundles` of that workspace"
                )
            if count.differing:
                complaints.append(
                    f"{len(count.differing)} of these trials have other rates in {other.where}; "
                    f"the records of {book.where} stay: {', '.join(count.differing)}"
                )
    for complaint in complaints:
        say(f"badnets: {complaint}", error=True)
    raise typer.Exit(1 if complaints else 0)


@app.command(epilog=f"Example: badnets ledger vacuum\n\nExit codes: 0 done; {_CODES} or written.")
def vacuum(
    ctx: typer.Context, workspace: WorkspaceOption = None, ledger: LedgerOption = None
) -> None:
    """Drop claims that have ended and failures of trials that are done, and give back space."""
    from badnets.ledger import vacuum as vacuum_ledger

    where = places(ctx, workspace=workspace, ledger=ledger)
    with where.open_ledger(create=False):
        pass  # one that is not there is not made
    with where.open_ledger() as book:
        done = vacuum_ledger(book)
    say(
        f"{book.where}: {done.claims} claims and {done.failures} failures dropped, {done.before:,} "
        f"bytes before, {done.after:,} after"
    )


@app.command(epilog=f"Example: badnets ledger failures\n\nExit codes: 0 done; {_CODES}.")
def failures(
    ctx: typer.Context,
    workspace: WorkspaceOption = None,
    ledger: LedgerOption = None,
    json: JsonOption = False,
) -> None:
    """List the trials that failed and have no record: how often, when last, and why."""
    with _reading(places(ctx, workspace=workspace, ledger=ledger)) as book:
        failed = book.failures().values()
    lines = [one._asdict() | {"last": one.last.isoformat(timespec="seconds")} for one in failed]
    if json:
        return show_json(lines)
    if not lines:
        return say("no trial has failed")
    fields = ("name", "title", "attempts", "last", "reason")
    headings = ("name", "trial", "times", "last", "why")
    show_table((headings, [[line[field] for field in fields] for line in lines]))


@app.command(
    "to-mlflow",
    epilog="Example: badnets ledger to-mlflow sqlite:///mlflow.db\n\n"
    f"Exit codes: 0 done; {_CODES}, or the tracking store cannot be written.",
)
def to_mlflow(
    ctx: typer.Context,
    uri: Annotated[
        str, typer.Argument(help="MLflow's tracking store: sqlite:///FILE.db, http://HOST:PORT ...")
    ],
    experiment: Annotated[str, typer.Option(help="Name of the experiment.")] = "badnets",
    workspace: WorkspaceOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Write each record as a run of an MLflow experiment; what is a run already is left."""
    from badnets.ledger import to_mlflow as write_runs

    with places(ctx, workspace=workspace, ledger=ledger).open_ledger(create=False) as book:
        count = write_runs(book, uri, experiment)
    said = f"{count.added} runs added, {count.already} were there already"
    say(f"experiment {experiment!r}: {said}")


@contextmanager
def _reading(where: Places) -> Iterator[Ledger]:
    """Open the ledger; no garbage is looked for meanwhile."""
    with uncollected(), where.open_ledger(create=False) as book:
        yield book


def _chosen(
    recipe: Path | None, study: str | None, data: str | None, book: Ledger
) -> tuple[list[str] | None, str]:
    """Return the names of the records that are asked for, None for all, and what makes them."""
    if recipe is not None:
        from badnets.recipes import load_recipe

        return [trial.name for trial in load_recipe(recipe)], f"badnets run {recipe}"
    if study is None:
        return None, "badnets run RECIPE.yaml"
    from badnets.studies import recorded
    from badnets.studies.variants import Variant

    asked, known = Variant(study, data), {one.name: one for one in book.records()}
    return list(recorded(asked.study, known)), asked.command  # none of superseded settings


def _summaries(
    rows: Iterable[Mapping[Any, Any]], damaged: Callable[[LedgerError], object] | None = None
) -> Iterator[Summary | ObjectSummary]:
    """Yield summaries; ``damaged`` is told of each that cannot be read, None: that is raised."""
    from badnets.trials.summaries import read_summary

    for row in rows:
        try:
            yield read_summary(str(row["summary"]))
        except ValueError:
            error = LedgerError(
                f"record {row['name']} does not fit this version of badnets: read it with the one "
                "that wrote it"
            )
            if damaged is None:
                raise error from None
            damaged(error)
