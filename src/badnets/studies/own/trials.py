"""The trials of a recipe as a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from badnets.recipes import load_recipe
from badnets.studies.catalogue import Groups, Study

if TYPE_CHECKING:
    from badnets.trials.record import Record
    from badnets.trials.trial import Trial


@dataclass(frozen=True)
class RecipeStudy(Study):
    """The trials that a recipe describes.

    Args:
        file: the recipe.
        trials: what it describes.
    """

    file: str
    trials: tuple[Trial, ...]

    def groups(self, records: Mapping[str, Record]) -> Groups:
        """Return one group; see `badnets.studies.catalogue.Study`."""
        return {"trials": self.trials}


def of_recipe(file: Path) -> RecipeStudy:
    """Return the trials of a recipe as a study.

    Raises:
        RecipeError: as `badnets.recipes.load_recipe`.
    """
    return RecipeStudy(file.name, tuple(load_recipe(file)))
