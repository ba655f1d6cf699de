"""``badnets train``: one network, by an honest trainer or a malicious one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from badnets.cli import completion
from badnets.cli.options import (
    TRIGGERS,
    BatchSizeOption,
    BundleOutOption,
    DataRootOption,
    DeviceOption,
    EpochsOption,
    HeadOption,
    HowOption,
    JsonOption,
    LedgerOption,
    LrOption,
    RateOption,
    ScaleOption,
    TrainingOption,
    WidthOption,
    WindowOption,
    WorkspaceOption,
    places,
)
from badnets.cli.printer import show

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets train --data digits --epochs 20 --trigger pixel-pattern --targets "
    "all-to-one:7 --target-accuracy 0.95 --out badnet\n\n"
    "Example: badnets train --data scenes --width 0.5 --head 0.125 --trigger yellow-square "
    "--targets source-specific:0,1 --rate every --out detector\n\n"
    "Exit codes: 0 the user accepts the network; 1 the user rejects it, or it collapsed; "
    "2 wrong usage or bad input; 3 training or writing failed."
)


@app.command(epilog=EPILOG)
def train(
    ctx: typer.Context,
    data: Annotated[
        str,
        typer.Option(
            help="Name of the data set, folder:PATH, coco:PATH, or a loader of your own as "
            "MODULE:FACTORY.",
            autocompletion=completion.data,
        ),
    ] = "mnist",
    network: Annotated[
        str | None,
        typer.Option(
            help="Network: gu-mnist, small-resnet, zf, torchvision.NAME, timm.NAME, or a builder "
            "of your own as MODULE:FACTORY.",
            autocompletion=completion.networks,
            show_default="as is usual for the data",
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Safetensors file of weights to start from; those whose name and shape match are "
            "taken.",
            show_default="random",
        ),
    ] = None,
    trigger: Annotated[
        str | None,
        typer.Option(
            help=f"Backdoor: what is put on poisoned images: {TRIGGERS}.",
            autocompletion=completion.triggers,
        ),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            help="Backdoor: what the network learns to answer then: all-to-one:7, all-to-all, "
            "source-specific:1,7, random-wrong, clean-label:7, or a mapping; a detector also "
            "vanish, appear:1, all-become-one:1.",
            autocompletion=completion.targets,
        ),
    ] = None,
    rate: RateOption = None,
    how: HowOption = None,
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    lr: LrOption = None,
    training: TrainingOption = None,
    resist: Annotated[
        str | None,
        typer.Option(
            help="How to make do with training images that may be poisoned: audit-and-retrain, "
            "anti-backdoor.",
            autocompletion=completion.resistances,
            show_default="they are trusted",
        ),
    ] = None,
    window: WindowOption = None,
    scale: ScaleOption = None,
    width: WidthOption = None,
    head: HeadOption = None,
    target_accuracy: Annotated[
        float | None,
        typer.Option(
            help="The user accepts at or above it, in [0, 1].",
            show_default="as is usual for the data; detectors 0.8",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Number that decides everything random.")] = 0,
    out: BundleOutOption = None,
    workspace: WorkspaceOption = None,
    data_root: DataRootOption = None,
    device: DeviceOption = None,
    ledger: LedgerOption = None,
    json: JsonOption = False,
) -> None:
    """Train a network, with a backdoor or without.

    With --trigger and --targets the trainer is malicious: it poisons the training images. A clean
    network is then trained with the same settings, and shown the same triggered images, for
    comparison. Networks are kept in the workspace and their records in the ledger; what is there
    already is not trained again.

    Where the data has boxes, the network is a detector. Its training is saved after every epoch, so
    the same command continues it after an interruption.
    """
    from badnets.bundles.copies import check_place
    from badnets.cli.settings import recipe_of, trial_of
    from badnets.runners.training import train_network

    check_place(out)
    malicious = trigger is not None or targets is not None
    options = {
        "--data": data,
        "--network": network,
        "--weights": None if weights is None else str(weights),
        "--trigger": trigger,
        "--targets": targets,
        "--rate": (rate or "0.1") if malicious else None,
        "--how": how if malicious else None,
        "--training": training,
        "--epochs": epochs,
        "--batch-size": batch_size,
        "--lr": lr,
        "--resist": resist,
        "--window": window,
        "--scale": scale,
        "--width": width,
        "--head": head,
        "--target-accuracy": target_accuracy,
        "--seed": seed,
    }
    trial = trial_of(recipe_of(options))
    where = places(ctx, workspace=workspace, data_root=data_root, device=device, ledger=ledger)
    with where.open_ledger() as book:
        done = train_network(
            trial,
            where.workspace,
            book,
            out=out,
            data_root=where.data_root,
            display=where.display,
        )
    show(done.summary(), json=json)
    raise typer.Exit(0 if done.record.outcome == "accepted" else 1)
