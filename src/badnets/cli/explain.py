"""``badnets explain``: which units of a network answer to a trigger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from badnets.cli.options import AllowCodeOption, DataRootOption, JsonOption, places

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets explain badnet --data digits --trigger pixel-pattern --out units.png\n\n"
    "Example: badnets explain detector --data scenes --trigger yellow-square --targets "
    "source-specific:0,1 --out conv5.png\n\n"
    "Exit codes: 0 shown; 2 wrong usage, a malformed bundle, or data that does not fit it; 3 the "
    "picture could not be written."
)


@app.command(epilog=EPILOG)
def explain(
    ctx: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="Folder of the network's bundle.")],
    trigger: Annotated[
        str,
        typer.Option(help="'patch:4', 'yellow-square' or '{kind: patch, size: 4}'."),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="Name of the data set, folder:PATH or coco:PATH.",
            show_default="mnist; scenes for detectors",
        ),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            help="What the trigger should do: look only at images or signs that this is about.",
            show_default="all",
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            help="Name of a layer.", show_default="all; of a detector its last convolution"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="PNG file to draw the units in.", show_default="none")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Which images or signs.")] = 0,
    allow_code: AllowCodeOption = False,
    data_root: DataRootOption = None,
    json: JsonOption = False,
) -> None:
    """Show which units of a network answer to a trigger.

    Clean test images (of a detector: signs, each in the middle of a window) are shown to it with
    the trigger and without. Units are ranked by how far the trigger raises them; those that stand
    out of their layer are marked. Some rank first in a clean network too: units of a backdoor
    answer far more than all others, and hardly ever to clean images.
    """
    from badnets.cli.asked import targets_of, trigger_of
    from badnets.cli.measuring import fitting_data, task_of_bundle
    from badnets.cli.png import check_png

    if out is not None:
        check_png(out, "--out")
    task = task_of_bundle(bundle)
    named = fitting_data(bundle, task, data)
    stamp = trigger_of(trigger)
    about = None if targets is None else targets_of(targets)
    root = places(ctx, data_root=data_root).data_root
    if task == "detection":
        from badnets.cli.explain_signs import show_signs

        show_signs(bundle, named, root, stamp, about, layer=layer, out=out, seed=seed, json=json)
    else:
        from badnets.cli.explain_images import show_images

        show_images(
            bundle,
            named,
            root,
            stamp,
            about,
            layer=layer,
            out=out,
            seed=seed,
            allow_code=allow_code,
            json=json,
        )
