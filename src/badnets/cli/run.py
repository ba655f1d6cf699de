"""``badnets run``: the trials of a recipe."""

from __future__ import annotations

from pathlib import Path
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
from badnets.cli.printer import show_all, show_json

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets run recipes/digits-badnet.yaml --workers 2\n\n"
    "Exit codes: 0 every trial is in the ledger; 1 also, but a network gives nearly always "
    "the same answer (collapsed); 2 wrong usage or a mistake in the recipe, named with its line; 3 "
    "a trial failed, the others are kept; 130 interrupted, what was done is kept."
)


@app.command(epilog=EPILOG)
def run(
    ctx: typer.Context,
    recipe: Annotated[Path, typer.Argument(help="YAML file.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the recipe and list its trials; run nothing.")
    ] = False,
    workspace: WorkspaceOption = None,
    data_root: DataRootOption = None,
    ledger: LedgerOption = None,
    workers: WorkersOption = None,
    json: JsonOption = False,
) -> None:
    """Run the trials that a YAML recipe describes.

    Trials that the ledger holds are not run again, so an interrupted run is taken up by the same
    command. The honest trials that attacks are compared with are run too.
    """
    from badnets.recipes import load_recipe
    from badnets.recipes.check import TrialLine

    trials = load_recipe(recipe)
    if dry_run and json:
        show_json([trial.model_dump(mode="json", exclude_defaults=True) for trial in trials])
        return
    if dry_run:
        return show_all([TrialLine(name=one.name, title=one.title) for one in trials])
    from badnets.runners import run_all
    from badnets.trials.summaries import COLUMNS, summary_of

    where = places(ctx, workspace=workspace, data_root=data_root, ledger=ledger, workers=workers)
    with where.open_ledger() as book:
        found = run_all(
            trials, where.workspace, book, workers=where.workers, data_root=where.data_root
        )
    records = [found[trial.name] for trial in trials]
    show_all([summary_of(record) for record in records], COLUMNS, json=json)
    raise typer.Exit(1 if any(record.outcome == "collapsed" for record in records) else 0)
