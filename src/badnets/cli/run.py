"""``badnets run``: the trials of a recipe."""

from __future__ import annotations

import math
import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from badnets.cli.options import (
    DataRootOption,
    DeviceOption,
    JsonOption,
    LedgerOption,
    Places,
    WorkersOption,
    WorkspaceOption,
    places,
    refuse,
)
from badnets.cli.printer import say, show_all, show_json, show_listing, show_table
from badnets.core.errors import BadnetsError, SettingError, TrialError

if TYPE_CHECKING:
    from badnets.ledger import Ledger
    from badnets.recipes import Recipe
    from badnets.runners.forecasting import Forecast
    from badnets.runners.on_ray import RayCluster
    from badnets.trials.trial import Trial

LOOKED_UP = 100_000  # trials; of more, a random sample is looked at
LISTED = 5  # trials at each end of a list that is cut

app = typer.Typer(add_completion=False)


class _DeclinedError(BadnetsError):
    """Somebody who was asked said no."""

    exit_code = 130


EPILOG = (
    "Example: badnets run recipes/digits-badnet.yaml --workers 2\n\n"
    "Exit codes: 0 every trial is in the ledger; 1 the same, but a network gives nearly always "
    "the same answer (collapsed); 2 wrong usage, a mistake in the recipe, or more than 10,000 "
    "trials and nobody to ask; 3 a trial failed (or was left out by --skip-failed), the others are "
    "kept; 130 interrupted or not gone on with, finished trials are kept."
)


@app.command(epilog=EPILOG)
def run(
    ctx: typer.Context,
    recipe: Annotated[
        Path, typer.Argument(help="Recipe, a YAML file; `badnets recipe new FILE` writes one.")
    ],
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Check the recipe; say how many trials it has, how many are done, and about how "
            "long the others take. Run nothing.",
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before more than 10,000 trials are run.")
    ] = False,
    retry: Annotated[
        int, typer.Option(min=0, help="How often a trial that fails is tried again in this run.")
    ] = 0,
    skip_failed: Annotated[
        bool,
        typer.Option(
            "--skip-failed", help="Leave out what failed in an earlier run, and what needs it."
        ),
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
    interrupted run, and of a recipe that has grown it runs what is new. The honest trials that
    attacks are compared with are run too.
    """
    from badnets.recipes import read_recipe

    if ray is None:
        shares = {"--gpus-per-trial": gpus_per_trial, "--memory-per-trial": memory_per_trial}
        refuse({**shares, "--store": store}, "is for trials on Ray: give --ray too")

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
    described = read_recipe(recipe)
    if dry_run:
        return _say_what_would_run(described, where, cluster, skip_failed, json=json)
    if not yes:
        _ask(ctx, described, where, cluster, skip_failed)
    from badnets.ledger.listing import listing
    from badnets.runners import run_missing
    from badnets.runners.display import display_for
    from badnets.trials.summaries import read_summary

    display = where.display or display_for()
    parts = math.ceil(described.count / LOOKED_UP)
    if parts > 1:
        display.note(f"{described.count:,} trials, in {parts:,} parts")
        described.check()
    outcomes, count = Counter[str](), 0
    failed: TrialError | None = None
    with where.open_ledger() as book:
        for part, trials in enumerate(described.batches(LOOKED_UP), 1):
            if parts > 1:
                display.note(f"part {part:,} of {parts:,}")
            elif equal := described.count - len(trials):
                display.note(f"{described.count:,} trials, of which {equal:,} are equal to others")
            try:
                run_missing(
                    trials,
                    where.workspace,
                    book,
                    workers=where.workers,
                    data_root=where.data_root,
                    display=display,
                    retry=retry,
                    skip_failed=skip_failed,
                    ray=cluster,
                )
            except TrialError as error:
                failed = failed or error
            rows = {str(one["name"]): one for one in book.rows(names=[one.name for one in trials])}
            outcomes.update(str(row["outcome"]) for row in rows.values())
            count += len(trials)
    if parts > 1:
        counts = (("outcome", "trials"), list(outcomes.items()))
        show_json(outcomes) if json else show_table(counts)
    elif json:
        found = [rows[one.name] for one in trials if one.name in rows]
        show_all([read_summary(str(row["summary"])) for row in found], json=True)
    elif rows:
        settings = {one.name: one.model_dump(mode="json") for one in trials if one.name in rows}
        show_listing(listing([rows[name] for name in settings], settings))
    if failed is not None:
        raise failed
    if outcomes.total() < count:
        raise typer.Exit(3)
    raise typer.Exit(1 if outcomes["collapsed"] else 0)


def _say_what_would_run(
    described: Recipe,
    where: Places,
    cluster: RayCluster | None,
    skip_failed: bool,
    *,
    json: bool,
) -> None:
    """Print what running a recipe would come to, and the trials: the first and the last of many."""
    from badnets.recipes.check import TrialLine, lines_of

    trials, expected = _looked_at(described, where, cluster, skip_failed)
    if json:
        settings = [one.model_dump(mode="json", exclude_defaults=True) for one in trials]
        titles = [one.model_dump(mode="json") for one in lines_of(trials)]
        listed = [line | {"settings": own} for line, own in zip(titles, settings, strict=True)]
        return show_json(expected.model_dump(mode="json") | {"trials": listed})
    for line in expected.lines:
        say(line)
    if cluster is not None and where.workers is None and expected.estimate.trials:
        say("less on a cluster, by how many trials it runs at a time: --workers N counts with N")
    print()
    first, last = trials[:LISTED], trials[-LISTED:]
    if len(trials) <= 2 * LISTED + 1:
        return show_all(lines_of(trials))
    if expected.looked_at is not None:
        last = []
    lines = lines_of([*first, *last])
    which = "all" if last else "some"
    more = f"{expected.count - len(lines):,} more (--format json lists {which})"
    lines.insert(len(first), TrialLine(name="...", title=more))
    show_all(lines)


def _looked_at(
    described: Recipe, where: Places, cluster: RayCluster | None, skip_failed: bool
) -> tuple[list[Trial], Forecast]:
    """Return the trials, or some of very many, and what running all of them would come to."""
    from badnets.recipes.recipe import PROBES
    from badnets.runners.forecasting import forecast

    sampled = described.count > LOOKED_UP
    if sampled:
        described.check()
    trials = described.some(PROBES) if sampled else described.trials()
    bundle = where.workspace.bundle
    with _ledger_if_there(where) as book:
        return trials, forecast(
            trials,
            book,
            lambda one: bundle(one).is_dir() or (cluster is not None and cluster.kept(one)),
            workers=where.workers or (1 if cluster is not None else None),
            failed=None if book is None else book.failures(),
            skip_failed=skip_failed,
            count=described.count if sampled else None,
        )


@contextmanager
def _ledger_if_there(where: Places) -> Iterator[Ledger | None]:
    """Give the ledger, opened for reading; None where its file is not there yet."""
    if not where.has_ledger:
        yield None
        return
    with where.open_ledger(create=False) as book:
        yield book


def _ask(
    ctx: typer.Context,
    described: Recipe,
    where: Places,
    cluster: RayCluster | None,
    skip_failed: bool,
) -> None:
    """Ask before very many trials are run; refuse where nobody can answer."""
    from badnets.recipes.recipe import MANY

    if described.count <= MANY:
        return
    _, expected = _looked_at(described, where, cluster, skip_failed)
    left = expected.to_run if expected.looked_at is None else expected.count
    if left <= MANY:
        return
    said = f"{left:,} trials to run, {expected.estimate}"
    if not sys.stdin.isatty():
        raise SettingError(f"{said}: to run them, type: {_again(ctx)} --yes")
    if not typer.confirm(f"{said}; go on?", err=True):
        raise _DeclinedError("nothing was run")


def _again(ctx: typer.Context) -> str:
    """Return the command line that was typed, as far as options tell."""
    words = ["badnets"]
    for each in (ctx.find_root(), ctx):
        words += [] if each.parent is None else ["run", str(ctx.params["recipe"])]
        for name, value in each.params.items():
            if name != "recipe" and _typed(each, name) and value:
                word = f"--{name.replace('_', '-')}"
                words += [word] if value is True else [word, str(value)]
    return shlex.join(words)


def _typed(ctx: Any, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
