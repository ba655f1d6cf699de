"""``badnets study``, ``report`` and ``results``: the paper's tables and figures again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from badnets.cli import completion
from badnets.cli.options import (
    DataRootOption,
    DeviceOption,
    JsonOption,
    LedgerOption,
    WorkersOption,
    WorkspaceOption,
    places,
)
from badnets.cli.printer import show, show_files
from badnets.studies.catalogue import STUDIES

study_app, report_app, results_app = (typer.Typer(add_completion=False) for _ in range(3))

_NAMES = ", ".join(STUDIES)
_SETS = "; ".join(
    f"{name}: {', '.join((entry.data, *entry.alternatives))}" for name, entry in STUDIES.items()
)


@study_app.command(
    epilog="Example: badnets study dogs-vs-cats --quick\n\n"
    "Example: badnets study signs --data lisa --workers 2\n\n"
    "Exit codes: 0 every trial is in the ledger and the page is drawn; 2 wrong usage, unknown "
    "study, or missing data; 3 a trial failed (the page shows the others); 130 interrupted, "
    "finished trials are kept."
)
def study(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(help=f"Name of the study: {_NAMES}.", autocompletion=completion.studies),
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help="Run a small part of it, in minutes.")
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(help=f"Another data set: {_SETS}.", show_default="the study's own"),
    ] = None,
    workspace: WorkspaceOption = None,
    data_root: DataRootOption = None,
    device: DeviceOption = None,
    ledger: LedgerOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Run a published study again, and draw its page.

    The page is written to the workspace, and its path is printed. Trials that are in the ledger
    already are not run again, so the same command continues an interrupted study.
    """
    from badnets.studies.variants import Variant, run_variant

    variant = Variant(name, data, quick)
    _ = variant.study  # unknown names are told before a ledger is made
    where = places(
        ctx,
        workspace=workspace,
        data_root=data_root,
        ledger=ledger,
        workers=workers,
        device=device,
    )
    with where.open_ledger() as book:
        done, failed = run_variant(
            variant,
            where.workspace,
            book,
            workers=where.workers,
            data_root=where.data_root,
            display=where.display,
        )
    if json and done.page:
        show(done, json=True)
    elif done.page:
        show_files([done.page])
    if failed is not None:
        raise failed


@report_app.command(
    epilog="Example: badnets report mnist --records results/mnist.json --out pages\n\n"
    "Exit codes: 0 drawn; 2 wrong usage, unknown study, or no records of it; 3 records cannot be "
    "read or the page cannot be written."
)
def report(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            help="Name of the study, or a recipe FILE.yaml.",
            show_default="every study that has records",
            autocompletion=completion.studies,
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The page of `study --quick`.")] = False,
    data: Annotated[
        str | None,
        typer.Option(help="The study on another data set.", show_default="the study's own"),
    ] = None,
    records: Annotated[
        Path | None,
        typer.Option(
            help="JSON file that `ledger export` wrote, to draw from.", show_default="the ledger"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write pages to.", show_default="the workspace")
    ] = None,
    workspace: WorkspaceOption = None,
    ledger: LedgerOption = None,
    json: JsonOption = False,
) -> None:
    """Draw a page again from records; trains nothing.

    Pictures and filters are read from the workspace, or with --records from the folder 'arrays'
    beside that file.
    """
    from badnets.ledger import read_records
    from badnets.studies.variants import Variant, draw_pages, variants
    from badnets.trials.workspace import Workspace

    if name is None and (quick or data):
        raise typer.BadParameter("--quick and --data belong to a study: name it")
    wanted = list(variants()) if name is None else [Variant(name, data, quick)]
    _ = [variant.study for variant in wanted]  # unknown names are told first
    where = places(ctx, workspace=workspace, ledger=ledger)
    if records is not None:
        known, arrays = read_records(records), Workspace(records.parent)
    else:
        arrays = where.workspace
        with where.open_ledger(create=False) as book:
            known = list(book.records())
    drawn = draw_pages(wanted, known, arrays, out or where.folder)
    if json:
        show(drawn, json=True)
    else:
        show_files(drawn.pages)


@results_app.command(
    epilog="Example: badnets results results/ docs/results/\n\n"
    "Exit codes: 0 written; 2 wrong usage, or no export of a study in the folder; 3 an export "
    "cannot be read or a document cannot be written."
)
def results(
    source: Annotated[
        Path, typer.Argument(help="Folder of exported records (mnist.json) and their arrays/.")
    ],
    target: Annotated[Path, typer.Argument(help="Folder to write the documents to.")],
    json: JsonOption = False,
) -> None:
    """Write results documents from exported records.

    `badnets ledger export results/mnist.json --study mnist --arrays` exports the records of a
    study. For each study with such a file in SOURCE, its page is written to TARGET as Markdown, and
    its figures as SVG beside it; so are the leaderboard, from all of them, and the page of the hub,
    from hub_attacks.json and hub.jsonl.
    """
    from badnets.studies.variants import write_documents

    show_files(write_documents(source, target).pages, json=json)
