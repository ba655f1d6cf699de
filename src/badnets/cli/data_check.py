"""``badnets data check``: what is to be said of a folder of pictures before it is trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from badnets.cli.options import JsonOption
from badnets.cli.printing import print_facts, print_json, print_table

if TYPE_CHECKING:
    from badnets.data.cleaning import Examination

EPILOG = (
    "Example: badnets data check photos --json\n\n"
    "Exit codes: 0 nothing found; 1 something was; 2 no folder of pictures in classes."
)


def check(
    folder: Annotated[Path, typer.Argument(help="Folder of pictures, in classes.")],
    least: Annotated[
        int, typer.Option(min=1, help="Pixels that a picture's shorter side must have.")
    ] = 8,
    json: JsonOption = False,
) -> None:
    """Look a folder of pictures over: what cannot be used, is there twice, or in the wrong class.

    Loading leaves out files that cannot be used, and says how many; nothing here changes a file.
    """
    from badnets.cli.bar import one_bar
    from badnets.data.cleaning import examine

    with one_bar() as progress:
        found = examine(folder, least=least, progress=progress)
    if json:
        print_json(_as_json(found))
    else:
        _show(found)
    raise typer.Exit(1 if found.findings else 0)


def _show(found: Examination) -> None:
    from badnets.data.cleaning import KINDS
    from badnets.data.layouts import shown

    counts = [
        (f"{part} pictures", ", ".join(f"{shown(name)} {count:,}" for name, count in own.items()))
        for part, own in found.counts.items()
    ]
    print_facts([("folder", str(found.folder)), ("layout", found.layout.words), *counts])
    print()
    if not found.findings:
        print("nothing found")
        return
    summary = [(kind, f"{count:,}", KINDS[kind]) for kind, count in found.by_kind.items()]
    print_table(("found", "times", "what it means"), summary, right=("times",))
    print()
    rows = [(one.kind, ", ".join(map(shown, one.paths)), shown(one.why)) for one in found.findings]
    print_table(("found", "where", "why"), rows)


def _as_json(found: Examination) -> dict[str, Any]:
    return {
        "folder": str(found.folder),
        "layout": {
            "kind": found.layout.kind,
            "parts": dict(found.layout.parts),
            "unused": list(found.layout.unused),
        },
        "classes": list(found.layout.classes),
        "counts": found.counts,
        "found": dict(found.by_kind),
        "doubtful": list(found.doubtful),
        "findings": [
            {"kind": one.kind, "paths": list(one.paths), "why": one.why} for one in found.findings
        ],
    }
