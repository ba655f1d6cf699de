"""``badnets retrain``: a downloaded classifier, adapted to a user's own clean images."""

from __future__ import annotations

from typing import Annotated

import typer

from badnets.cli import completion
from badnets.cli.downloads import (
    CleanControlOption,
    DownloadArgument,
    ShareOption,
    SuspectedTargetsOption,
    SuspectedTriggerOption,
    TargetAccuracyOption,
    made_of,
)
from badnets.cli.options import (
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
)
from badnets.cli.printer import show

app = typer.Typer(add_completion=False)

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
    bundle: DownloadArgument,
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
    share: ShareOption = 1.0,
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    lr: LrOption = None,
    training: TrainingOption = None,
    target_accuracy: TargetAccuracyOption = None,
    seed: SeedOption = 0,
    trigger: SuspectedTriggerOption = None,
    targets: SuspectedTargetsOption = None,
    control: CleanControlOption = None,
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
    from badnets.bundles import read_bundle
    from badnets.models.description import described

    layers = [name.strip() for name in freeze.split(",") if name.strip()]
    kept = freeze if freeze in ("all-but-head", "none") else layers
    options = {
        "--freeze": kept,
        "--share": share,
        "--training": training,
        "--epochs": epochs,
        "--batch-size": batch_size,
        "--lr": lr,
        "--seed": seed,
    }
    network, named = made_of(
        ctx,
        bundle,
        "transfer",
        data,
        options,
        attack=(trigger, targets, control),
        target_accuracy=target_accuracy,
        out=out,
        allow_code=allow_code,
        workspace=workspace,
        data_root=data_root,
        device=device,
        ledger=ledger,
    )
    classes = read_bundle(network.bundle).config.classes
    same = classes == described(bundle).config.classes
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
