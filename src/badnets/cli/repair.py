"""``badnets repair``: a downloaded classifier, and a new one without what may be hidden in it."""

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
    BundleOutOption,
    DataRootOption,
    DeviceOption,
    JsonOption,
    LedgerOption,
    SeedOption,
    WorkspaceOption,
)
from badnets.cli.printer import show

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets repair badnet --clean photos --out repaired\n\n"
    "Example: badnets repair badnet --clean digits --share 0.5 --trigger pixel-pattern --targets "
    "all-to-one:7 --control clean --out repaired\n\n"
    "Exit codes: 0 repaired, and the user accepts the network; 1 the user rejects it, it collapsed "
    "or an audit still finds a backdoor likely; 2 wrong usage, a bundle that cannot be read, or "
    "images that do not fit it; 3 training or writing failed."
)


@app.command(epilog=EPILOG)
def repair(
    ctx: typer.Context,
    bundle: DownloadArgument,
    clean: Annotated[
        str,
        typer.Option(
            help="Clean images with right labels: a folder, or name of a data set. Training images "
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
    audit: Annotated[
        bool,
        typer.Option(
            "--audit/--no-audit",
            help="Audit the network before and after a single method too, on held-back images; "
            "auto does so by itself.",
        ),
    ] = True,
    share: ShareOption = 1.0,
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
    """Take a backdoor out of a downloaded classifier, with clean images of your own.

    The downloaded network stays as it is; a new one is kept in the workspace, its record in the
    ledger. A quarter of the images that the repair may use is held back, and decides whether
    accuracy is kept. What is hidden is not known here: triggers are recovered from the network.

    With --trigger and --targets the attack that you suspect is measured before and after; the
    repair never sees it.
    """
    network, named = made_of(
        ctx,
        bundle,
        "repaired",
        clean,
        {"--method": method, "--share": share, "--seed": seed, "--audit": audit},
        attack=(trigger, targets, control),
        target_accuracy=target_accuracy,
        out=out,
        allow_code=allow_code,
        workspace=workspace,
        data_root=data_root,
        device=device,
        ledger=ledger,
    )
    show(network.summary(downloaded=str(bundle), data=named, share=share), json=json)
    repaired = network.record.repair
    kept = [step for step in repaired.steps if step.kept] if repaired else []
    likely = any(step.conclusion == "backdoor likely" for step in kept)
    raise typer.Exit(0 if network.record.outcome == "accepted" and not likely else 1)
