"""``badnets lint``: what is to be known of a model folder before it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from badnets.cli.options import JsonOption, ReportOption
from badnets.cli.printer import show, show_json

app = typer.Typer(add_completion=False)


@app.command(
    epilog="Example: badnets lint downloads/model\n\n"
    "Example: badnets lint models --format sarif -o lint.sarif --fail-on warning\n\n"
    "Exit codes: 0 nothing at or above --fail-on was found; 1 something was; 2 wrong usage, or no "
    "such path; 3 something could not be looked at, and nothing worse was found."
)
def lint(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Model folders or files of any library, or Hugging Face's cache.",
        ),
    ],
    fail_on: Annotated[
        Literal["error", "warning", "info"],
        typer.Option(
            help="Least severity that exits with 1. An error is code that loading may run, bytes "
            "that are not those stated, or something that was not looked at."
        ),
    ] = "error",
    format: ReportOption = None,
    json: JsonOption = False,
) -> None:
    """Look into a model folder before it is loaded: code, checksums, what is missing.

    Nothing is loaded, unpickled or run. Pickles are read by their opcodes, archives member by
    member. What could not be looked at is a finding too. docs/lint.md lists the rules.
    """
    from badnets.hub import lint as lint_paths

    report = lint_paths(*paths)
    if format == "sarif":
        from badnets.report.sarif_log import sarif_of_findings

        show_json(sarif_of_findings(report, fail_on))
    else:
        show(report, json=json or format == "json")
    raise typer.Exit(report.exit_code(fail_on))
