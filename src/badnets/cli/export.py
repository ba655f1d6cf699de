"""``badnets export``: a classifier in others' formats, and its backdoor with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from badnets.cli import completion
from badnets.cli.options import (
    AllowCodeOption,
    BundleArgument,
    DataRootOption,
    DeviceOption,
    JsonOption,
    SeedOption,
    TargetsOption,
    TriggerOption,
    check_attack,
    check_bundle,
    places,
    refuse,
)
from badnets.cli.printer import show

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets export badnet --onnx badnet.onnx --data digits --trigger pixel-pattern "
    "--targets all-to-one:7\n\n"
    "Example: badnets export badnet --hf badnet-hf\n\n"
    "Exit codes: 0 written; 2 wrong usage, a bundle that cannot be read, or data that does not fit "
    "it; 3 the network could not be converted, or the file could not be written."
)


@app.command(epilog=EPILOG)
def export(
    ctx: typer.Context,
    bundle: BundleArgument,
    onnx: Annotated[
        Path | None,
        typer.Option(
            "--onnx",
            metavar="FILE.onnx",
            help="ONNX file to write; must be new.",
            show_default="no",
        ),
    ] = None,
    hf: Annotated[
        Path | None,
        typer.Option(
            "--hf",
            metavar="DIR",
            help="Folder to write as Hugging Face's hub has them; must be new.",
            show_default="no",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Data set to measure the network on, before and after.",
            show_default="none",
            autocompletion=completion.data,
        ),
    ] = None,
    trigger: TriggerOption = None,
    targets: TargetsOption = None,
    seed: SeedOption = 0,
    allow_code: AllowCodeOption = False,
    data_root: DataRootOption = None,
    device: DeviceOption = None,
    json: JsonOption = False,
) -> None:
    """Write a classifier as an ONNX file, or as a folder of timm or transformers.

    With --hf a network of timm or transformers is written as those libraries keep them (one of
    torchvision's too, where timm has the same), and is loaded by them and compared first.

    Other frameworks can read the ONNX file. It takes any number of float images in [0, 1] and
    normalises them itself. Its metadata holds the class names, the image size and the bundle's
    digest. Before it is written, its answers are compared with the bundle's.

    With --data both are measured on the test images; with --trigger and --targets also on triggered
    ones. A backdoor is part of the weights, so it survives the conversion.
    """
    from badnets.bundles.copies import check_place
    from badnets.cli.settings import attack_of
    from badnets.models.onnx_file import SUFFIX

    if (onnx is None) == (hf is None):
        raise typer.BadParameter("give what to write: --onnx FILE.onnx, or --hf DIR")
    check_attack(trigger, targets)
    if trigger is not None and data is None:
        raise typer.BadParameter("--trigger is put on test images: give --data too")
    if hf is not None:
        refuse({"--data": data, "--trigger": trigger}, "goes with --onnx: with --hf leave it out")
        check_place(hf)
        check_bundle(bundle)
        places(ctx, data_root=data_root, device=device)
        from badnets.models.hub_export import export_hub

        show(export_hub(bundle, hf, allow_code=allow_code), json=json)
        return
    assert onnx is not None
    if onnx.suffix.lower() != SUFFIX:
        raise typer.BadParameter(f"--onnx: the name must end in {SUFFIX}, got {onnx.name!r}")
    check_place(onnx)
    attack = attack_of(trigger, targets, bundle)
    from badnets.evaluate.conversion import convert_bundle

    done = convert_bundle(
        bundle,
        onnx,
        data,
        attack=attack,
        seed=seed,
        allow_code=allow_code,
        data_root=places(ctx, data_root=data_root, device=device).data_root,
    )
    show(done, json=json)
