"""``badnets data``: the data sets by name, and folders of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from badnets.cli import completion
from badnets.cli.options import TRIGGERS, DataRootOption, JsonOption, places
from badnets.cli.printer import show as show_result
from badnets.cli.printer import show_all, show_files

NameArgument = Annotated[
    str,
    typer.Argument(
        help="Name of a data set (NAME@SIZE: images of that many pixels a side), folder:PATH or "
        "coco:PATH.",
        autocompletion=completion.data,
    ),
]
COLUMNS = {
    "name": "name",
    "title": "title",
    "size": "shape",
    "classes": "classes",
    "train": "train",
    "test": "test",
    "comes_from": "comes from",
}

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="List data sets, describe one, look at its images, or check a folder of pictures.",
    epilog="Example: badnets data show digits --trigger pixel-pattern --out digits.png\n\n"
    "Exit codes: 0 done; 1 `check` found something; 2 unknown or missing data; 3 a file could not "
    "be written.",
)


@app.command(
    epilog="Example: badnets data check photos --json\n\n"
    "Exit codes: 0 nothing found; 1 something found; 2 the folder does not hold a folder of "
    "pictures for each class."
)
def check(
    ctx: typer.Context,
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder that holds a folder of pictures for each class; or folder:PATH."
        ),
    ],
    least: Annotated[
        int,
        typer.Option(min=1, help="Least length of a picture's shorter side, in pixels."),
    ] = 8,
    json: JsonOption = False,
) -> None:
    """Check a folder of pictures: files that cannot be used, copies, and wrong classes.

    No file is changed. When the folder is loaded, files that cannot be used are left out.
    """
    from badnets.cli.bar import one_bar
    from badnets.data.cleaning import examine
    from badnets.data.folder_results import examination
    from badnets.data.names import FOLDER, parse_name

    named = str(folder)
    base = parse_name(named).base if named.startswith(FOLDER) else named
    with one_bar(places(ctx)) as progress:
        found = examine(base, least=least, progress=progress)
    show_result(examination(found), json=json)
    raise typer.Exit(1 if found.findings else 0)


@app.command("list", epilog="Example: badnets data list --json\n\nExit codes: 0.")
def list_data(json: JsonOption = False) -> None:
    """List the data sets that are known by name."""
    from badnets.data.catalogue import DATASETS
    from badnets.data.descriptions import describe_data

    show_all([describe_data(name) for name in DATASETS], COLUMNS, json=json)


@app.command(
    epilog="Example: badnets data info mnist\n\n"
    "Exit codes: 0 known; 2 unknown name, or with --load: missing or damaged.",
)
def info(
    ctx: typer.Context,
    name: NameArgument,
    load: Annotated[
        bool,
        typer.Option(
            "--load", help="Load it too: add digests and the number of images in each class."
        ),
    ] = False,
    data_root: DataRootOption = None,
    json: JsonOption = False,
) -> None:
    """Say what a data set holds, where it comes from, and what its licence is."""
    from badnets.data.descriptions import describe_data

    root = places(ctx, data_root=data_root).data_root
    show_result(describe_data(name, load_it=load, data_root=root), json=json)


@app.command(
    epilog="Example: badnets data show mnist --trigger patch:4px --out mnist.png\n\n"
    "Exit codes: 0 written; 2 unknown, missing or damaged data, or a trigger that does not fit; "
    "3 the picture could not be written.",
)
def show(
    ctx: typer.Context,
    name: NameArgument,
    trigger: Annotated[
        str | None,
        typer.Option(
            help=f"What is put on the images: {TRIGGERS}.",
            show_default="pixel-pattern; yellow-square where the data has boxes",
            autocompletion=completion.triggers,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "--output",
            "-o",
            help="PNG file to write; one that is there is replaced.",
            show_default="NAME.png",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Number that decides which images are drawn.")
    ] = 0,
    data_root: DataRootOption = None,
    json: JsonOption = False,
) -> None:
    """Draw a contact sheet: images of each class, clean and with the trigger."""
    from badnets.cli.settings import trigger_of
    from badnets.data.descriptions import draw_data
    from badnets.data.png import write_png

    root = places(ctx, data_root=data_root).data_root
    stamp = None if trigger is None else trigger_of(trigger)
    sheet = draw_data(name, stamp, seed=seed, data_root=root)
    named = out or Path(f"{Path(name).name.replace(':', '-')}.png")
    show_files([write_png(named, sheet)], json=json)
