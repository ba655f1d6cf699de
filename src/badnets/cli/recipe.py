"""``badnets recipe``: write a recipe, check recipes, and the schema for editors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from badnets.cli.options import JsonOption
from badnets.cli.printing import print_json

if TYPE_CHECKING:
    from badnets.trials.trial import Trial

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Write a recipe, check recipes, or export their JSON Schema.",
    epilog="Example: badnets recipe new mine.yaml --attack wanet --data digits\n\n"
    "Exit codes: 0 done; 2 wrong usage or a mistake in a recipe; 3 a file could not be written.",
)


@app.command(
    epilog="Example: badnets recipe new mine.yaml --attack blended --data folder:photos\n\n"
    "Exit codes: 0 written; 2 unknown attack or data; 3 the name is taken, or it could not be "
    "written."
)
def new(
    file: Annotated[Path, typer.Argument(help="YAML file to write; must be new.")],
    attack: Annotated[
        str,
        typer.Option(help="badnets, all-to-all, blended, wanet, sig or clean-label."),
    ] = "badnets",
    data: Annotated[
        str,
        typer.Option(help="digits, mnist, gtsrb, dogs-vs-cats or folder:PATH."),
    ] = "digits",
    network: Annotated[
        str | None,
        typer.Option(help="Name of the architecture.", show_default="the usual one of the data"),
    ] = None,
) -> None:
    """Write a recipe with comments, to be changed and run."""
    from badnets.bundles.atomic import write_text
    from badnets.cli.bundles import refuse_taken
    from badnets.trials.recipe_templates import recipe_text

    text = recipe_text(attack, data, network, file=str(file))
    refuse_taken(file)
    write_text(file, text)
    typer.echo(str(file))


@app.command(
    epilog="Example: badnets recipe check recipes/*.yaml\n\n"
    "Exit codes: 0 all of them are valid; 2 there are mistakes, one line for each on stderr."
)
def check(
    files: Annotated[list[Path], typer.Argument(help="YAML files.")],
    json: JsonOption = False,
) -> None:
    """Check recipes and say which trials they describe; nothing is loaded or run.

    Code of one's own that a recipe names by MODULE:FACTORY is not imported: whether it fits is
    found out when its trial runs.
    """
    from badnets.core.errors import BadnetsError
    from badnets.trials.recipe import load_recipe

    found: dict[Path, list[Trial]] = {}
    mistakes: dict[Path, list[str]] = {}
    for file in files:
        try:
            found[file] = load_recipe(file)
        except BadnetsError as error:
            mistakes[file] = [str(one) for one in (error, *error.others)]
    if json:
        print_json([_described(file, found.get(file), mistakes.get(file, [])) for file in files])
    else:
        _show(found)
    for line in (line for lines in mistakes.values() for line in lines):
        typer.echo(line, err=True)
    raise typer.Exit(2 if mistakes else 0)


@app.command(
    epilog="Example: badnets recipe schema > schema.json\n\nExit codes: 0 printed.",
)
def schema() -> None:
    """Print the JSON Schema of recipes, by which editors complete and check them."""
    from badnets.trials.recipe_schema import schema_text

    typer.echo(schema_text(), nl=False)


def _show(found: dict[Path, list[Trial]]) -> None:
    for file, trials in found.items():
        names = {trial.name for trial in trials}
        others = {one.name for trial in trials for one in trial.requires()} - names
        count = f"{len(trials)} trial{'s' if len(trials) != 1 else ''}"
        beside = f", and {len(others)} that they are compared with or start from" if others else ""
        typer.echo(f"{file}: {count}{beside}")
        for trial in trials:
            typer.echo(f"  {trial.name}  {trial.title}")


def _described(file: Path, trials: list[Trial] | None, mistakes: list[str]) -> dict[str, Any]:
    listed = [{"name": trial.name, "title": trial.title} for trial in trials or []]
    return {"file": str(file), "valid": not mistakes, "trials": listed, "mistakes": mistakes}
