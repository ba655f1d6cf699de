"""``badnets train``: one network, by an honest trainer or a malicious one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from badnets.cli.options import (
    DataRootOption,
    JsonOption,
    LedgerOption,
    Places,
    WorkspaceOption,
    places,
)
from badnets.cli.printing import print_facts, print_json, record_facts, record_json

if TYPE_CHECKING:
    from badnets.trials.record import Record
    from badnets.trials.trial import Trial

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets train --data digits --epochs 20 --trigger pixel-pattern --targets "
    "all-to-one:7 --target-accuracy 0.95 --out badnet\n\n"
    "Exit codes: 0 the user accepts the network; 1 she rejects it, or it has learned nothing; "
    "2 wrong usage or bad input; 3 training or writing failed."
)


@app.command(epilog=EPILOG)
def train(
    ctx: typer.Context,
    data: Annotated[str, typer.Option(help="Name of the data set.")] = "mnist",
    network: Annotated[str, typer.Option(help="Name of the architecture.")] = "gu-mnist",
    trigger: Annotated[
        str | None,
        typer.Option(help="Backdoor: 'patch', 'patch:4' or '{kind: patch, size: 4}'."),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            help="Backdoor: 'all-to-one:7', 'source-specific:1,7', 'all-to-all', 'random-wrong', "
            "'clean-label:7' or a mapping."
        ),
    ] = None,
    rate: Annotated[
        str, typer.Option(help="Poisoned share of the training set in [0, 1), or 'every'.")
    ] = "0.1",
    how: Annotated[
        Literal["add", "replace"], typer.Option(help="Poisoned copies, or poisoned originals.")
    ] = "add",
    epochs: Annotated[int | None, typer.Option(help="Passes over the training set.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per step.")] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    training: Annotated[
        str | None, typer.Option(help="Further training settings: '{shift: 1, optimizer: sgd}'.")
    ] = None,
    target_accuracy: Annotated[
        float, typer.Option(help="The user accepts at or above it, in [0, 1].")
    ] = 0.99,
    seed: Annotated[int, typer.Option(help="Everything random follows from it.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder to copy the network's bundle to; must be new.")
    ] = None,
    workspace: WorkspaceOption = None,
    data_root: DataRootOption = None,
    ledger: LedgerOption = None,
    json: JsonOption = False,
) -> None:
    """Train a network, with a backdoor or without.

    With --trigger and --targets the trainer is malicious. A clean network of the same settings is
    trained beside it and answers the same triggered images. Both are kept in the workspace, their
    records in the ledger; what is there already is not trained again.
    """
    from badnets.cli.asked import trial_asked
    from badnets.cli.bundles import copy_bundle, refuse_taken

    if out is not None:
        refuse_taken(out)
    trial = trial_asked(
        {"data": data, "network": network, "target_accuracy": target_accuracy, "seed": seed},
        training=training,
        training_options={"epochs": epochs, "batch_size": batch_size, "lr": lr},
        trigger=trigger,
        targets=targets,
        rate=rate,
        how=how,
    )
    where = places(ctx, workspace=workspace, data_root=data_root, ledger=ledger)
    record, bundle = _run(where, trial)
    if out is not None:
        copy_bundle(bundle, out)
    if json:
        print_json({**record_json(record), "bundle": str(out or bundle)})
    else:
        print_facts([*record_facts(record), ("bundle", str(out or bundle))])
    raise typer.Exit(0 if record.outcome == "accepted" else 1)


def _run(where: Places, trial: Trial) -> tuple[Record, Path]:
    """Return the trial's record and where its bundle is; both are made if they are not there."""
    from badnets.cli.bundles import restore_bundle
    from badnets.runners import run_all

    with where.open_ledger() as book:
        records = run_all([trial], where.room, book, workers=1, data_root=where.data_root)
    return records[trial.name], restore_bundle(trial, where.room, where.data_root)
