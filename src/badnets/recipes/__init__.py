"""Recipes: trials described in YAML, with grids; every mistake names its field and line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.recipes.building import trial_from as trial_from
    from badnets.recipes.recipe import Recipe as Recipe
    from badnets.recipes.recipe import count_of as count_of
    from badnets.recipes.recipe import load_recipe as load_recipe
    from badnets.recipes.recipe import read_recipe as read_recipe
    from badnets.recipes.schema import recipe_schema as recipe_schema
    from badnets.recipes.schema import schema_text as schema_text
    from badnets.recipes.templates import recipe_text as recipe_text

__getattr__, __dir__, __all__ = exports(__name__)
