"""Recipes: trials described in YAML, with grids; every mistake is told with its field and line."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
from collections import ChainMap
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import ValidationError

from badnets.core.errors import BadnetsError
from badnets.core.lookup import unknown_name
from badnets.core.triggers import DrawnSticker, Patch
from badnets.models.weights import StartingWeights
from badnets.trials.fitting import checks
from badnets.trials.plain import Mistakes, Where, blamed, check_fields, made
from badnets.trials.trial import Trial
from badnets.trials.yaml_lines import Lines, Place, read_yaml

MAX_TRIALS = 10_000
_OWN = tuple(name for name in Trial.model_fields if name not in ("start", "control"))
_VARYING = (*_OWN, "start", "control")
FIELDS = (*_VARYING, "seeds", "sweep")
_OF_ANOTHER = ("training", "seed", "train_limit")  # what `start` may say of its trial
_OF_ANOTHER_DETECTOR = ("detection", "seed", "train_limit")  # the same, where it is a detector's
_INHERITED = ("data", "network", "seed", "target_accuracy", "evaluate_on", "detection")
_OF_CLASSIFIERS = {
    "training": "give `training` inside `detection`",
    "held_back": "a fifth of the scenes is held back",
    "search": "try the settings with `sweep`",
    "weights": "begin with another detector by `start`",
    "retrain": "give `transfer`",
}
_DOWNLOADED = (
    *(name for name in _OWN if name not in ("transfer", "observe", *_OF_CLASSIFIERS)),
    "control",
    "start",
)
_DOWNLOADED_CLASSIFIER = (
    *(name for name in _OWN if name not in ("detection", "transfer", "retrain", "observe")),
    "control",
    "start",
)
STARTS = frozenset((*_OF_ANOTHER, *_OF_ANOTHER_DETECTOR, *_DOWNLOADED, *_DOWNLOADED_CLASSIFIER))
"""Fields that ``start`` may have, as far as they fit the trial."""

DETECTOR = "zf"  # the network of a recipe that names none
SHORT: dict[str, dict[str, Any]] = {
    "yellow-square": dataclasses.asdict(Patch.yellow_square()),
    "bomb": dataclasses.asdict(DrawnSticker("bomb")),
    "flower": dataclasses.asdict(DrawnSticker("flower")),
}


def load_recipe(path: Path) -> list[Trial]:
    """Return the trials that a recipe describes, each once, in its order.

    A recipe is a mapping, a list of them, or a mapping whose only field is ``trials``, such a list.
    Each has the fields of a `Trial`, and

    - ``weights``: the path of a safetensors file, from the working folder;
    - ``seeds``: a list instead of ``seed``; one trial for each;
    - ``sweep``: field -> list of values (``backdoor.rate: [0.01, 0.1]``); one trial for each
      combination;
    - ``control``: true (the default) lets an honest trainer's network, made with the same
      settings, answer the same triggered images;
    - ``start``: ``clean``, to start from the network of the same settings without a backdoor, or a
      mapping with that network's ``training`` (a detector's ``detection``), ``seed`` and
      ``train_limit``; with ``transfer`` or ``retrain`` the trial whose network is downloaded: what
      it does not say of data, network, ``detection``, seed and target accuracy is as in this one.

    Args:
        path: a YAML file.

    Raises:
        RecipeError: unreadable, not YAML, an unknown or doubled field, a value outside its range,
            an unknown name, a target label or a trigger that does not fit the data; names file,
            line and field. Other mistakes that were found are beside it, in ``others``.

    Nothing that a recipe names by ``module:factory`` is imported before its trial runs.
    """
    value, lines = read_yaml(path)
    trials: dict[str, Trial] = {}
    mistakes = Mistakes()
    for described, place in _descriptions(value, lines):
        with mistakes.collected():
            for settings, where in _combinations(described, place, lines, mistakes):
                with mistakes.collected():
                    trial = trial_of(settings, where, place)
                    trials[trial.name] = trial
                if len(trials) > MAX_TRIALS:
                    raise lines.error(place, f"more than {MAX_TRIALS} trials")
    mistakes.complain()
    return list(trials.values())


def _descriptions(value: Any, lines: Lines) -> Iterator[tuple[Any, Place]]:
    place: Place = ()
    if isinstance(value, dict) and "trials" in value:
        check_fields(value, ("trials",), (), lines)
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


def _combinations(
    described: Any, place: Place, lines: Lines, mistakes: Mistakes
) -> Iterator[tuple[dict[str, Any], Lines]]:
    """Yield the settings of each trial, without ``seeds`` and ``sweep``, and where they stand.

    An unknown field, and a sweep that cannot be made, is kept among the mistakes and passed over.
    """
    with mistakes.collected():
        check_fields(described, FIELDS, place, lines)
    if not isinstance(described, dict):
        return
    fixed = {name: part for name, part in described.items() if name in _VARYING}
    axes = _axes(described, place, lines, mistakes)
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
    described: dict[str, Any], place: Place, lines: Lines, mistakes: Mistakes
) -> list[tuple[Place, list[Any], Place]]:
    """Return (field, values, where they stand) of all that varies; seeds go fastest."""
    axes: list[tuple[Place, list[Any], Place]] = []
    sweep = described.get("sweep", {})
    if not isinstance(sweep, dict):
        said = "expected a mapping of fields to lists of values"
        mistakes.add(lines.error((*place, "sweep"), said))
        sweep = {}
    for dotted, values in sweep.items():
        origin: Place = ("sweep", dotted)
        field = tuple(dotted.split("."))
        if field[0] not in _VARYING:
            unknown = str(unknown_name(dotted, _VARYING, "field"))
            mistakes.add(lines.error((*place, *origin), unknown))
            continue
        with mistakes.collected():
            axes.append((field, _choices(values, (*place, *origin), lines), origin))
    with mistakes.collected():
        if "seeds" in described:
            if "seed" in described:
                raise lines.error((*place, "seeds"), "give seed or seeds, not both")
            seeds = _choices(described["seeds"], (*place, "seeds"), lines)
            axes.append((("seed",), seeds, ("seeds",)))
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
        BadnetsError: as ``where`` words it; for the first field that is wrong, or does not fit,
            with those of other fields beside it.
    """
    return _checked(_trial(settings, place, where), settings, place, where)


def _trial(settings: dict[str, Any], place: Place, where: Where) -> Trial:
    parts: dict[str, Any] = {}
    mistakes = Mistakes()
    for name in (name for name in settings if name in _OWN):
        with mistakes.collected():
            parts[name] = _part(name, settings[name], (*place, name), where)
    mistakes.complain()
    if parts.get("detection") is not None:
        parts = _of_detector(parts, place, where)
    try:
        if parts.get("transfer") is not None:
            return _transferred(parts, settings, place, where)
        if parts.get("retrain") is not None:
            return _retrained(parts, settings, place, where)
        honest = _honest(parts, settings, place, where)
        compared = made(bool, settings.get("control", True), (*place, "control"), where)
        if settings.get("start") is not None:
            parts |= {"start": honest, "weights": None}  # there the weights are what it begins with
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
    attacks = name in ("backdoor", "transfer", "retrain")
    if attacks and isinstance(value, dict) and "trigger" in value:
        value = {**value, "trigger": spelled_out(value["trigger"])}
    if name == "weights" and isinstance(value, str):
        return _weights(value, path, where)
    return made(wanted, value, path, where)


def _weights(file: str, path: Place, where: Where) -> StartingWeights:
    try:
        return StartingWeights.of(file)
    except BadnetsError as error:
        raise where.error(path, str(error)) from None


def spelled_out(trigger: Any) -> Any:
    """Return what a trigger's short name stands for; anything else as it is.

    Short names are ``yellow-square``, ``bomb`` and ``flower``, alone, with a size
    (``yellow-square:0.2``), or as the ``kind`` of a mapping.
    """
    given = dict(trigger) if isinstance(trigger, dict) else {"kind": trigger}
    if not isinstance(given.get("kind"), str):
        return trigger
    name, colon, size = (part.strip() for part in given["kind"].partition(":"))
    if name not in SHORT:
        return trigger
    return {
        **SHORT[name],
        **({"size": size} if colon else {}),
        **given,
        "kind": SHORT[name]["kind"],
    }


def _of_detector(parts: dict[str, Any], place: Place, where: Where) -> dict[str, Any]:
    """Return the parts with a detector's own defaults; refuses what only classifiers have."""
    for name, instead in _OF_CLASSIFIERS.items():
        if name in parts:
            raise where.error((*place, name), f"{name} is for classifiers: {instead}")
    return {"network": DETECTOR, **parts}


def _honest(parts: dict[str, Any], settings: dict[str, Any], place: Place, where: Where) -> Trial:
    """Return the trial of an honest trainer, with the same settings or those of ``start``."""
    start, path = settings.get("start"), (*place, "start")
    own = {
        name: part
        for name, part in parts.items()
        if name not in ("backdoor", "search", "observe", "keep_bundle")
    }
    detects = parts.get("detection") is not None
    if start is not None and start != "clean":
        known = _OF_ANOTHER_DETECTOR if detects else _OF_ANOTHER
        if not isinstance(start, dict):
            raise where.error(path, f"expected clean, or a mapping ({', '.join(known)})")
        given = _with_detection(check_fields(start, known, path, where), settings)
        own |= {name: _part(name, part, (*path, name), where) for name, part in given.items()}
    if detects:
        own["detection"] = dataclasses.replace(own["detection"], real_world=False, stampings=1)
    return Trial(**own)


def _transferred(
    parts: dict[str, Any], settings: dict[str, Any], place: Place, where: Where
) -> Trial:
    """Return a trial of transfer learning, with the trial whose detector is downloaded."""
    start, path = settings.get("start"), (*place, "start")
    order = parts.get("detection")
    if order is None or start is None:
        return Trial(**parts)  # which says what is missing
    if not isinstance(start, dict):
        raise where.error(
            path, f"expected a mapping, the trial to download ({', '.join(_DOWNLOADED)})"
        )
    given = _with_detection(check_fields(start, _DOWNLOADED, path, where), settings)
    inherited = {name: settings[name] for name in _INHERITED if name in settings}
    downloaded = trial_of({**inherited, **given}, where, path)
    theirs = downloaded.detection
    if theirs is not None and order.architecture not in ({}, theirs.architecture):
        raise where.error(
            (*place, "detection", "architecture"),
            "the architecture is that of start: leave it out here, or there",
        )
    if theirs is not None:
        order = dataclasses.replace(
            order, architecture=theirs.architecture, real_world=False, stampings=1
        )
    return Trial(**{**parts, "detection": order, "start": downloaded})


def _retrained(
    parts: dict[str, Any], settings: dict[str, Any], place: Place, where: Where
) -> Trial:
    """Return a trial of a retrained classifier, beside a clean one that is retrained likewise."""
    start, path = settings.get("start"), (*place, "start")
    compared = made(bool, settings.get("control", True), (*place, "control"), where)
    if start is None or parts.get("detection") is not None:
        return Trial(**parts)  # which says what is wrong
    if not isinstance(start, dict):
        known = ", ".join(_DOWNLOADED_CLASSIFIER)
        raise where.error(path, f"expected a mapping, the trial to download ({known})")
    given = check_fields(start, _DOWNLOADED_CLASSIFIER, path, where)
    inherited = {name: settings[name] for name in _INHERITED if name in settings}
    downloaded = trial_of({**inherited, **given}, where, path)
    control = None
    if compared and not downloaded.is_clean and downloaded.control is not None:
        control = Trial(**{**parts, "observe": (), "start": downloaded.control})
    return Trial(**{**parts, "start": downloaded, "control": control})


def _with_detection(given: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of another trial; what its detector does not say is as in this one."""
    own, other = settings.get("detection"), given.get("detection", {})
    if not isinstance(own, dict) or not isinstance(other, dict):
        return given
    return {**given, "detection": {**own, **other}}


def _checked(trial: Trial, settings: dict[str, Any], place: Place, where: Where) -> Trial:
    for path, check in checks(trial):
        try:
            check()
        except BadnetsError as error:
            held: Any = settings
            for name in path:
                held = held.get(name, {}) if isinstance(held, dict) else {}
            given = held if isinstance(held, dict) else {}
            raise where.error(blamed(str(error), given, (*place, *path)), str(error)) from None
    return trial
