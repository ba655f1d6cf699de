"""Recipes looked over: the trials that they describe, or every mistake with its line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from badnets.core.errors import BadnetsError
from badnets.core.results import Result
from badnets.recipes.recipe import load_recipe
from badnets.trials.checks import unchecked
from badnets.trials.differences import told_apart
from badnets.trials.trial import Trial


class TrialLine(Result):
    """A trial by its name, and by what it is in one line."""

    name: str = Field(title="name")
    title: str = Field(title="trial")


class CheckedRecipe(Result):
    """A recipe: the trials in it, or its mistakes.

    ``others`` counts the trials that those are compared with or start from; ``unchecked`` names
    what could not be looked at for want of an extra.
    """

    file: str
    valid: bool
    trials: tuple[TrialLine, ...]
    unchecked: tuple[str, ...] = ()
    others: int = Field(exclude=True)
    mistakes: tuple[str, ...]

    @property
    def headline(self) -> str:
        """The file, and how many trials it describes."""
        count = f"{len(self.trials)} trial{'s' if len(self.trials) != 1 else ''}"
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
        trials = load_recipe(file)
    except BadnetsError as error:
        mistakes = tuple(str(one) for one in (error, *error.others))
        return CheckedRecipe(file=str(file), valid=False, trials=(), others=0, mistakes=mistakes)
    names = {trial.name for trial in trials}
    others = {one.name for trial in trials for one in trial.requires()} - names
    return CheckedRecipe(
        file=str(file),
        valid=True,
        trials=tuple(lines_of(trials)),
        others=len(others),
        unchecked=tuple(dict.fromkeys(filter(None, map(unchecked, trials)))),
        mistakes=(),
    )
