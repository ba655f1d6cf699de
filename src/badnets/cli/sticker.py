"""``badnets sticker``: a trigger on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from badnets.cli import completion
from badnets.cli.options import JsonOption
from badnets.cli.printer import show_files

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets sticker --trigger yellow-square --sign-width 60 --out sticker.png\n\n"
    "Exit codes: 0 written; 2 a trigger that is no sticker, has no size in centimetres or does not "
    "fit the paper; 3 a file could not be written."
)


@app.command(epilog=EPILOG)
def sticker(
    trigger: Annotated[
        str,
        typer.Option(
            help="yellow-square, bomb, flower, or a mapping: '{kind: sticker, file: own.png}'.",
            autocompletion=completion.triggers,
        ),
    ] = "yellow-square",
    sign_width: Annotated[
        float,
        typer.Option(help="Width of the sign, in centimetres; 76.2 is a U.S. stop sign."),
    ] = 76.2,
    sign_height: Annotated[
        float | None,
        typer.Option(help="Height of the sign, in centimetres.", show_default="as its width"),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "--output",
            "-o",
            "--png",
            help="PNG file to write, for printing at 100 %; one that is there is replaced.",
        ),
    ] = Path("sticker.png"),
    paper: Annotated[Literal["a4", "letter"], typer.Option(help="Size of the paper.")] = "a4",
    json: JsonOption = False,
) -> None:
    """Print a sticker trigger at true size, to photograph.

    Draws one page: the trigger as large as it has to be on a sign of this size, with cut marks, a
    sketch of where it goes, and a ruler to check the printer by. Use it on signs that are yours: a
    print or a toy.
    """
    from badnets.bundles.atomic import write_bytes
    from badnets.cli.settings import trigger_of
    from badnets.data.png import check_png
    from badnets.report.sticker_sheet import Sign, sticker_sheet

    check_png(out, "--out")
    sign = Sign(sign_width, sign_width if sign_height is None else sign_height)
    sheet = sticker_sheet(trigger_of(trigger), sign, paper)
    write_bytes(out, sheet.draw())
    show_files([out], json=json)
