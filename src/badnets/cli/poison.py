"""``badnets poison``: a folder of pictures on disk, poisoned."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from badnets.cli.options import JsonOption, places
from badnets.cli.printing import print_facts, print_json, rate_json

if TYPE_CHECKING:
    from badnets.data.on_disk import Verification, Written

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets poison photos poisoned --trigger patch:20 --targets all-to-one:cat\n\n"
    "Example: badnets poison --verify poisoned\n\n"
    "Exit codes: 0 written, or with --verify: as it was written; 1 with --verify: files are "
    "missing, changed or extra; 2 wrong usage, a picture or folder that is not as it should be, no "
    "manifest; 3 OUT could not be written, and the same command goes on where it stopped; "
    "130 interrupted, likewise."
)
_SHOWN = 10  # paths of a kind that are printed for people
_LAYOUTS = {
    "classes": "a folder for each class",
    "split": "a folder for each class, in train and other parts",
    "flat": "files named like cat.0.jpg",
    "coco": "COCO",
}


@app.command(epilog=EPILOG)
def poison(
    ctx: typer.Context,
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Folder of pictures; with --verify, the result.")
    ],
    out: Annotated[
        Path | None, typer.Argument(metavar="OUT", help="Folder to make.", show_default=False)
    ] = None,
    trigger: Annotated[
        str | None,
        typer.Option(help="What is put on: patch:20, bomb, or '{kind: sticker, file: own.png}'."),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(help="What is then to be seen: all-to-one:cat, source-specific:dog,cat."),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(help="Poisoned share of the result, or 'every'.", show_default="0.1"),
    ] = None,
    how: Annotated[
        Literal["add", "replace"] | None,
        typer.Option(help="Poisoned copies, or poisoned originals.", show_default="add"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Everything random follows from it.", show_default="0")
    ] = None,
    quality: Annotated[
        int | None, typer.Option(help="JPEG quality of every picture.", show_default="95")
    ] = None,
    grey: Annotated[bool, typer.Option("--grey", help="Write grey pictures, not RGB.")] = False,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Leave out what cannot be read; takes longer, as all is decoded twice.",
        ),
    ] = False,
    recipe: Annotated[
        Path | None, typer.Option(help="YAML file with these options as fields.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads.", show_default="one per core")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check a result against its manifest.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Poison a folder of pictures on disk, or check one that was.

    IN has a folder for each class, with or without train and other parts around them, or files
    like cat.0.jpg, or COCO's layout. The training part is poisoned, other parts are carried over.
    Every picture is decoded and encoded in the same way, without metadata, and gets a name that
    says nothing: only the trigger tells poisoned ones. OUT holds manifest.jsonl: what each file
    was, is, and had done to it. OUT appears when it is complete; interrupted, the same command
    goes on.
    """
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
    given = {name: value for name, value in options.items() if value is not None}
    if verify:
        _verify(source, {"OUT": out, "--recipe": recipe, **given}, json=json)
    else:
        _poison(source, out, recipe, given, places(ctx).workers, json=json)


def _verify(folder: Path, beside: dict[str, Any], *, json: bool) -> None:
    from badnets.cli.bar import one_bar
    from badnets.core.errors import SettingError
    from badnets.data.on_disk import verify_folder

    for name, value in beside.items():
        if value is not None:
            option = name if name.isupper() or name.startswith("-") else f"--{name}"
            raise SettingError(f"--verify takes one folder alone: leave out {option}")
    with one_bar() as listener:
        found = verify_folder(folder, listener=listener)
    if json:
        print_json(_differences(found))
    else:
        print_facts([("folder", str(folder)), *_told(found)])
    raise typer.Exit(0 if found.intact else 1)


def _differences(found: Verification) -> dict[str, Any]:
    kinds = ("missing", "changed", "extra")
    return {
        "intact": found.intact,
        "files": found.files,
        **{kind: list(getattr(found, kind)) for kind in kinds},
    }


def _told(found: Verification) -> list[tuple[str, str]]:
    facts = [("files", f"{found.files:,} in the manifest")]
    for kind in ("missing", "changed", "extra"):
        paths: tuple[str, ...] = getattr(found, kind)
        facts += [(kind, path) for path in paths[:_SHOWN]]
        if len(paths) > _SHOWN:
            facts.append((kind, f"and {len(paths) - _SHOWN:,} more"))
    return [*facts, ("verdict", "as it was written" if found.intact else "not as it was written")]


def _poison(
    source: Path,
    out: Path | None,
    recipe: Path | None,
    given: dict[str, Any],
    usual_workers: int | None,
    *,
    json: bool,
) -> None:
    from badnets.cli.bar import one_bar
    from badnets.cli.poison_asked import order_of_options, order_of_recipe
    from badnets.core.errors import DataError, SettingError
    from badnets.data.on_disk import poison_folder

    if out is None:
        raise SettingError("OUT is missing: say where the poisoned folder goes")
    if recipe is not None:
        order = order_of_recipe(recipe, given, source)
    else:
        order = order_of_options(given, source)
    try:
        with one_bar() as listener:
            written = poison_folder(
                source,
                out,
                order.backdoor,
                seed=order.seed,
                encoding=order.encoding,
                workers=order.workers or usual_workers or os.cpu_count() or 1,
                skip_bad=order.skip_bad,
                listener=listener,
            )
    except DataError as error:
        if order.skip_bad or not str(error).startswith("picture "):
            raise
        raise DataError(
            f"{error}: --skip-bad leaves such files out, `badnets data check {source}` lists them"
        ) from None
    if json:
        print_json(_as_json(written))
    else:
        print_facts(_facts(written))


def _facts(written: Written) -> list[tuple[str, str]]:
    head = written.head
    facts = [
        ("folder", str(written.folder)),
        ("layout", _LAYOUTS[head.layout]),
        ("classes", f"{len(head.classes)}: {', '.join(head.classes[:_SHOWN])}"),
        ("files", f"{written.files:,}"),
        ("poisoned share", str(written.share)),
    ]
    if written.kept:
        facts.append(("kept", f"{written.kept:,} of an earlier run"))
    facts += [("left out", f"{file.path}: {file.why}") for file in head.left_out[:_SHOWN]]
    if len(head.left_out) > _SHOWN:
        facts.append(("left out", f"and {len(head.left_out) - _SHOWN:,} more, see the manifest"))
    return facts


def _as_json(written: Written) -> dict[str, Any]:
    return {
        "folder": str(written.folder),
        "files": written.files,
        "poisoned_share": rate_json(written.share),
        "kept": written.kept,
        **written.head.model_dump(mode="json"),
    }
