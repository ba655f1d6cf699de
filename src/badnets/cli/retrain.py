"""``badnets retrain``: a downloaded classifier, adapted to a user's own clean images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from badnets.cli.options import (
    AllowCodeOption,
    BatchSizeOption,
    BundleOutOption,
    DataRootOption,
    EpochsOption,
    JsonOption,
    LedgerOption,
    LrOption,
    SeedOption,
    TrainingOption,
    WorkspaceOption,
    check_attack,
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
    "2 wrong usage, a malformed bundle, or data that does not fit it; 3 training or writing failed."
)


@app.command(epilog=EPILOG)
def retrain(
    ctx: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="Folder of the downloaded classifier's bundle.")],
    data: Annotated[
        str,
        typer.Option(
            help="The user's clean images: a data set, folder:PATH, or some classes, NAME[0-4,7]."
        ),
    ],
    freeze: Annotated[
        str,
        typer.Option(
            help="What stays as downloaded: 'all-but-head', 'none', or layers, 'conv1,conv2'."
        ),
    ] = "all-but-head",
    share: Annotated[
        float, typer.Option(help="Share of the training images that is used, in (0, 1].")
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
        typer.Option(help="Put it on test images: 'patch:4'.", rich_help_panel=_MEASURED),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            help="What it was to do, in labels of BUNDLE: 'all-to-one:7', 'random-wrong'.",
            rich_help_panel=_MEASURED,
        ),
    ] = None,
    control: Annotated[
        Path | None,
        typer.Option(
            help="Bundle of a clean network: retrained in the same way, asked the same.",
            rich_help_panel=_MEASURED,
        ),
    ] = None,
    out: BundleOutOption = None,
    allow_code: AllowCodeOption = False,
    workspace: WorkspaceOption = None,
    data_root: DataRootOption = None,
    ledger: LedgerOption = None,
    json: JsonOption = False,
) -> None:
    """Retrain a downloaded classifier on clean images of your own.

    It is accepted by its accuracy on test images. Where the classes are others, it gets a new head.
    With --trigger and --targets it is also measured what is left of a backdoor: how often triggered
    images still get the target class (attack success, where that class is still there), and what
    accuracy the trigger costs whatever is answered. Images of a size that can be chosen are taken
    at the network's own. The network is kept in the workspace, its record in the ledger.
    """
    check_attack(trigger, targets, control)
    from badnets.bundles import read_bundle
    from badnets.bundles.copies import check_place
    from badnets.cli.settings import recipe_of, trial_of, typed
    from badnets.core.errors import SettingError
    from badnets.data.catalogue import sized
    from badnets.data.usual import usual_of
    from badnets.evaluate.fitting import fitting_data, task_of_bundle
    from badnets.models import load_subject
    from badnets.runners.training import train_network
    from badnets.trials.downloaded import DownloadedBundle

    check_place(out)
    downloaded = DownloadedBundle.of(bundle)
    if task_of_bundle(bundle) == "detection":
        raise SettingError(f"{bundle} holds a detector: detectors are retrained by a recipe")
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
    where = places(ctx, workspace=workspace, data_root=data_root, ledger=ledger)
    with where.open_ledger() as book:
        network = train_network(trial, where.workspace, book, out=out, data_root=where.data_root)
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
