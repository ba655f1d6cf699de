"""From plain settings to a trial: shorthands, and errors at the place where they were written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from pydantic import ValidationError

from badnets.core.errors import BadnetsError, MissingExtraError
from badnets.core.extras import named_extras
from badnets.core.settings import mistakes, quoted
from badnets.models.weights import StartingWeights
from badnets.recipes.fields import FIELDS, INSIDE, Mistakes, Where, check_names, meant
from badnets.recipes.yaml_lines import Place
from badnets.train.detector_settings import DetectorTraining, TriggerLearning
from badnets.trials.checks import checks
from badnets.trials.downloaded import DownloadedBundle
from badnets.trials.trial import TRIAL, OutsourcedTrial, RepairedTrial, Trial

INHERITED = ("data", "network", "architecture", "seed", "target_accuracy", "evaluate_on")
"""What the trial whose network is downloaded takes from the one that downloads it."""
DOWNLOADING = ("transfer", "repaired")
OF_START = ("training", "seed", "train_limit")
"""What ``start`` may say of an honest trial that is otherwise like this one."""
_ATTACKERS = ("backdoor", "search", "resist", "observe", "keep_bundle", "tainted_clean")
"""What an honest trial says nothing of."""
_BESIDE = {
    "classification": ("seed", "target_accuracy", "train_limit", "keep_bundle", "training"),
    "detection": ("seed", "target_accuracy", "train_limit", "keep_bundle"),
}
"""What says nothing of whether the parts of a trial go together, by its task."""
Made: TypeAlias = "dict[str, Any]"
"""Trials that several others need, by what they were made of: built once, and held once."""


def trial_from(
    settings: Mapping[str, Any], where: Where, place: Place = (), made: Made | None = None
) -> Trial:
    """Return one trial from plain settings, and with it the honest one that it is compared with.

    Args:
        settings: the fields of a recipe, without ``seeds`` and ``sweep``.
        where: words the errors.
        place: where the settings stand.
        made: trials that other trials of the same recipe needed; more are added.

    Raises:
        BadnetsError: as ``where`` words it; for the first field that is wrong, or does not fit,
            with those of other fields beside it.
    """
    own, made = dict(settings), {} if made is None else made
    compared, start = own.pop("control", True), own.pop("start", None)
    if isinstance(start, dict) and "bundle" in start:
        return _retrained_bundle(own, start, compared, where, place, made)
    if not isinstance(compared, bool):
        raise where.error((*place, "control"), f"expected true or false, got {quoted(compared)}")
    if own.get("kind") in DOWNLOADING:
        trial = _downloading(own, start, compared, where, place, made)
    else:
        trial = _outsourced(own, start, compared, where, place, made)
    return _checked(trial, settings, where, place, made)


def _checked(
    trial: Trial, settings: Mapping[str, Any], where: Where, place: Place, made: Made
) -> Trial:
    """Return the trial whose parts go together, as far as that is known before it runs."""
    beside = _BESIDE[trial.task]
    key = repr([one for one in settings.items() if one[0] not in beside])
    if key not in made:
        _check(trial, settings, where, place)
        made[key] = None
    return trial


def _check(trial: Trial, settings: Mapping[str, Any], where: Where, place: Place) -> None:
    for path, check in checks(trial):
        try:
            with named_extras():
                check()
        except MissingExtraError:
            continue  # `unchecked` names it, and running the trial says so
        except BadnetsError as error:
            raise where.error(_blamed(str(error), settings, path, place), str(error)) from None


def _outsourced(
    own: dict[str, Any], start: Any, compared: bool, where: Where, place: Place, made: Made
) -> Trial:
    if isinstance(own.get("weights"), str):
        own["weights"] = _weights(own["weights"], (*place, "weights"), where)
    trial: OutsourcedTrial = _validated({"kind": "outsourced", **own}, own, where, place)
    if start is None and not (compared and trial.backdoor is not None):
        return trial
    plain = {name: value for name, value in own.items() if name not in _ATTACKERS}
    if start in (None, "clean"):
        honest = _once(made, [plain], lambda: _honest(trial))
    else:
        honest = _once(made, [plain, start], lambda: _started(plain, start, where, place))
    if start is not None:
        trial = _with(trial, start=honest, weights=None)
    if compared and trial.backdoor is not None:
        trial = _with(trial, control=honest)
    return trial


def _once(made: Made, key: object, make: Callable[[], Any]) -> Any:
    """Return what was made for a key before, else make it."""
    text = repr(key)  # plain values, which may be lists
    if text not in made:
        made[text] = make()
    return made[text]


def _with(trial: Any, **parts: Any) -> Any:
    """Return a trial with an honest one of its own settings, with which it fits together."""
    changed = trial.model_copy(update=parts)
    changed.__dict__["_fits"] = True
    return changed


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
    changed = {
        **{"backdoor": None, "search": None, "resist": None, "observe": (), "keep_bundle": True},
        **{"tainted_clean": 0.0, "training": training, "contents": _data_alone(trial)},
    }
    return _with(trial, **changed)


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
    check_names(start, OF_START, path, where)
    if isinstance(start.get("training"), dict) and isinstance(own.get("training"), dict):
        start = {**start, "training": {**own["training"], **start["training"]}}
    return _honest(_validated({"kind": "outsourced", **own, **start}, start, where, path))


def _downloading(
    own: dict[str, Any], start: Any, compared: bool, where: Where, place: Place, made: Made
) -> Trial:
    path = (*place, "start")
    if not isinstance(start, dict):
        later = ("kind", "freeze", "share", "method")
        known = ", ".join(name for name in FIELDS if name not in later)
        said = f"expected a mapping, the trial to download ({known}), got {quoted(start)}"
        raise where.error(path, said)
    check_names(start, FIELDS, path, where)
    inherited = {name: own[name] for name in INHERITED if name in own}
    described = {**inherited, **start}
    downloaded = _once(made, described, lambda: trial_from(described, where, path, made))
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
    own: dict[str, Any],
    start: dict[str, Any],
    compared: Any,
    where: Where,
    place: Place,
    made: Made,
) -> Trial:
    """Return a trial that begins with a bundle, beside a clean one that is retrained likewise."""

    def bundle(given: dict[str, Any], name: str) -> DownloadedBundle:
        check_names(given, ("bundle",), (*place, name), where)
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
    return _checked(trial, {**own, "start": start}, where, place, made)


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
                text = meant(str(path[-1]), INSIDE.get(str(path[0]), ())) or text
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
