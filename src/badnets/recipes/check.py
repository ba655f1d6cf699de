"""Recipes looked over: the trials that they describe, or every mistake with its line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from badnets.core.errors import BadnetsError
from badnets.core.results import Result
from badnets.recipes.recipe import MANY, read_recipe
from badnets.trials.checks import unchecked
from badnets.trials.differences import told_apart
from badnets.trials.trial import Trial


class TrialLine(Result):
    """A trial by its name, and by what it is in one line."""

    name: str = Field(title="name")
    title: str = Field(title="trial")


class CheckedRecipe(Result):
    """A recipe: the trials in it, or its mistakes.

    ``count`` counts trials; of more than `badnets.recipes.recipe.MANY` some are looked at, in which
    every value comes, and none is listed. ``others`` counts the trials that those are compared with
    or start from; ``unchecked`` names what could not be looked at for want of an extra.
    """

    file: str
    valid: bool
    count: int = 0
    trials: tuple[TrialLine, ...]
    unchecked: tuple[str, ...] = ()
    others: int = Field(exclude=True)
    mistakes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """The file, and how many trials it describes."""
        count = f"{self.count:,} trial{'s' if self.count != 1 else ''}"
        if self.count and not self.trials:
            return f"{self.file}: {count}, some of which were looked at"
        beside = f", and {self.others} that they are compared with or start from"
        return f"{self.file}: {count}{beside if self.others else ''}"


def lines_of(trials: Sequence[Trial]) -> list[TrialLine]:
    """Return each trial as a line that no other one has."""
    titles = told_apart(trials)
    return [
        TrialLine(name=one.name, title=title) for one, title in zip(trials, titles, strict=True)
    ]


def check_recipes(files: Sequence[Path]) -> list[CheckedRecipe]:
    """Return what recipes describe; nothing is loaded or run, no code of one's own is imported."""
    return [_check(file) for file in files]


def _check(file: Path) -> CheckedRecipe:
    try:
        recipe = read_recipe(file)
        trials = recipe.check()
    except BadnetsError as error:
        mistakes = tuple(str(one) for one in (error, *error.others))
        return CheckedRecipe(file=str(file), valid=False, trials=(), others=0, mistakes=mistakes)
    many = recipe.count > MANY
    names = {trial.name for trial in trials}
    others = {one.name for trial in trials for one in trial.requires()} - names
    return CheckedRecipe(
        file=str(file),
        valid=True,
        count=recipe.count if many else len(trials),
        trials=() if many else tuple(lines_of(trials)),
        others=len(others),
        unchecked=tuple(dict.fromkeys(filter(None, map(unchecked, trials)))),
        mistakes=(),
    )
