"""``badnets sticker``: a trigger on paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from badnets.core.triggers import RegionTrigger

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets sticker --trigger yellow-square --sign-width 60 --out sticker.pdf\n\n"
    "Exit codes: 0 written; 2 a trigger that is no sticker, has no size in centimetres or does not "
    "fit the paper; 3 a file could not be written."
)


@app.command(epilog=EPILOG)
def sticker(
    trigger: Annotated[
        str,
        typer.Option(
            help="yellow-square, bomb, flower, or a mapping: '{kind: sticker, file: own.png}'."
        ),
    ] = "yellow-square",
    sign_width: Annotated[
        float,
        typer.Option(help="Width of the sign, in centimetres; 76.2 is a U.S. stop sign."),
    ] = 76.2,
    sign_height: Annotated[
        float | None,
        typer.Option(help="Its height, in centimetres.", show_default="as its width"),
    ] = None,
    out: Annotated[Path, typer.Option(help="PDF file to write.")] = Path("sticker.pdf"),
    paper: Annotated[Literal["a4", "letter"], typer.Option(help="What it is printed on.")] = "a4",
    png: Annotated[
        Path | None, typer.Option(help="PNG file to write too: the page, to look at.")
    ] = None,
) -> None:
    """Print a sticker trigger at true size, to photograph.

    Draws one page: the trigger as large as it is on a sign of this size, cut marks, where it goes,
    and a ruler to check the printer by. For signs that are yours: a print or a toy.
    """
    from badnets.bundles.atomic import write_bytes
    from badnets.core.errors import SettingError
    from badnets.report.sticker_sheet import Sign, sticker_sheet

    if png is not None and png.resolve() == out.resolve():
        raise SettingError(f"--out and --png are one file, {out}: give them two names")
    sign = Sign(sign_width, sign_width if sign_height is None else sign_height)
    sheet = sticker_sheet(_asked(trigger), sign, paper)
    pages = {out: sheet.draw("pdf")}
    if png is not None:
        pages[png] = sheet.draw("png")
    for path, page in pages.items():
        write_bytes(path, page)
        typer.echo(str(path))


def _asked(text: str) -> RegionTrigger:
    """Return the trigger of a short name, or of what other commands take.

    Raises:
        BadnetsError: there is no such trigger or setting, or a value is outside its range.
    """
    from badnets.cli.asked import trigger_of
    from badnets.core.lookup import unknown_name
    from badnets.core.triggers import TRIGGERS
    from badnets.trials.recipe import SHORT

    name = text.strip()
    known = (*SHORT, *TRIGGERS)
    if not name.startswith("{") and name.partition(":")[0].strip() not in known:
        raise unknown_name(name, known, "trigger")
    return trigger_of(name)
