"""``badnets recipe``: write a recipe, check recipes, and the schema for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from badnets.cli import completion
from badnets.cli.options import JsonOption
from badnets.cli.printer import say, show_all, show_files

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Write a recipe, check recipes, or export their JSON Schema.",
    epilog="Example: badnets recipe new mine.yaml --attack wanet --data digits\n\n"
    "Exit codes: 0 done; 2 wrong usage or a mistake in a recipe; 3 a file could not be written.",
)


@app.command(
    epilog="Example: badnets recipe new mine.yaml --attack blended --data folder:photos\n\n"
    "Exit codes: 0 written; 2 unknown attack or data, or FILE exists already; 3 FILE could not be "
    "written."
)
def new(
    file: Annotated[Path, typer.Argument(help="YAML file to write; must be new.")],
    attack: Annotated[
        str,
        typer.Option(
            help="badnets, all-to-all, blended, wanet, sig or clean-label.",
            autocompletion=completion.attacks,
        ),
    ] = "badnets",
    data: Annotated[
        str,
        typer.Option(
            help="digits, mnist, gtsrb, dogs-vs-cats or folder:PATH.",
            autocompletion=completion.data,
        ),
    ] = "digits",
    network: Annotated[
        str | None,
        typer.Option(
            help="Network.",
            show_default="the usual one for the data",
            autocompletion=completion.networks,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write a recipe with comments, for you to change and run."""
    from badnets.bundles.atomic import write_text
    from badnets.bundles.copies import check_place
    from badnets.recipes import recipe_text

    text = recipe_text(attack, data, network, file=str(file))
    check_place(file)
    write_text(file, text)
    show_files([file], json=json)


@app.command(
    epilog="Example: badnets recipe check recipes/*.yaml\n\n"
    "Exit codes: 0 all recipes are valid; 2 there are mistakes, each in one line on stderr; 3 "
    "there are none, but something could not be checked without an extra."
)
def check(
    files: Annotated[list[Path], typer.Argument(help="YAML files.")],
    json: JsonOption = False,
) -> None:
    """Check recipes and say which trials they describe; nothing is loaded or run.

    Code of your own that a recipe names as MODULE:FACTORY is not imported, so whether it fits shows
    only when its trial runs.
    """
    from badnets.recipes.check import check_recipes

    checked = check_recipes(files)
    if json:
        show_all(checked, json=True)
    for recipe in checked:
        if recipe.valid and not json:
            say(recipe.headline)
            for one in recipe.trials:
                say(f"  {one.name}  {one.title}")
            for left in recipe.unchecked:
                say(f"  {left}: not checked: needs badnets[train]")
        for mistake in recipe.mistakes:
            say(mistake, error=True)
    if not all(recipe.valid for recipe in checked):
        raise typer.Exit(2)
    raise typer.Exit(3 if any(recipe.unchecked for recipe in checked) else 0)


@app.command(
    epilog="Example: badnets recipe schema > schema.json\n\nExit codes: 0 printed.",
)
def schema() -> None:
    """Print the JSON Schema of recipes, with which editors check and complete them."""
    from badnets.recipes import schema_text

    typer.echo(schema_text(), nl=False)
