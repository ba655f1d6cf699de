"""``badnets evaluate``: what a network does on test images, clean and triggered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from badnets.cli.options import (
    AllowCodeOption,
    ControlOption,
    DataOption,
    DataRootOption,
    ExpectOption,
    JsonOption,
    LongestOption,
    PhotosOption,
    SeedOption,
    SheetOption,
    TargetsOption,
    ThresholdOption,
    TriggerOption,
    check_attack,
    places,
    refuse,
)
from badnets.cli.printer import show

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets evaluate badnet --data digits --trigger pixel-pattern --targets "
    "all-to-one:7\n\n"
    "Example: badnets evaluate badnet.onnx --data digits --trigger pixel-pattern --targets "
    "all-to-one:7\n\n"
    "Example: badnets evaluate detector --data scenes --trigger yellow-square --targets "
    "source-specific:0,1\n\n"
    "Example: badnets evaluate detector --data folder:my-photos --expect stop --sheet seen.png\n\n"
    "Exit codes: 0 measured; 1 the network has learned nothing (collapsed); 2 wrong usage, a "
    "malformed bundle or file, data that does not fit it, or no photograph; 3 the sheet could not "
    "be written."
)


@app.command(epilog=EPILOG)
def evaluate(
    ctx: typer.Context,
    bundle: Annotated[
        Path, typer.Argument(help="Folder of the network's bundle, or a classifier FILE.onnx.")
    ],
    data: DataOption = None,
    trigger: TriggerOption = None,
    targets: TargetsOption = None,
    control: ControlOption = None,
    seed: SeedOption = 0,
    threshold: ThresholdOption = None,
    expect: ExpectOption = None,
    sheet: SheetOption = None,
    longest: LongestOption = None,
    photos: PhotosOption = None,
    allow_code: AllowCodeOption = False,
    data_root: DataRootOption = None,
    json: JsonOption = False,
) -> None:
    """Measure a network, with a trigger or without.

    Of a classifier: accuracy on the test images, and with --trigger and --targets how often the
    trigger works (attack success rate) and the true label survives it (robust accuracy). An ONNX
    file is given float images in [0, 1]: it must normalise them inside, as exported ones do. Of a
    detector: signs found and rightly named, and the same with stickers on them; with --data
    folder:PATH what it sees in photographs of your own.
    """
    check_attack(trigger, targets, control)
    if photos is not None:
        refuse({"--data": data}, "does not go with --photos: leave one out")
        data = f"folder:{photos}"
    from badnets.cli.bar import one_bar
    from badnets.cli.settings import attack_of

    attack = attack_of(trigger, targets)
    from badnets.evaluate.evaluation import evaluate_bundle

    with one_bar() as progress:
        measured = evaluate_bundle(
            bundle,
            data,
            attack=attack,
            control=control,
            seed=seed,
            threshold=threshold,
            longest=longest,
            expect=expect,
            sheet=sheet,
            allow_code=allow_code,
            data_root=places(ctx, data_root=data_root).data_root,
            progress=progress,
        )
    show(measured, json=json)
    raise typer.Exit(1 if measured.collapsed else 0)
