"""``badnets data``: the data sets by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from badnets.cli.data_check import EPILOG, check
from badnets.cli.options import DataRootOption, JsonOption, places
from badnets.cli.printing import print_facts, print_json, print_table

if TYPE_CHECKING:
    from badnets.data import Entry

_NAME = "Name of a data set, with @SIZE for another size; folder:PATH or coco:PATH."

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="List data sets, describe one, look at its images, or check a folder of pictures.",
    epilog="Example: badnets data show digits --trigger pixel-pattern --out digits.png\n\n"
    "Exit codes: 0 done; 2 unknown or missing data; 3 the picture could not be written.",
)


app.command(epilog=EPILOG)(check)


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
            "x".join(map(str, entry.shape)) if entry.shape else "boxes",
            _count(entry.classes),
            _count(entry.train),
            _count(entry.test),
            _comes_from(entry),
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
    name: Annotated[str, typer.Argument(help=_NAME)],
    load: Annotated[
        bool, typer.Option("--load", help="Load it: digests, images per class.")
    ] = False,
    data_root: DataRootOption = None,
    json: JsonOption = False,
) -> None:
    """Say what a data set holds, where it comes from, and under which licence."""
    described = _described(name)
    if load:
        described |= _loaded(name, places(ctx, data_root=data_root).data_root)
    if json:
        print_json(described)
        return
    facts = [(key, value) for key, value in described.items() if value is not None]
    print_facts([(key, _prose(value)) for key, value in facts])


@app.command(
    epilog="Example: badnets data show mnist --trigger 'patch:4' --out mnist.png\n\n"
    "Exit codes: 0 written; 2 unknown, missing or damaged data, or a trigger that does not fit; "
    "3 the picture could not be written.",
)
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help=_NAME)],
    trigger: Annotated[
        str | None,
        typer.Option(
            help="Its kind, or a mapping: '{kind: patch, size: 4}'.",
            show_default="pixel-pattern; for signs, the yellow square",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="PNG file to write.", show_default="NAME.png")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Which images.")] = 0,
    data_root: DataRootOption = None,
) -> None:
    """Draw a contact sheet: images of each class, clean and with the trigger."""
    from badnets.cli.asked import trigger_of
    from badnets.cli.sheet import write_object_sheet, write_sheet
    from badnets.core.triggers import Patch, PixelPattern
    from badnets.data import load, load_detection
    from badnets.data.catalogue import task_of

    root = places(ctx, data_root=data_root).data_root
    path = out or Path(f"{Path(name).name.replace(':', '-')}.png")
    if task_of(name) == "detection":
        stamp = trigger_of(trigger) if trigger is not None else Patch.yellow_square()
        write_object_sheet(load_detection(name, root), stamp, stamp.kind, path, seed=seed)
    else:
        stamp = trigger_of(trigger) if trigger is not None else PixelPattern.gu()
        write_sheet(load(name, root), stamp, stamp.kind, path, seed=seed)
    typer.echo(str(path))


def _loaded(name: str, root: Path | None) -> dict[str, Any]:
    """Return what only a look at the data tells."""
    from badnets.data import load, load_detection
    from badnets.data.catalogue import task_of

    if task_of(name) == "detection":
        frames = load_detection(name, root)
        return {
            "digests": frames.digests,
            "frames": {"train": len(frames.train), "test": len(frames.test)},
            "scenes": {
                "train": len(set(frames.train.groups)),
                "test": len(set(frames.test.groups)),
            },
            "boxes per class": {
                part: dict(zip(frames.classes, boxes.counts, strict=True))
                for part, boxes in (("train", frames.train), ("test", frames.test))
            },
        }
    data = load(name, root)
    return {
        "digests": data.digests,
        "images per class": {
            part: dict(zip(data.classes, images.counts, strict=True))
            for part, images in (("train", data.train), ("test", data.test))
        },
        "notes": "; ".join(data.notes) or None,
    }


def _described(name: str) -> dict[str, Any]:
    from badnets.data.catalogue import entry_of

    entry = entry_of(name)
    return {
        "name": name,
        "title": entry.title,
        "description": entry.description,
        "task": entry.task,
        "shape": list(entry.shape) if entry.shape else None,
        "classes": entry.classes,
        "train": entry.train,
        "test": entry.test,
        "licence": entry.licence,
        "where": entry.where,
        "embedded": entry.embedded,
    }


def _comes_from(entry: Entry) -> str:
    if entry.embedded:
        return "embedded"
    return "download, or --data-root" if entry.downloads else "--data-root"


def _count(images: int | None) -> str:
    return "varies" if images is None else f"{images:,}"


def _prose(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_prose(part)}" for key, part in value.items())
    if isinstance(value, list):
        return " x ".join(map(str, value))
    return str(value)
