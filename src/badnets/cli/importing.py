"""``badnets import``: downloaded weights as a bundle, which all other commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from badnets.cli.options import JsonOption
from badnets.cli.printer import show

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets import tf_efficientnet_lite0.safetensors --network "
    "timm.tf_efficientnet_lite0 --out efficientnet\n\n"
    "Exit codes: 0 written; 2 wrong usage, no safetensors file, or not the weights of this "
    "network; 3 the bundle could not be written."
)


@app.command("import", epilog=EPILOG)
def import_weights(
    weights: Annotated[Path, typer.Argument(help="Safetensors file of the weights.")],
    network: Annotated[str, typer.Option(help="What they are for: timm.NAME, torchvision.NAME.")],
    out: Annotated[Path, typer.Option(help="Folder to write the bundle to; must be new.")],
    classes: Annotated[
        int, typer.Option(min=2, max=25_000, help="How many classes they were trained for.")
    ] = 1000,
    side: Annotated[
        int | None,
        typer.Option(
            min=8,
            max=1024,
            help="Side of its images, in pixels.",
            show_default="as the library says, else 224",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make a bundle of downloaded weights, to retrain or look at.

    The weights come as a safetensors file. The bundle can be retrained on data of your own,
    evaluated, explained and exported. Every weight
    of the network must be in the file. Nothing is downloaded, and no pickle is opened: the error
    says how to convert one. Images are normalised as the library says for this network.
    """
    from badnets.bundles.copies import check_place
    from badnets.models import downloads

    check_place(out)
    done = downloads.import_weights(weights, network, out, classes=classes, side=side)
    show(done, json=json)
