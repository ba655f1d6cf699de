"""``badnets data``: the data sets by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from badnets.cli.options import DataRootOption, JsonOption, places
from badnets.cli.printing import print_facts, print_json, print_table

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="List data sets, describe one, or look at its images.",
    epilog="Example: badnets data show digits --trigger pixel-pattern --out digits.png\n\n"
    "Exit codes: 0 done; 2 unknown or missing data; 3 the picture could not be written.",
)


@app.command(
    "list",
    epilog="Example: badnets data list --json\n\nExit codes: 0.",
)
def list_data(json: JsonOption = False) -> None:
    """List the data sets that are known by name."""
    from badnets.data.catalogue import DATASETS

    if json:
        print_json([_described(name) for name in DATASETS])
        return
    rows = [
        (
            name,
            entry.title,
            "x".join(map(str, entry.shape)),
            str(entry.classes),
            f"{entry.train:,}",
            f"{entry.test:,}",
            "embedded" if entry.embedded else "download, or --data-root",
        )
        for name, entry in DATASETS.items()
    ]
    columns = ("name", "title", "shape", "classes", "train", "test", "comes from")
    print_table(columns, rows, right=("classes", "train", "test"))


@app.command(
    epilog="Example: badnets data info mnist\n\n"
    "Exit codes: 0 known; 2 unknown name, or with --load: missing or damaged.",
)
def info(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of a data set.")],
    load: Annotated[
        bool, typer.Option("--load", help="Load it: digests, images per class.")
    ] = False,
    data_root: DataRootOption = None,
    json: JsonOption = False,
) -> None:
    """Say what a data set holds, where it comes from, and under which licence."""
    described = _described(name)
    if load:
        from badnets.data import load as load_data

        data = load_data(name, places(ctx, data_root=data_root).data_root)
        described |= {
            "digests": data.digests,
            "images per class": {
                part: dict(zip(images.classes, images.counts, strict=True))
                for part, images in (("train", data.train), ("test", data.test))
            },
        }
    if json:
        print_json(described)
        return
    print_facts([(key, _prose(value)) for key, value in described.items()])


@app.command(
    epilog="Example: badnets data show mnist --trigger 'patch:4' --out mnist.png\n\n"
    "Exit codes: 0 written; 2 unknown, missing or damaged data, or a trigger that does not fit; "
    "3 the picture could not be written.",
)
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of a data set.")],
    trigger: Annotated[
        str, typer.Option(help="Its kind, or a mapping: '{kind: patch, size: 4}'.")
    ] = "pixel-pattern",
    out: Annotated[
        Path | None, typer.Option(help="PNG file to write.", show_default="NAME.png")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Which images.")] = 0,
    data_root: DataRootOption = None,
) -> None:
    """Draw a contact sheet: images of each class, clean and with the trigger."""
    from badnets.cli.asked import trigger_of
    from badnets.cli.sheet import write_sheet
    from badnets.data import load

    stamp = trigger_of(trigger)
    data = load(name, places(ctx, data_root=data_root).data_root)
    path = out or Path(f"{name}.png")
    write_sheet(data, stamp, stamp.kind, path, seed=seed)
    typer.echo(str(path))


def _described(name: str) -> dict[str, Any]:
    from badnets.core.lookup import find
    from badnets.data.catalogue import DATASETS

    entry = find(DATASETS, name, "data set")
    return {
        "name": name,
        "title": entry.title,
        "description": entry.description,
        "shape": list(entry.shape),
        "classes": entry.classes,
        "train": entry.train,
        "test": entry.test,
        "licence": entry.licence,
        "where": entry.where,
        "embedded": entry.embedded,
    }


def _prose(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_prose(part)}" for key, part in value.items())
    if isinstance(value, list):
        return " x ".join(map(str, value))
    return str(value)
