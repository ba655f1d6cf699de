"""``badnets results``: the documents in docs/results, from exported records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from badnets.core.errors import SettingError

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets results results/ docs/results/\n\n"
    "Exit codes: 0 written; 2 wrong usage, or no export of a study in the folder; 3 an export "
    "cannot be read or a document cannot be written."
)


@app.command(epilog=EPILOG)
def results(
    source: Annotated[Path, typer.Argument(help="Folder of exports: mnist.json and arrays/.")],
    target: Annotated[Path, typer.Argument(help="Folder of the documents.")],
) -> None:
    """Write results documents from exported records.

    For each study with an export in SOURCE (`badnets ledger export results/mnist.json --arrays`)
    its page is written as Markdown to TARGET, and its figures as SVG beside it.
    """
    from badnets.cli.pages import variants
    from badnets.ledger import read_records
    from badnets.report import write_markdown
    from badnets.trials.workspace import Workspace

    written: list[Path] = []
    for variant in variants():
        for ending in ("json", "parquet"):
            export = source / f"{variant.file}.{ending}"
            if not export.is_file():
                continue
            page = variant.page(read_records(export), Workspace(source))
            if page is None:
                raise SettingError(f"{export} holds no record of `{variant.command}`")
            written += write_markdown(page, target / f"{variant.file}.md")
            break
    if not written:
        names = ", ".join(f"{variant.file}.json" for variant in variants() if not variant.quick)
        raise SettingError(f"no export of a study in {source}: expected one of {names}")
    for path in written:
        if path.suffix == ".md":
            typer.echo(str(path))
