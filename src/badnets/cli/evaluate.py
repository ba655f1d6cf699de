"""``badnets evaluate``: what a network does on test images, clean and triggered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from badnets.cli.options import AllowCodeOption, DataRootOption, JsonOption, places

app = typer.Typer(add_completion=False)

_DETECTORS, _PHOTOS = "Detectors", "Photographs"
EPILOG = (
    "Example: badnets evaluate badnet --data digits --trigger pixel-pattern --targets "
    "all-to-one:7\n\n"
    "Example: badnets evaluate badnet.onnx --data digits --trigger pixel-pattern --targets "
    "all-to-one:7\n\n"
    "Example: badnets evaluate detector --data scenes --trigger yellow-square --targets "
    "source-specific:0,1\n\n"
    "Example: badnets evaluate detector --photos my-photos --expect stop --sheet seen.png\n\n"
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
    data: Annotated[
        str | None,
        typer.Option(
            help="Name of the data set, folder:PATH or coco:PATH.",
            show_default="mnist; scenes for detectors",
        ),
    ] = None,
    trigger: Annotated[
        str | None,
        typer.Option(help="'patch:4', 'yellow-square' or '{kind: patch, size: 4}'."),
    ] = None,
    targets: Annotated[
        str | None, typer.Option(help="What the trigger should do: 'all-to-one:7', 'vanish'.")
    ] = None,
    control: Annotated[
        Path | None, typer.Option(help="Bundle of a clean network (or FILE.onnx), asked the same.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides random places of the trigger.")] = 0,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Least score of a box that counts.",
            show_default="0.3",
            rich_help_panel=_DETECTORS,
        ),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            help="Instead of a data set: a folder of JPEG and PNG files, or of folders of them.",
            rich_help_panel=_PHOTOS,
        ),
    ] = None,
    expect: Annotated[
        str | None,
        typer.Option(
            help="Count how often the surest sign is of this class.", rich_help_panel=_PHOTOS
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(help="PNG to draw the photographs in, with boxes.", rich_help_panel=_PHOTOS),
    ] = None,
    longest: Annotated[
        int | None,
        typer.Option(
            min=64,
            max=10_000,
            help="Larger photographs are reduced to this many pixels on their longer side; where "
            "near signs are missed, try fewer.",
            show_default="1000",
            rich_help_panel=_PHOTOS,
        ),
    ] = None,
    allow_code: AllowCodeOption = False,
    data_root: DataRootOption = None,
    json: JsonOption = False,
) -> None:
    """Measure a network, with a trigger or without.

    Of a classifier: accuracy on the test images, and with --trigger and --targets how often the
    trigger works (attack success rate) and the true label survives it (robust accuracy). An ONNX
    file is given float images in [0, 1]: it must normalise them inside, as exported ones do. Of a
    detector: signs found and rightly named, and the same with stickers on them; with --photos what
    it sees in photographs of your own.
    """
    from badnets.cli.measuring import attack_of, fitting_data, task_of_bundle

    if (trigger is None) != (targets is None):
        raise typer.BadParameter("--trigger and --targets belong together: give both or neither")
    if control is not None and trigger is None:
        raise typer.BadParameter("--control answers triggered images: give --trigger and --targets")
    if photos is None:
        _refuse(
            {"--expect": expect, "--sheet": sheet, "--longest": longest},
            "is about photographs: give --photos too",
        )
    else:
        _refuse({"--data": data, "--trigger": trigger}, "does not go with --photos: leave one out")
    task = task_of_bundle(bundle)
    if task == "classification":
        of_detectors = {"--photos": photos, "--threshold": threshold}
        _refuse(of_detectors, f"is for detectors, and {bundle} holds a classifier")
    if photos is not None:
        from badnets.cli.evaluate_photos import show_photos

        show_photos(
            bundle,
            photos,
            threshold=threshold,
            longest=longest,
            expect=expect,
            sheet=sheet,
            json=json,
        )
        return
    named = fitting_data(bundle, task, data)
    attack = attack_of(trigger, targets)
    root = places(ctx, data_root=data_root).data_root
    if task == "detection":
        from badnets.cli.evaluate_signs import show_signs

        collapsed = show_signs(
            bundle, named, root, attack, control, threshold=threshold, seed=seed, json=json
        )
    else:
        from badnets.cli.evaluate_images import show_images

        collapsed = show_images(
            bundle, named, root, attack, control, seed=seed, allow_code=allow_code, json=json
        )
    raise typer.Exit(1 if collapsed else 0)


def _refuse(given: dict[str, Any], why: str) -> None:
    for name, value in given.items():
        if value is not None:
            raise typer.BadParameter(f"{name} {why}")
