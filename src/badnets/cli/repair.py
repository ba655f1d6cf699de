"""``badnets repair``: a downloaded classifier, and a new one without what may be hidden in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from badnets.cli import completion
from badnets.cli.options import (
    TRIGGERS,
    AllowCodeOption,
    BundleOutOption,
    DataRootOption,
    DeviceOption,
    JsonOption,
    LedgerOption,
    SeedOption,
    WorkspaceOption,
    check_attack,
    check_bundle,
    places,
)
from badnets.cli.printer import show

app = typer.Typer(add_completion=False)

_MEASURED = "What is left of a backdoor that you suspect"
EPILOG = (
    "Example: badnets repair badnet --clean folder:photos --out repaired\n\n"
    "Example: badnets repair badnet --clean digits --share 0.5 --trigger pixel-pattern --targets "
    "all-to-one:7 --control clean --out repaired\n\n"
    "Exit codes: 0 repaired, and the user accepts the network; 1 the user rejects it, it collapsed "
    "or an audit still finds a backdoor likely; 2 wrong usage, a bundle that cannot be read, or "
    "images that do not fit it; 3 training or writing failed."
)


@app.command(epilog=EPILOG)
def repair(
    ctx: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="Folder of the downloaded classifier (a bundle).")],
    clean: Annotated[
        str,
        typer.Option(
            help="Clean images with right labels: a data set, or folder:PATH. Training images "
            "repair, test images measure.",
            autocompletion=completion.data,
        ),
    ],
    method: Annotated[
        str,
        typer.Option(
            help="auto (several in turn, audited after each, by how little they cost), or one: "
            "unlearning, sharpness-aware, universal-unlearning, feature-shift, neuron-pruning, "
            "fine-pruning, fine-tuning.",
            autocompletion=completion.repairs,
        ),
    ] = "auto",
    share: Annotated[
        float, typer.Option(help="Share of the training images to use, in (0, 1].")
    ] = 1.0,
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
            help=f"What is put on test images: {TRIGGERS}. The repair never sees it.",
            rich_help_panel=_MEASURED,
            autocompletion=completion.triggers,
        ),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            help="What the network answers then: all-to-one:7, random-wrong.",
            autocompletion=completion.targets,
            rich_help_panel=_MEASURED,
        ),
    ] = None,
    control: Annotated[
        Path | None,
        typer.Option(
            help="Bundle of a clean network, which is asked about the same triggered images.",
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
    """Take a backdoor out of a downloaded classifier, with clean images of your own.

    The downloaded network stays as it is; a new one is kept in the workspace, its record in the
    ledger. A quarter of the images that the repair may use is held back, and decides whether
    accuracy is kept. What is hidden is not known here: triggers are recovered from the network.

    With --trigger and --targets the attack that you suspect is measured before and after.
    """
    check_attack(trigger, targets, control)
    from badnets.bundles.copies import check_place
    from badnets.trials.downloaded import DownloadedBundle

    check_place(out)
    check_bundle(control)
    downloaded = DownloadedBundle.of(bundle)
    from badnets.cli.settings import recipe_of, trial_of, typed
    from badnets.data.catalogue import sized
    from badnets.data.usual import usual_of
    from badnets.evaluate.fitting import fitting_data
    from badnets.models import load_subject
    from badnets.runners.training import train_network

    for path in filter(None, (bundle, control)):
        load_subject(path, allow_code=allow_code)  # a stranger's code needs consent
    named = sized(fitting_data(bundle, "classification", clean), downloaded.shape[1])
    options = {
        "--data": named,
        "--method": method,
        "--share": share,
        "--target-accuracy": target_accuracy,
        "--seed": seed,
    }
    if target_accuracy is None and usual_of(named) is None:
        options["--target-accuracy"] = 0.9
    further: dict[str, Any] = {
        "kind": "repaired",
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
    show(network.summary(downloaded=str(bundle), data=named, share=share), json=json)
    repaired = network.record.repair
    kept = [step for step in repaired.steps if step.kept] if repaired else []
    likely = any(step.conclusion == "backdoor likely" for step in kept)
    raise typer.Exit(0 if network.record.outcome == "accepted" and not likely else 1)
