"""Recipes: the trials that a YAML file describes, counted before they are built, or built."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from badnets.core.errors import BadnetsError, RecipeError, SettingError
from badnets.core.placements import PLACEMENTS
from badnets.core.registry import Registry
from badnets.core.targets import TARGET_MAPS
from badnets.core.triggers import TRIGGERS
from badnets.recipes.building import Made, trial_from
from badnets.recipes.fields import FIELDS, Mistakes, check_names
from badnets.recipes.reading_sweeps import read_sweep
from badnets.recipes.reseeding import Reseeding
from badnets.recipes.sweeps import Choice, Chosen, Sweep
from badnets.recipes.yaml_lines import Lines, Place, read_yaml
from badnets.repair.base import REPAIRS
from badnets.scenarios.resisting import RESISTANCES
from badnets.trials.trial import Trial

MANY = 10_000
"""Of more trials than this, mistakes are looked for in some, and whoever runs them is asked."""
MOST = 1_000_000  # of 2.5 kB each
PROBES = 1_000
ENOUGH = 100  # trials that are wrong: the others are as a rule wrong in the same way
SPELLED: dict[str, Registry[Any]] = {
    "trigger": TRIGGERS, "targets": TARGET_MAPS, "placement": PLACEMENTS,
    "method": REPAIRS, "resist": RESISTANCES,
}  # fmt: skip
"""Fields whose value may be a word with its first settings, and what knows these."""


def load_recipe(path: Path | str) -> list[Trial]:
    """Return the trials that a recipe describes, each once, in its order.

    A recipe is a mapping, a list of them, or a mapping whose only field is ``trials``, such a list.
    Each has the fields of a trial (``kind: transfer`` for transfer learning, ``kind: repaired`` for
    a repair), and

    - ``weights``: the path of a safetensors file, from the working folder;
    - ``seeds``: a list instead of ``seed``, or how many from 0 on; one trial for each;
    - ``sweep``: field -> list of values (``backdoor.poisoning_rate: [0.01, 0.1]``); one trial for
      each combination. In it ``zip`` is a mapping of fields to lists of equal length (or a list of
      such mappings) whose values vary together; ``sample: {count: 50, seed: 0}`` takes so many
      combinations at random, each once, and lets a value be a range, ``{from: 0.001, to: 0.1,
      scale: log}`` (or ``linear``): a whole number where both ends are. Seeds are not sampled;
    - ``start: {bundle: FOLDER}``: a network that was downloaded as a bundle; ``control`` may then
      be ``{bundle: FOLDER}`` too, a clean one that is retrained likewise, or answers beside a
      repaired one;
    - ``control``: true (the default) lets an honest trainer's network, made with the same
      settings, answer the same triggered examples;
    - ``start``: ``clean``, to start from the network of the same settings without a backdoor, or a
      mapping with that network's ``training``, ``seed`` and ``train_limit``; what its training does
      not say is as in this one. Of transfer learning the trial whose network is downloaded: what
      it does not say of data, network, seed and target accuracy is as in this one.

    Args:
        path: a YAML file.

    Raises:
        RecipeError: unreadable, not YAML, an unknown or doubled field, a value outside its range,
            an unknown name, a target label or a trigger that does not fit the data; names file,
            line and field. Other mistakes that were found are beside it, in ``others``.

    Nothing that a recipe names by ``module:factory`` is imported before its trial runs.
    """
    return read_recipe(path).trials()


def count_of(path: Path | str) -> int:
    """Return how many trials a recipe describes, without building them: 10^7 cost nothing.

    Trials that are equal are counted as often as they are described; `load_recipe` gives each once.

    Raises:
        RecipeError: as `load_recipe`, of what is seen without building more than one trial.
    """
    return read_recipe(path).count


def read_recipe(path: Path | str) -> Recipe:
    """Return a recipe whose trials are not built yet.

    Raises:
        RecipeError: as `load_recipe`, of what is seen without building more than one trial.
    """
    value, lines = read_yaml(Path(path))
    parts = tuple(_read(described, place, lines) for described, place in _split(value, lines))
    if any(part.wrong for part in parts):
        found = Mistakes()
        for part in parts:
            for error in part.wrong:
                found.add(error)
            with found.collected():
                _built((part, choices) for choices in part.sweep.some(1))
        found.complain()
    return Recipe(parts)


@dataclass(frozen=True)
class Recipe:
    """What a recipe describes; trials are built when they are asked for.

    Args:
        parts: its descriptions.
    """

    parts: tuple[Part, ...]

    @property
    def count(self) -> int:
        """How many trials it describes; equal ones are counted as often as they are described."""
        return sum(part.sweep.count for part in self.parts)

    def trials(self) -> list[Trial]:
        """Return all of them, each once.

        Raises:
            RecipeError: as `load_recipe`; or there are more than `MOST`.
        """
        if self.count > MOST:
            raise RecipeError(
                f"the recipe describes {self.count:,} trials, and {MOST:,} are held at once: take "
                "a `sample`, or split it; only `badnets run` takes any number, part by part"
            )
        return _built(self._all())

    def batches(self, size: int) -> Iterator[list[Trial]]:
        """Yield all of them in lists of at most ``size``; equal ones may be in two lists.

        Raises:
            RecipeError: as `load_recipe`; `check` finds nearly all mistakes beforehand.
        """
        left = self._all()
        while described := list(itertools.islice(left, size)):
            yield _built(described)

    def _all(self) -> Iterator[tuple[Part, Chosen]]:
        return ((part, chosen) for part in self.parts for chosen in part.sweep)

    def some(self, most: int) -> list[Trial]:
        """Return a random sample of at most about so many, the same each time; all of few.

        Raises:
            RecipeError: as `load_recipe`, of what is in them.
        """
        shares = [max(1, round(most * part.sweep.count / self.count)) for part in self.parts]
        return _built(
            (part, choices)
            for part, share in zip(self.parts, shares, strict=True)
            for choices in part.sweep.some(share)
        )

    def check(self) -> list[Trial]:
        """Return those that mistakes were looked for in: all of few, else some with every value.

        Raises:
            RecipeError: as `load_recipe`.
        """
        if self.count <= MANY:
            return self.trials()
        whole = [part for part in self.parts if part.sweep.sample is None]
        probes = ((part, one) for part in whole for one in part.sweep.probes(PROBES))
        return [*_built(probes), *self.some(PROBES)]


@dataclass(frozen=True)
class Part:
    """One description of a recipe.

    Args:
        fixed: the fields that are the same in all of its trials.
        sweep: what varies.
        place: where it stands.
        lines: for errors.
        wrong: what was found to be wrong before any trial is built.
    """

    fixed: dict[str, Any]
    sweep: Sweep
    place: Place
    lines: Lines
    wrong: tuple[BadnetsError, ...] = ()

    def settings(self, choices: Iterable[Choice]) -> dict[str, Any]:
        """Return the fields of one trial.

        Raises:
            RecipeError: a field lies in something that is not a mapping.
        """
        settings = dict(self.fixed)
        for choice in sorted(choices, key=lambda one: len(one.field)):
            try:
                _put(settings, choice.field, choice.value)
            except BadnetsError as error:
                path, at = (*self.place, *choice.field), (*self.place, *choice.origin)
                raise self.lines.error(path, str(error), at) from None
        return settings


@dataclass(frozen=True)
class _Varied:
    """Words errors of one trial: where a value was chosen, its line is that of the choice."""

    part: Part
    choices: tuple[Choice, ...]

    def error(self, path: Place, message: str) -> BadnetsError:
        """Return the error about the value at ``path``."""
        start = len(self.part.place)
        inside = path[start:]
        for field, _, origin in sorted(self.choices, key=lambda one: -len(one.field)):
            if inside[: len(field)] == field:
                at = (*path[:start], *origin, *inside[len(field) :])
                return self.part.lines.error(path, message, at)
        within = [one.origin for one in self.choices if one.field[: len(inside)] == inside]
        if inside and len(within) == 1:  # a part of what is wrong was chosen
            return self.part.lines.error(path, message, (*path[:start], *within[0]))
        return self.part.lines.error(path, message)


def _built(wanted: Iterable[tuple[Part, Chosen]]) -> list[Trial]:
    """Return trials, each once; their mistakes are raised together."""
    trials: dict[str, Trial] = {}
    found, wrong, builder = Mistakes(), 0, _Builder()
    for part, chosen in wanted:
        try:
            trial = builder.trial(part, chosen)
        except BadnetsError as error:
            found.add(error)
            wrong += 1
            if wrong == ENOUGH:
                break
        else:
            trials[trial.name] = trial
    found.complain()
    return list(trials.values())


class _Builder:
    """Builds trial after trial; those that differ in seeds alone by copying, from the third on."""

    def __init__(self) -> None:
        self._made: Made = {}
        self._reseeding = Reseeding()
        self._like: tuple[object, object] = (None, None)
        self._before: Trial | None = None

    def trial(self, part: Part, chosen: Chosen) -> Trial:
        """Return one trial.

        Raises:
            RecipeError: something in it is wrong.
        """
        if self._like[0] is not part or self._like[1] is not chosen.combination:
            self._like, self._before = (part, chosen.combination), None
            self._reseeding.forget()
        copied: Trial | None = self._reseeding.trial(chosen.seed[0].value) if chosen.seed else None
        if copied is not None:
            return copied
        choices = (*chosen.combination, *chosen.seed)
        trial = trial_from(part.settings(choices), _Varied(part, choices), part.place, self._made)
        if self._before is not None:
            self._reseeding.follow(self._before, trial)
        self._before = trial
        return trial


def _split(value: Any, lines: Lines) -> Iterator[tuple[Any, Place]]:
    place: Place = ()
    if isinstance(value, dict) and "trials" in value:
        check_names(value, ("trials",), (), lines)
        value, place = value["trials"], ("trials",)
    if isinstance(value, list):
        if not value:
            raise lines.error(place, "expected at least one trial")
        for index, item in enumerate(value):
            yield item, (*place, index)
    elif place:
        raise lines.error(place, "expected a list of trials")
    else:
        yield value, ()


def _read(described: Any, place: Place, lines: Lines) -> Part:
    found = Mistakes()
    with found.collected():
        check_names(described, (*FIELDS, "seeds", "sweep"), place, lines)
    described = described if isinstance(described, dict) else {}
    fixed = {name: part for name, part in described.items() if name in FIELDS}
    sweep = read_sweep(described, place, lines, found)
    return Part(fixed, sweep, place, lines, found.all)


def _put(settings: dict[str, Any], field: Place, value: Any) -> None:
    """Set ``settings[a][b][c]``, and change no mapping inside: other trials have it too.

    A kind written alone becomes a mapping to hold the rest.

    Raises:
        SettingError, UnknownNameError: something on the way is no mapping, and no kind of anything.
    """
    inner = settings
    for name in map(str, field[:-1]):
        held = inner.get(name)
        if isinstance(held, str) and (name, held) != ("start", "clean"):
            kinds = SPELLED.get(name)
            held = kinds.spelled_out(held) if kinds else {"kind": held}
        elif held is None or isinstance(held, str):
            held = {}
        if not isinstance(held, dict):
            raise SettingError(f"{name} is not a mapping, so nothing in it can vary")
        copied = dict(held)
        inner[name] = copied
        inner = copied
    inner[str(field[-1])] = value
