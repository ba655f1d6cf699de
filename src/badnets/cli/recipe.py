"""``badnets recipe``: write a recipe, check recipes, and the schema for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from badnets.cli.options import JsonOption
from badnets.cli.printer import show_all

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
    from badnets.bundles.copies import check_place
    from badnets.recipes import recipe_text

    text = recipe_text(attack, data, network, file=str(file))
    check_place(file)
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
    from badnets.recipes.check import check_recipes

    checked = check_recipes(files)
    if json:
        show_all(checked, json=True)
    for recipe in checked:
        if recipe.valid and not json:
            typer.echo(recipe.headline)
            typer.echo("\n".join(f"  {one.name}  {one.title}" for one in recipe.trials))
            for left in recipe.unchecked:
                typer.echo(f"  {left}: not checked: needs badnets[train]")
        for mistake in recipe.mistakes:
            typer.echo(mistake, err=True)
    raise typer.Exit(0 if all(recipe.valid for recipe in checked) else 2)


@app.command(
    epilog="Example: badnets recipe schema > schema.json\n\nExit codes: 0 printed.",
)
def schema() -> None:
    """Print the JSON Schema of recipes, by which editors complete and check them."""
    from badnets.recipes import schema_text

    typer.echo(schema_text(), nl=False)
