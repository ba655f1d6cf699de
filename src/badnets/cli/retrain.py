"""``badnets retrain``: a downloaded classifier, adapted to a user's own clean images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from badnets.cli import completion
from badnets.cli.options import (
    TRIGGERS,
    AllowCodeOption,
    BatchSizeOption,
    BundleOutOption,
    DataRootOption,
    DeviceOption,
    EpochsOption,
    JsonOption,
    LedgerOption,
    LrOption,
    SeedOption,
    TrainingOption,
    WorkspaceOption,
    check_attack,
    check_bundle,
    places,
)
from badnets.cli.printer import show

app = typer.Typer(add_completion=False)

_MEASURED = "What is left of its backdoor"
EPILOG = (
    "Example: badnets retrain badnet --data 'digits[5-9]' --freeze conv1,conv2 --out mine\n\n"
    "Example: badnets retrain badnet --data digits --share 0.2 --trigger pixel-pattern --targets "
    "all-to-one:7 --control clean\n\n"
    "Exit codes: 0 the user accepts the network; 1 the user rejects it, or it collapsed; "
    "2 wrong usage, a bundle that cannot be read, or data that does not fit it; 3 training or "
    "writing failed."
)


@app.command(epilog=EPILOG)
def retrain(
    ctx: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="Folder of the downloaded classifier (a bundle).")],
    data: Annotated[
        str,
        typer.Option(
            help="The user's clean images: a data set, folder:PATH, or some of its classes, as in "
            "digits[0-4,7].",
            autocompletion=completion.data,
        ),
    ],
    freeze: Annotated[
        str,
        typer.Option(
            help="Layers that stay as downloaded: all-but-head, none, or their names: conv1,conv2."
        ),
    ] = "all-but-head",
    share: Annotated[
        float, typer.Option(help="Share of the training images to use, in (0, 1].")
    ] = 1.0,
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    lr: LrOption = None,
    training: TrainingOption = None,
    target_accuracy: Annotated[
        float | None,
        typer.Option(
            help="The user accepts at or above it on test images, in [0, 1].",
            show_default="as is usual for the data, else 0.9",
        ),
    ] = None,
    seed: SeedOption = 0,
    trigger: Annotated[
        str | None,
        typer.Option(
            help=f"What is put on test images: {TRIGGERS}.",
            rich_help_panel=_MEASURED,
            autocompletion=completion.triggers,
        ),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            help="What the downloaded network answers then, in its own classes: all-to-one:7, "
            "random-wrong.",
            autocompletion=completion.targets,
            rich_help_panel=_MEASURED,
        ),
    ] = None,
    control: Annotated[
        Path | None,
        typer.Option(
            help="Bundle of a clean network, which is retrained and measured in the same way.",
            rich_help_panel=_MEASURED,
        ),
    ] = None,
    out: BundleOutOption = None,
    allow_code: AllowCodeOption = False,
    workspace: WorkspaceOption = None,
    data_root: DataRootOption = None,
    device: DeviceOption = None,
    ledger: LedgerOption = None,
    json: JsonOption = False,
) -> None:
    """Retrain a downloaded classifier on clean images of your own.

    The user accepts it if its accuracy on test images is high enough. If your classes differ from
    the downloaded ones, the network gets a new last layer. Images are resized to what the network
    takes. The network is kept in the workspace, its record in the ledger.

    With --trigger and --targets what is left of a backdoor is measured too: how often triggered
    images still get the target class (where that class is still there), and how much accuracy the
    trigger costs.
    """
    check_attack(trigger, targets, control)
    from badnets.bundles import read_bundle
    from badnets.bundles.copies import check_place
    from badnets.core.errors import SettingError
    from badnets.models.description import described
    from badnets.trials.downloaded import DownloadedBundle

    check_place(out)
    check_bundle(control)
    downloaded = DownloadedBundle.of(bundle)
    if described(bundle).config.task == "detection":
        raise SettingError(f"{bundle} holds a detector: detectors are retrained by a recipe")
    from badnets.cli.settings import recipe_of, trial_of, typed
    from badnets.data.catalogue import sized
    from badnets.data.usual import usual_of
    from badnets.evaluate.fitting import fitting_data
    from badnets.models import load_subject
    from badnets.runners.training import train_network

    for path in filter(None, (bundle, control)):
        load_subject(path, allow_code=allow_code)  # a stranger's code needs consent
    named = sized(fitting_data(bundle, "classification", data), downloaded.shape[1])
    layers = [name.strip() for name in freeze.split(",") if name.strip()]
    kept = freeze if freeze in ("all-but-head", "none") else layers
    options = {
        "--data": named,
        "--freeze": kept,
        "--share": share,
        "--training": training,
        "--epochs": epochs,
        "--batch-size": batch_size,
        "--lr": lr,
        "--target-accuracy": target_accuracy,
        "--seed": seed,
    }
    if target_accuracy is None and usual_of(named) is None:
        options["--target-accuracy"] = 0.9
    further: dict[str, Any] = {
        "kind": "transfer",
        "network": downloaded.network,
        "start": {"bundle": str(bundle)},
        "control": {"bundle": str(control)} if control else False,
    }
    if trigger is not None and targets is not None:
        attack = {"trigger": typed(trigger, "--trigger"), "targets": typed(targets, "--targets")}
        further["attack"] = attack
    trial = trial_of(recipe_of(options, **further))
    where = places(ctx, workspace=workspace, data_root=data_root, device=device, ledger=ledger)
    with where.open_ledger() as book:
        network = train_network(
            trial,
            where.workspace,
            book,
            out=out,
            data_root=where.data_root,
            display=where.display,
        )
    classes = read_bundle(network.bundle).config.classes
    same = classes == downloaded.classes
    survival = network.record.survival
    gone = survival is not None and network.record.attack is None
    summary = network.summary(
        downloaded=str(bundle),
        data=named,
        freeze=kept,
        share=share,
        classes=list(classes),
        details={
            "classes": "the same classes" if same else "other classes: a new head",
            **({"attack": "not measured: the target class is gone"} if gone else {}),
        },
    )
    show(summary, json=json)
    raise typer.Exit(0 if network.record.outcome == "accepted" else 1)
