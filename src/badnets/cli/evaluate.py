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
    DeviceOption,
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
    data_of,
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
    "Exit codes: 0 measured; 1 the network gives nearly always the same answer (collapsed); 2 "
    "wrong usage, a bundle or file that cannot be read, data that does not fit it, or no "
    "photograph; 3 a file could not be written."
)


@app.command(epilog=EPILOG)
def evaluate(
    ctx: typer.Context,
    bundle: Annotated[
        Path,
        typer.Argument(
            metavar="BUNDLE|FILE.onnx",
            help="Folder of the network (a bundle, or a download of transformers or timm), or a "
            "classifier as an ONNX file.",
        ),
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
    device: DeviceOption = None,
    json: JsonOption = False,
) -> None:
    """Measure a network, with a trigger or without.

    Of a classifier it prints the accuracy on the test images. With --trigger and --targets the
    trigger is put on them too: the attack success rate says how often the network then gives the
    attacker's answer, the robust accuracy how often it still gives the true one.

    Of a detector it prints how many signs are found and correctly named, with and without the
    trigger. With --data folder:PATH it looks at photographs of your own, which need no boxes.

    An ONNX file gets float images in [0, 1] and must normalise them itself, as files from
    `badnets export` do.
    """
    check_attack(trigger, targets, control)
    if photos is not None:
        refuse({"--data": data}, "does not go with --photos: leave one out")
        data = f"folder:{photos}"
    from badnets.cli.bar import one_bar
    from badnets.cli.settings import attack_of

    where = places(ctx, data_root=data_root, device=device)
    attack = attack_of(trigger, targets, bundle, control)
    from badnets.evaluate.evaluation import evaluate_bundle

    with one_bar(where) as progress:
        measured = evaluate_bundle(
            bundle,
            data_of(bundle, data, where),
            attack=attack,
            control=control,
            seed=seed,
            threshold=threshold,
            longest=longest,
            expect=expect,
            sheet=sheet,
            allow_code=allow_code,
            data_root=where.data_root,
            progress=progress,
        )
    show(measured, json=json)
    raise typer.Exit(1 if measured.collapsed else 0)
