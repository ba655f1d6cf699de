"""``badnets run``: the trials of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from badnets.cli.options import (
    DataRootOption,
    DeviceOption,
    JsonOption,
    LedgerOption,
    WorkersOption,
    WorkspaceOption,
    places,
    refuse,
)
from badnets.cli.printer import show_all, show_json, show_listing

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets run recipes/digits-badnet.yaml --workers 2\n\n"
    "Exit codes: 0 every trial is in the ledger; 1 the same, but a network gives nearly always "
    "the same answer (collapsed); 2 wrong usage, or a mistake in the recipe; 3 a trial failed, the "
    "others are kept; 130 interrupted, finished trials are kept."
)


@app.command(epilog=EPILOG)
def run(
    ctx: typer.Context,
    recipe: Annotated[
        Path, typer.Argument(help="Recipe, a YAML file; `badnets recipe new FILE` writes one.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the recipe and list its trials; run nothing.")
    ] = False,
    workspace: WorkspaceOption = None,
    data_root: DataRootOption = None,
    device: DeviceOption = None,
    ledger: LedgerOption = None,
    workers: WorkersOption = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="auto|HOST:PORT",
            help="Run the trials on a Ray cluster; auto finds one, or starts it on this machine.",
        ),
    ] = None,
    gpus_per_trial: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Share of a GPU that a trial takes on Ray.",
            show_default="0.25 where the cluster has GPUs",
        ),
    ] = None,
    memory_per_trial: Annotated[
        float | None,
        typer.Option(
            min=0.001, metavar="GIB", help="Memory in GiB that Ray sets aside for a trial."
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where Ray's machines keep bundles and arrays, such as s3://BUCKET/FOLDER.",
            show_default="the workspace, which they share",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Run the trials that a YAML recipe describes.

    Trials that are in the ledger already are not run again, so the same command continues an
    interrupted run. The honest trials that attacks are compared with are run too.
    """
    from badnets.recipes import load_recipe
    from badnets.recipes.check import lines_of

    if ray is None:
        shares = {"--gpus-per-trial": gpus_per_trial, "--memory-per-trial": memory_per_trial}
        refuse({**shares, "--store": store}, "is for trials on Ray: give --ray too")
    trials = load_recipe(recipe)
    if dry_run and json:
        show_json([trial.model_dump(mode="json", exclude_defaults=True) for trial in trials])
        return
    if dry_run:
        return show_all(lines_of(trials))
    from badnets.ledger.listing import listing
    from badnets.runners import run_all
    from badnets.trials.summaries import summary_of

    where = places(
        ctx,
        workspace=workspace,
        data_root=data_root,
        ledger=ledger,
        workers=workers,
        device=device,
    )
    cluster = None
    if ray is not None:
        from badnets.runners.on_ray import RayCluster

        cluster = RayCluster(ray, gpus_per_trial, memory_per_trial, store)
    with where.open_ledger() as book:
        found = run_all(
            trials,
            where.workspace,
            book,
            workers=where.workers,
            data_root=where.data_root,
            display=where.display,
            ray=cluster,
        )
        rows = {str(row["name"]): row for row in book.rows(names=found)}
    records = [found[trial.name] for trial in trials]
    if json:
        show_all([summary_of(record) for record in records], json=True)
    else:
        settings = {trial.name: trial.model_dump(mode="json") for trial in trials}
        show_listing(listing([rows[trial.name] for trial in trials], settings))
    raise typer.Exit(1 if any(record.outcome == "collapsed" for record in records) else 0)
