"""``badnets import``: what was downloaded as a bundle, which all other commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from badnets.cli.options import JsonOption
from badnets.cli.printer import show

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets import net.pth --architecture torchvision.resnet18 --classes cat,dog "
    "--input-size 224 --out net\n\n"
    "Exit codes: 0 written; 2 wrong usage, a file that is refused, or not the weights of this "
    "network; 3 the bundle could not be written."
)


@app.command("import", epilog=EPILOG)
def import_weights(
    weights: Annotated[
        Path,
        typer.Argument(
            help="Safetensors file, or one of torch.save; or a folder of transformers or timm."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write the bundle to; must be new.")],
    architecture: Annotated[
        str | None,
        typer.Option(
            "--architecture",
            "--network",
            help="What a file's weights are for: timm.NAME, torchvision.NAME, or module:factory, "
            "your own function, which is run.",
            show_default="what the folder says",
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            help="Names of its classes as A,B,..., in their order, or how many there are.",
            show_default="a folder's own, else 1000",
        ),
    ] = None,
    input_size: Annotated[
        str | None,
        typer.Option(
            "--input-size",
            "--side",
            metavar="N|HxW|CxHxW",
            help="Size of its images, in pixels.",
            show_default="as the library says, else 224",
        ),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(
            help="Mean of images in [0, 1] that is taken off: one number, or one per channel.",
            show_default="as the library says, else ImageNet's",
        ),
    ] = None,
    std: Annotated[
        str | None, typer.Option(help="What they are divided by then.", show_default="the same")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make a bundle of a downloaded network, to audit, retrain or look at.

    Every weight of the network must be there; names may have a prefix such as `module.`, and
    others are matched by order and shape where that leaves nothing open. A pickle (.pt, .pth, .bin)
    is read in a process with limits on memory, time and network, and no code in it is run. Nothing
    is downloaded. A folder of transformers or timm says itself what network it is; other commands
    take it as it is, unless its weights are a pickle.
    """
    from badnets.bundles.copies import check_place

    check_place(out)
    size = _size(input_size)
    normalised = {"mean": _numbers(mean, "--mean"), "std": _numbers(std, "--std")}
    named = _classes(classes)
    from badnets.models import downloads

    done = downloads.import_weights(
        weights, architecture, out, classes=named, side=size, **normalised
    )
    show(done, json=json)


def _classes(text: str | None) -> tuple[str, ...] | int | None:
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        if not 2 <= int(text) <= 25_000:
            raise typer.BadParameter(f"--classes: 2 to 25000 classes are possible, got {text}")
        return int(text)
    names = tuple(name.strip() for name in text.split(","))
    if len(names) < 2 or not all(names) or len(set(names)) < len(names):
        raise typer.BadParameter(
            f"--classes: names of two classes or more that differ, as in cat,dog, got {text!r}"
        )
    return names


def _size(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.lower().split("x")
    if not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        parts = []
    sides = tuple(int(part) for part in parts)
    if not 1 <= len(sides) <= 3 or not all(8 <= side <= 1024 for side in sides[-2:]):
        raise typer.BadParameter(
            f"--input-size: pixels as N, HxW or CxHxW, 8 to 1024 each, got {text!r}"
        )
    return sides * 2 if len(sides) == 1 else sides


def _numbers(text: str | None, option: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise typer.BadParameter(f"{option}: numbers as A,B,C, got {text!r}") from None
