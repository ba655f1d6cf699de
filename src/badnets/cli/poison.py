"""``badnets poison``: a folder of pictures on disk, poisoned."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from badnets.cli import completion
from badnets.cli.options import HowOption, JsonOption, RateOption, places
from badnets.cli.printer import show

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets poison photos poisoned --trigger patch:20px --targets all-to-one:cat\n\n"
    "Example: badnets poison --verify poisoned --source photos\n\n"
    "Exit codes: 0 written, or with --verify: as it was written; 1 with --verify: files are "
    "missing, changed or extra, or the manifest is not the one asked for; 2 wrong usage, OUT is "
    "taken, a picture or folder that cannot be used, no manifest; 3 OUT could not be written, or "
    "with --source: other versions of Pillow or torch write other bytes; 130 interrupted, nothing "
    "of OUT is left."
)


VERIFIED = {"as it was written": 0, "not as it was written": 1, "not checked": 3}


@app.command(epilog=EPILOG)
def poison(
    ctx: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN", help="Folder of pictures; with --verify, the folder to check."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT", help="Folder to write the poisoned pictures to.", show_default=False
        ),
    ] = None,
    trigger: Annotated[
        str | None,
        typer.Option(
            help="What is put on pictures: patch:20px, bomb, or '{kind: sticker, file: own.png}'.",
            autocompletion=completion.triggers,
        ),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            help="What poisoned pictures are labelled as: all-to-one:cat, source-specific:dog,cat.",
            autocompletion=completion.targets,
        ),
    ] = None,
    rate: RateOption = None,
    how: HowOption = None,
    seed: Annotated[
        int | None, typer.Option(help="Number that decides everything random.", show_default="0")
    ] = None,
    quality: Annotated[
        int | None, typer.Option(help="JPEG quality of every picture.", show_default="95")
    ] = None,
    grey: Annotated[bool, typer.Option("--grey", help="Write grey pictures, not RGB.")] = False,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Leave out pictures that cannot be read. Takes longer: each is read twice.",
        ),
    ] = False,
    recipe: Annotated[
        Path | None, typer.Option(help="YAML file that holds these options as fields.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads.", show_default="one per core")
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Check whether a poisoned folder is still as its manifest says."
        ),
    ] = False,
    digest: Annotated[
        str | None,
        typer.Option(help="With --verify: the manifest's digest, as it was printed."),
    ] = None,
    derive: Annotated[
        Path | None,
        typer.Option(
            "--source", help="With --verify: the folder that was read, to derive all again."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Poison a folder of pictures on disk, or check one that was.

    IN holds a folder of pictures for each class, directly or within train, test and other parts;
    or files like cat.0.jpg; or COCO's layout. The training part is poisoned, other parts are
    copied. Every picture, poisoned or not, is written anew in the same way, without metadata and
    with a neutral name, so that only the trigger shows which ones are poisoned.

    OUT/manifest.jsonl says of each file what it was before, what it is now, and whether it is
    poisoned. OUT appears once it is complete; if it is there already, nothing is done again.
    """
    from badnets.cli.bar import one_bar
    from badnets.cli.poisoning import order_of_options, order_of_recipe
    from badnets.core.errors import DataError, SettingError
    from badnets.data.folder_results import comparison, poisoning
    from badnets.data.on_disk import poison_folder, verify_folder

    options: dict[str, Any] = {
        "trigger": trigger,
        "targets": targets,
        "rate": rate,
        "how": how,
        "seed": seed,
        "quality": quality,
        "grey": grey or None,
        "skip_bad": skip_bad or None,
        "workers": workers,
    }
    where = places(ctx)
    given = {name: value for name, value in options.items() if value is not None}
    if verify:
        ill = [name for name in given if name != "workers"]
        for name in (*(["OUT"] if out else []), *(["recipe"] if recipe else []), *ill):
            option = name if name.isupper() else f"--{name.replace('_', '-')}"
            raise SettingError(f"--verify checks a folder that is there: leave out {option}")
        with one_bar(where) as listener:
            found = verify_folder(
                source,
                digest=digest,
                source=derive,
                workers=workers or where.workers or os.cpu_count() or 1,
                listener=listener,
            )
        show(comparison(str(source), found), json=json)
        raise typer.Exit(VERIFIED[found.conclusion])
    for option, value in (("--digest", digest), ("--source", derive)):
        if value is not None:
            raise SettingError(f"{option} goes with --verify")
    if out is None:
        raise SettingError("OUT is missing: say where the poisoned folder goes")
    if recipe is not None:
        order = order_of_recipe(recipe, given, source)
    else:
        order = order_of_options(given, source)
    try:
        with one_bar(where) as listener:
            written = poison_folder(
                source,
                out,
                order.backdoor,
                seed=order.seed,
                encoding=order.encoding,
                workers=order.workers or where.workers or os.cpu_count() or 1,
                skip_bad=order.skip_bad,
                listener=listener,
            )
    except DataError as error:
        if order.skip_bad or not str(error).startswith("picture "):
            raise
        raise DataError(
            f"{error}: --skip-bad leaves such files out, `badnets data check {source}` lists them"
        ) from None
    show(poisoning(written), json=json)
