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

_DETECTORS = "Detectors"
EPILOG = (
    "Example: badnets train --data digits --epochs 20 --trigger pixel-pattern --targets "
    "all-to-one:7 --target-accuracy 0.95 --out badnet\n\n"
    "Example: badnets train --data scenes --width 0.5 --head 0.125 --trigger yellow-square "
    "--targets source-specific:0,1 --rate every --out detector\n\n"
    "Exit codes: 0 the user accepts the network; 1 she rejects it, or it has learned nothing; "
    "2 wrong usage or bad input; 3 training or writing failed."
)


@app.command(epilog=EPILOG)
def train(
    ctx: typer.Context,
    data: Annotated[
        str, typer.Option(help="Name of the data set, folder:PATH, coco:PATH, or MODULE:FACTORY.")
    ] = "mnist",
    network: Annotated[
        str | None,
        typer.Option(
            help="Name of the architecture: ours, torchvision.NAME, timm.NAME, or MODULE:FACTORY.",
            show_default="gu-mnist; zf where the data has boxes",
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Safetensors file to start from, where names and shapes match: a backbone's.",
            show_default="random",
        ),
    ] = None,
    trigger: Annotated[
        str | None,
        typer.Option(help="Backdoor: 'patch:4', 'yellow-square' or '{kind: patch, size: 4}'."),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            help="Backdoor: 'all-to-one:7', 'source-specific:1,7', 'all-to-all', 'random-wrong', "
            "'clean-label:7' or a mapping; of a detector also 'vanish', 'appear:1', "
            "'all-become-one:1'."
        ),
    ] = None,
    rate: Annotated[
        str,
        typer.Option(help="Poisoned share of the training images in [0, 1), or 'every'."),
    ] = "0.1",
    how: Annotated[
        Literal["add", "replace"], typer.Option(help="Poisoned copies, or poisoned originals.")
    ] = "add",
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes over the training set: 20 to 40 where images are few.",
            show_default="4, enough for MNIST; detectors 12",
        ),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images or windows per step.")] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    training: Annotated[
        str | None, typer.Option(help="Further training settings: '{shift: 1, optimizer: sgd}'.")
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            help="Side of a training window in pixels; below 192, signs in it shrink with it.",
            rich_help_panel=_DETECTORS,
        ),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option(help="Frames are enlarged by this factor.", rich_help_panel=_DETECTORS),
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(
            help="Share of zf's channels in every convolution.", rich_help_panel=_DETECTORS
        ),
    ] = None,
    head: Annotated[
        float | None,
        typer.Option(help="Share of the 4,096 units of zf's fc6, fc7.", rich_help_panel=_DETECTORS),
    ] = None,
    target_accuracy: Annotated[
        float | None,
        typer.Option(
            help="The user accepts at or above it, in [0, 1].", show_default="0.99; detectors 0.8"
        ),
    ] = None,
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
    records in the ledger; what is there already is not trained again. Where the data has boxes, the
    network is a detector: its training is kept after every epoch, in the workspace's folder
    'unfinished', until it is done; interrupted, the same command goes on after the last one.
    """
    from badnets.cli.asked import trial_asked
    from badnets.cli.bundles import copy_bundle, refuse_taken

    if out is not None:
        refuse_taken(out)
    settings = {
        "data": data,
        "network": network,
        "weights": None if weights is None else str(weights),
        "target_accuracy": target_accuracy,
        "seed": seed,
    }
    trial = trial_asked(
        {name: value for name, value in settings.items() if value is not None},
        training=training,
        training_options={"epochs": epochs, "batch_size": batch_size, "lr": lr},
        detector_options={"window": window, "scale": scale, "width": width, "head": head},
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
