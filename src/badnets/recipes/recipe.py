"""From plain settings to trials: shorthands, seeds, sweeps, and errors with field and line."""

from __future__ import annotations

import copy
import itertools
import math
from collections import ChainMap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from badnets.core.errors import BadnetsError, MissingExtraError
from badnets.core.extras import named_extras
from badnets.core.lookup import unknown_name
from badnets.core.placements import PLACEMENTS
from badnets.core.registry import Registry
from badnets.core.settings import mistakes, quoted
from badnets.core.targets import TARGET_MAPS
from badnets.core.triggers import TRIGGERS
from badnets.models.weights import StartingWeights
from badnets.recipes.yaml_lines import Lines, Place, read_yaml
from badnets.train.detector_settings import DetectorTraining, TriggerLearning
from badnets.train.settings import Training
from badnets.trials.checks import checks
from badnets.trials.downloaded import DownloadedBundle
from badnets.trials.trial import TRIAL, OutsourcedTrial, RepairedTrial, TransferTrial, Trial

MAX_TRIALS = 10_000
FIELDS = tuple(
    dict.fromkeys(
        name
        for kind in (OutsourcedTrial, TransferTrial, RepairedTrial)
        for name in kind.model_fields
        if name != "contents"
    )
)
INHERITED = ("data", "network", "architecture", "seed", "target_accuracy", "evaluate_on")
"""What the trial whose network is downloaded takes from the one that downloads it."""
SPELLED: dict[str, Registry[Any]] = {
    "trigger": TRIGGERS, "targets": TARGET_MAPS, "placement": PLACEMENTS,
}  # fmt: skip
"""Fields whose value may be a word with its first settings, and what knows these."""
DOWNLOADING = ("transfer", "repaired")
OF_START = ("training", "seed", "train_limit")
"""What ``start`` may say of an honest trial that is otherwise like this one."""


_INSIDE = {
    "backdoor": ("trigger", "targets", "poisoning_rate", "mode"),
    "training": tuple(
        dict.fromkeys(f.name for kind in (Training, DetectorTraining) for f in fields(kind))
    ),
}
_OTHERWISE = {"how": "mode", "rate": "poisoning_rate", "bs": "batch_size", "learning_rate": "lr"}
"""What options and other tools call a field."""


class Where(Protocol):
    """Knows where a plain value was written, and so how an error about it is worded."""

    def error(self, path: Place, message: str) -> BadnetsError:
        """Return the error about the value at ``path``."""


class Mistakes:
    """Lets several parts fail one by one; the first error is raised with the others beside it."""

    def __init__(self) -> None:
        self._errors: dict[str, BadnetsError] = {}

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Keep what the block raises, and what is beside that, each once."""
        try:
            yield
        except BadnetsError as error:
            self.add(error)

    def add(self, error: BadnetsError) -> None:
        """Keep an error, and those beside it."""
        for one in (error, *error.others):
            self._errors.setdefault(str(one), one)

    def complain(self) -> None:
        """Raise the first error that was kept, with the others beside it; nothing if there is none.

        Raises:
            BadnetsError: the first.
        """
        if self._errors:
            first, *others = self._errors.values()
            first.others = tuple(others)
            raise first


def load_recipe(path: Path | str) -> list[Trial]:
    """Return the trials that a recipe describes, each once, in its order.

    A recipe is a mapping, a list of them, or a mapping whose only field is ``trials``, such a list.
    Each has the fields of a trial (``kind: transfer`` for transfer learning, ``kind: repaired`` for
    a repair), and

    - ``weights``: the path of a safetensors file, from the working folder;
    - ``seeds``: a list instead of ``seed``; one trial for each;
    - ``sweep``: field -> list of values (``backdoor.poisoning_rate: [0.01, 0.1]``); one trial for
      each combination;
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
    value, lines = read_yaml(Path(path))
    trials: dict[str, Trial] = {}
    found = Mistakes()
    for described, place in _descriptions(value, lines):
        with found.collected():
            for settings, where in _combinations(described, place, lines, found):
                with found.collected():
                    trial = trial_from(settings, where, place)
                    trials[trial.name] = trial
                if len(trials) > MAX_TRIALS:
                    raise lines.error(place, f"more than {MAX_TRIALS} trials")
    found.complain()
    return list(trials.values())


def _descriptions(value: Any, lines: Lines) -> Iterator[tuple[Any, Place]]:
    place: Place = ()
    if isinstance(value, dict) and "trials" in value:
        _check_names(value, ("trials",), (), lines)
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


def _check_names(value: Any, known: tuple[str, ...], place: Place, where: Where) -> dict[str, Any]:
    """Return ``value``, a mapping whose keys are all known.

    Raises:
        BadnetsError: it is not a mapping, or a field is unknown; the nearest is suggested.
    """
    if not isinstance(value, dict):
        raise where.error(place, f"expected a mapping ({', '.join(known)}), got {quoted(value)}")
    found = Mistakes()
    for name in value:
        if name not in known:
            said = _meant(str(name), known) or str(unknown_name(str(name), known, "field"))
            found.add(where.error((*place, name), said))
    found.complain()
    return value


def _meant(name: str, known: tuple[str, ...]) -> str:
    """Return what is said of a field under another's name, or in a wrong place; "" of others.

    Args:
        name: the field that is unknown.
        known: the fields that are known there.
    """
    field = _OTHERWISE.get(name, name)
    if field in known:
        return f"unknown field {name!r}: it is called {field!r} here"
    for part, inside in _INSIDE.items():
        if field in inside and part in known:
            called = "" if field == name else f", where it is called {field!r}"
            return f"unknown field {name!r}: indent it below {part!r}{called}"
        if field in FIELDS and field not in known and inside == known:
            return f"unknown field {name!r}: it stands beside {part!r}, so indent it less"
    return ""


def _combinations(
    described: Any, place: Place, lines: Lines, found: Mistakes
) -> Iterator[tuple[dict[str, Any], Lines]]:
    """Yield the settings of each trial, without ``seeds`` and ``sweep``, and where they stand.

    An unknown field, and a sweep that cannot be made, is kept among the mistakes and passed over.
    """
    with found.collected():
        _check_names(described, (*FIELDS, "seeds", "sweep"), place, lines)
    if not isinstance(described, dict):
        return
    fixed = {name: part for name, part in described.items() if name in FIELDS}
    axes = _axes(described, place, lines, found)
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
    described: dict[str, Any], place: Place, lines: Lines, found: Mistakes
) -> list[tuple[Place, list[Any], Place]]:
    """Return (field, values, where they stand) of all that varies; seeds go fastest."""
    sweep = described.get("sweep", {})
    if not isinstance(sweep, dict):
        said = "expected a mapping of fields to lists of values"
        found.add(lines.error((*place, "sweep"), said))
        sweep = {}
    wanted: list[tuple[Place, Any, Place]] = [
        (tuple(dotted.split(".")), values, ("sweep", dotted)) for dotted, values in sweep.items()
    ]
    if "seeds" in described:
        wanted.append((("seed",), described["seeds"], ("seeds",)))
    axes = []
    for field, values, origin in wanted:
        if field[0] not in FIELDS:
            unknown = str(unknown_name(".".join(map(str, field)), FIELDS, "field"))
            found.add(lines.error((*place, *origin), unknown))
        elif origin == ("seeds",) and "seed" in described:
            found.add(lines.error((*place, "seeds"), "give seed or seeds, not both"))
        elif not isinstance(values, list) or not values:
            said = "expected a list of values, at least one"
            found.add(lines.error((*place, *origin), said))
        else:
            axes.append((field, values, origin))
    return axes


def _put(settings: dict[str, Any], field: Place, value: Any, path: Place, lines: Lines) -> None:
    """Set ``settings[a][b][c]``; a kind written alone becomes a mapping to hold the rest."""
    inner = settings
    for name in field[:-1]:
        held = inner.get(str(name))
        if held is None or isinstance(held, str):
            kinds = SPELLED.get(str(name))
            held = {} if held is None else kinds.spelled_out(held) if kinds else {"kind": held}
        if not isinstance(held, dict):
            raise lines.error(path, f"{name} is not a mapping, so nothing in it can vary")
        inner[str(name)] = held
        inner = held
    inner[str(field[-1])] = value


def trial_from(settings: Mapping[str, Any], where: Where, place: Place = ()) -> Trial:
    """Return one trial from plain settings, and with it the honest one that it is compared with.

    Args:
        settings: the fields of a recipe, without ``seeds`` and ``sweep``.
        where: words the errors.
        place: where the settings stand.

    Raises:
        BadnetsError: as ``where`` words it; for the first field that is wrong, or does not fit,
            with those of other fields beside it.
    """
    own = dict(settings)
    compared, start = own.pop("control", True), own.pop("start", None)
    if isinstance(start, dict) and "bundle" in start:
        return _retrained_bundle(own, start, compared, where, place)
    if not isinstance(compared, bool):
        raise where.error((*place, "control"), f"expected true or false, got {quoted(compared)}")
    if own.get("kind") in DOWNLOADING:
        trial = _downloading(own, start, compared, where, place)
    else:
        trial = _outsourced(own, start, compared, where, place)
    return _checked(trial, settings, where, place)


def _checked(trial: Trial, settings: Mapping[str, Any], where: Where, place: Place) -> Trial:
    for path, check in checks(trial):
        try:
            with named_extras():
                check()
        except MissingExtraError:
            continue  # `unchecked` names it, and running the trial says so
        except BadnetsError as error:
            raise where.error(_blamed(str(error), settings, path, place), str(error)) from None
    return trial


def _outsourced(
    own: dict[str, Any], start: Any, compared: bool, where: Where, place: Place
) -> Trial:
    if isinstance(own.get("weights"), str):
        own["weights"] = _weights(own["weights"], (*place, "weights"), where)
    trial: OutsourcedTrial = _validated({"kind": "outsourced", **own}, own, where, place)
    honest = _honest(trial)
    if start is not None:
        if start != "clean":
            honest = _started(own, start, where, place)
        trial = _changed(trial, where, place, start=honest, weights=None)
    if compared and trial.backdoor is not None:
        trial = _changed(trial, where, place, control=honest)
    return trial


def _honest(trial: Any) -> Any:
    """Return the trial of an honest trainer with the same settings."""
    training = trial.training
    if isinstance(training, DetectorTraining):
        plain = replace(
            training.trigger,
            poisoned_copies=TriggerLearning().poisoned_copies,
            real_world=TriggerLearning().real_world,
        )
        training = replace(training, trigger=plain)
    changed = {"backdoor": None, "search": None, "resist": None, "observe": (), "keep_bundle": True}
    return trial.model_copy(
        update={**changed, "training": training, "contents": _data_alone(trial)}
    )


def _data_alone(trial: Trial) -> dict[str, str]:
    """Return the digests of files that the data consists of, without those of triggers."""
    files = [file for trigger, _ in trial._attacks() for file in getattr(trigger, "files", ())]
    return {path: digest for path, digest in trial.contents.items() if path not in files}


def _started(own: dict[str, Any], start: Any, where: Where, place: Place) -> Any:
    """Return the honest trial that training starts from, where it differs from this one's."""
    path = (*place, "start")
    if not isinstance(start, dict):
        said = f"expected clean, or a mapping ({', '.join(OF_START)}), got {quoted(start)}"
        raise where.error(path, said)
    _check_names(start, OF_START, path, where)
    base = {name: value for name, value in own.items() if name not in ("backdoor", "search")}
    if isinstance(start.get("training"), dict) and isinstance(base.get("training"), dict):
        start = {**start, "training": {**base["training"], **start["training"]}}
    return _honest(_validated({"kind": "outsourced", **base, **start}, start, where, path))


def _downloading(
    own: dict[str, Any], start: Any, compared: bool, where: Where, place: Place
) -> Trial:
    path = (*place, "start")
    if not isinstance(start, dict):
        later = ("kind", "freeze", "share", "method")
        known = ", ".join(name for name in FIELDS if name not in later)
        said = f"expected a mapping, the trial to download ({known}), got {quoted(start)}"
        raise where.error(path, said)
    _check_names(start, FIELDS, path, where)
    inherited = {name: own[name] for name in INHERITED if name in own}
    downloaded = trial_from({**inherited, **start}, where, path)
    own = {"network": downloaded.network, "architecture": downloaded.architecture, **own}
    trial: Trial = _validated({**own, "start": downloaded}, own, where, place)
    theirs = downloaded.control
    if compared and trial.task == "classification" and theirs is not None:
        if isinstance(trial, RepairedTrial):
            repaired: Trial = _changed(trial, where, place, control=theirs)
            return repaired
        control = trial.model_copy(update={"start": theirs, "observe": (), "keep_bundle": True})
        trial = _changed(trial, where, place, control=control)
    return trial


def _retrained_bundle(
    own: dict[str, Any], start: dict[str, Any], compared: Any, where: Where, place: Place
) -> Trial:
    """Return a trial that begins with a bundle, beside a clean one that is retrained likewise."""

    def bundle(given: dict[str, Any], name: str) -> DownloadedBundle:
        _check_names(given, ("bundle",), (*place, name), where)
        try:
            return DownloadedBundle.of(str(given["bundle"]))
        except BadnetsError as error:
            raise where.error((*place, name), str(error)) from None

    origin = bundle(start, "start")
    described = {"network": origin.network, "architecture": origin.architecture, **own}
    trial = _validated({"kind": "transfer", **described, "start": origin}, own, where, place)
    if isinstance(compared, dict) and isinstance(trial, RepairedTrial):
        trial = _changed(trial, where, place, control=bundle(compared, "control"))
    elif isinstance(compared, dict):
        clean = trial.model_copy(update={"start": bundle(compared, "control"), "observe": ()})
        trial = _changed(trial, where, place, control=clean)
    return _checked(trial, own, where, place)


def _validated(
    value: dict[str, Any], written: Mapping[str, Any], where: Where, place: Place
) -> Any:
    """Return the trial; what is wrong is said at the place where it was written."""
    try:
        return TRIAL.validate_python(value)
    except ValidationError as error:
        found = Mistakes()
        for path, text in mistakes(error, value):
            if path and text.startswith("unknown field"):
                text = _meant(str(path[-1]), _INSIDE.get(str(path[0]), ())) or text
            path = path if path else _blamed(text, written, path, ())
            found.add(where.error((*place, *path), text))
        found.complain()
        raise


def _changed(trial: Any, where: Where, place: Place, **parts: Any) -> Any:
    """Return the trial with some parts that are trials; what it has already is not read again."""
    fields = {name: getattr(trial, name) for name in type(trial).model_fields}
    return _validated({**fields, **parts}, {}, where, place)


def _weights(file: str, path: Place, where: Where) -> StartingWeights:
    try:
        return StartingWeights.of(file)
    except BadnetsError as error:
        raise where.error(path, str(error)) from None


def _blamed(message: str, settings: Mapping[str, Any], path: Place, place: Place) -> Place:
    """Return the path of the field that a message is about: the first one it names there."""
    held: Any = settings
    for name in path:
        held = held.get(name, {}) if isinstance(held, dict) else {}
    fields = held if isinstance(held, Mapping) else {}
    words = message.replace(":", " ").replace(",", " ").replace("'", " ").split()
    named = [word for word in words if word in fields]
    return (*place, *path, *named[:1])
