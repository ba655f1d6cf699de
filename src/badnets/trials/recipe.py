"""Recipes: trials described in YAML, with grids; every mistake is told with its field and line."""

from __future__ import annotations

import copy
import itertools
import math
from collections import ChainMap
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import ValidationError

from badnets.core.errors import BadnetsError
from badnets.core.lookup import unknown_name
from badnets.data.catalogue import DATASETS, check_task
from badnets.models.catalogue import build
from badnets.trials.plain import Where, blamed, check_fields, made
from badnets.trials.trial import Trial
from badnets.trials.yaml_lines import Lines, Place, read_yaml

MAX_TRIALS = 10_000
_OWN = tuple(name for name in Trial.model_fields if name not in ("start", "control"))
_VARYING = (*_OWN, "start", "control")
FIELDS = (*_VARYING, "seeds", "sweep")
_OF_ANOTHER = ("training", "seed", "train_limit")  # what `start` may say of its trial


def load_recipe(path: Path) -> list[Trial]:
    """Return the trials that a recipe describes, each once, in its order.

    A recipe is a mapping, a list of them, or a mapping whose only field is ``trials``, such a list.
    Each has the fields of a `Trial`, and

    - ``seeds``: a list instead of ``seed``; one trial for each;
    - ``sweep``: field -> list of values (``backdoor.rate: [0.01, 0.1]``); one trial for each
      combination;
    - ``control``: true (the default) lets an honest trainer's network, made with the same
      settings, answer the same triggered images;
    - ``start``: ``clean``, to start from the network of the same settings without a backdoor, or a
      mapping with that network's ``training``, ``seed`` and ``train_limit``.

    Args:
        path: a YAML file.

    Raises:
        RecipeError: unreadable, not YAML, an unknown or doubled field, a value outside its range,
            an unknown name, a target label or a trigger that does not fit the data; names file,
            line and field.
    """
    value, lines = read_yaml(path)
    trials: dict[str, Trial] = {}
    for described, place in _descriptions(value, lines):
        for settings, where in _combinations(described, place, lines):
            trial = trial_of(settings, where, place)
            trials[trial.name] = trial
            if len(trials) > MAX_TRIALS:
                raise lines.error(place, f"more than {MAX_TRIALS} trials")
    return list(trials.values())


def check_fit(trial: Trial) -> None:
    """Refuse a network or a backdoor that does not fit the trial's data set; loads no data.

    Raises:
        UnknownNameError: there is no such data set or network; names the nearest.
        SettingError, ShapeError, DataError: the network does not take such images, a label is
            outside the classes, the trigger is larger than the image or lacks its picture.
    """
    for _, check in _checks(trial):
        check()


def _descriptions(value: Any, lines: Lines) -> Iterator[tuple[dict[str, Any], Place]]:
    place: Place = ()
    if isinstance(value, dict) and "trials" in value:
        check_fields(value, ("trials",), (), lines)
        value, place = value["trials"], ("trials",)
    if isinstance(value, list):
        if not value:
            raise lines.error(place, "expected at least one trial")
        for index, item in enumerate(value):
            yield check_fields(item, FIELDS, (*place, index), lines), (*place, index)
    elif place:
        raise lines.error(place, "expected a list of trials")
    else:
        yield check_fields(value, FIELDS, (), lines), ()


def _combinations(
    described: dict[str, Any], place: Place, lines: Lines
) -> Iterator[tuple[dict[str, Any], Lines]]:
    """Yield the settings of each trial, without ``seeds`` and ``sweep``, and where they stand."""
    fixed = {name: part for name, part in described.items() if name not in ("seeds", "sweep")}
    axes = _axes(described, place, lines)
    if math.prod(len(values) for _, values, _ in axes) > MAX_TRIALS:
        raise lines.error((*place, "sweep"), f"more than {MAX_TRIALS} combinations")
    for chosen in itertools.product(*(range(len(values)) for _, values, _ in axes)):
        settings = copy.deepcopy(fixed)
        moved: dict[Place, int] = {}
        for (field, values, origin), index in zip(axes, chosen, strict=True):
            _put(settings, field, copy.deepcopy(values[index]), (*place, *origin), lines)
            target = (*place, *field)
            below = lines.below((*place, *origin, index))
            moved |= {(*target, *rest): line for rest, line in below.items()}
        yield settings, Lines(lines.source, ChainMap(moved, lines.lines))


def _axes(
    described: dict[str, Any], place: Place, lines: Lines
) -> list[tuple[Place, list[Any], Place]]:
    """Return (field, values, where they stand) of all that varies; seeds go fastest."""
    axes: list[tuple[Place, list[Any], Place]] = []
    sweep = described.get("sweep", {})
    if not isinstance(sweep, dict):
        raise lines.error((*place, "sweep"), "expected a mapping of fields to lists of values")
    for dotted, values in sweep.items():
        origin: Place = ("sweep", dotted)
        field = tuple(dotted.split("."))
        if field[0] not in _VARYING:
            raise lines.error((*place, *origin), str(unknown_name(dotted, _VARYING, "field")))
        axes.append((field, _choices(values, (*place, *origin), lines), origin))
    if "seeds" in described:
        if "seed" in described:
            raise lines.error((*place, "seeds"), "give seed or seeds, not both")
        axes.append((("seed",), _choices(described["seeds"], (*place, "seeds"), lines), ("seeds",)))
    return axes


def _choices(values: Any, path: Place, lines: Lines) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise lines.error(path, "expected a list of values, at least one")
    return values


def _put(settings: dict[str, Any], field: Place, value: Any, path: Place, lines: Lines) -> None:
    """Set ``settings[a][b][c]``; a kind written alone becomes a mapping to hold the rest."""
    inner = settings
    for name in field[:-1]:
        held = inner.get(str(name))
        if held is None or isinstance(held, str):
            held = {} if held is None else {"kind": held}
        if not isinstance(held, dict):
            raise lines.error(path, f"{name} is not a mapping, so nothing in it can vary")
        inner[str(name)] = held
        inner = held
    inner[str(field[-1])] = value


def trial_of(settings: dict[str, Any], where: Where, place: Place = ()) -> Trial:
    """Return one trial from plain settings, and with it the honest one that it is compared with.

    Args:
        settings: the fields of a recipe, without ``seeds`` and ``sweep``.
        where: words the errors.
        place: where the settings stand.

    Raises:
        BadnetsError: as ``where`` words it; for the first field that is wrong, or does not fit.
    """
    return _checked(_trial(settings, place, where), settings, place, where)


def _trial(settings: dict[str, Any], place: Place, where: Where) -> Trial:
    parts = {
        name: _part(name, part, (*place, name), where)
        for name, part in settings.items()
        if name in _OWN
    }
    try:
        honest = _honest(parts, settings.get("start"), (*place, "start"), where)
        compared = made(bool, settings.get("control", True), (*place, "control"), where)
        parts["start"] = None if settings.get("start") is None else honest
        parts["control"] = honest if compared and parts.get("backdoor") else None
        return Trial(**parts)
    except ValidationError as error:
        said = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise where.error(blamed(said, settings, place), said) from None


def _part(name: str, value: Any, path: Place, where: Where) -> Any:
    field = Trial.model_fields[name]
    wanted: Any = field.annotation
    if field.metadata:
        wanted = Annotated[(wanted, *field.metadata)]
    return made(wanted, value, path, where)


def _honest(parts: dict[str, Any], start: Any, path: Place, where: Where) -> Trial:
    """Return the trial of an honest trainer, with the same settings or those of ``start``."""
    own = {
        name: part
        for name, part in parts.items()
        if name not in ("backdoor", "search", "observe", "keep_bundle")
    }
    if start is not None and start != "clean":
        if not isinstance(start, dict):
            raise where.error(path, f"expected clean, or a mapping ({', '.join(_OF_ANOTHER)})")
        given = check_fields(start, _OF_ANOTHER, path, where)
        own |= {name: _part(name, part, (*path, name), where) for name, part in given.items()}
    return Trial(**own)


def _checked(trial: Trial, settings: dict[str, Any], place: Place, where: Where) -> Trial:
    for path, check in _checks(trial):
        try:
            check()
        except BadnetsError as error:
            held: Any = settings
            for name in path:
                held = held.get(name, {}) if isinstance(held, dict) else {}
            given = held if isinstance(held, dict) else {}
            raise where.error(blamed(str(error), given, (*place, *path)), str(error)) from None
    return trial


def _checks(trial: Trial) -> Iterator[tuple[tuple[str, ...], Callable[[], object]]]:
    """Yield what must hold between a trial's parts, and the field to blame when it does not."""
    yield ("data",), lambda: check_task(trial.data, "classification")
    entry = DATASETS[trial.data]
    shape = entry.shape
    if shape is None:  # a detection set, which the check above has refused
        return
    yield ("network",), lambda: _check_network(trial.network, shape, entry.classes)
    backdoor = trial.backdoor
    if backdoor is not None:
        blank = torch.zeros(1, *shape, dtype=torch.uint8)
        yield ("backdoor", "targets"), lambda: backdoor.targets.check(entry.classes)
        yield ("backdoor", "trigger"), lambda: backdoor.trigger(blank, generator=torch.Generator())


@lru_cache(maxsize=64)
def _check_network(name: str, shape: tuple[int, int, int], classes: int) -> None:
    with torch.device("meta"):  # shapes alone: nothing is computed
        build(name, shape, classes)
