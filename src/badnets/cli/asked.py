"""Triggers, target maps and trials from what was typed; errors name the option."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from badnets.core.backdoor import KnownTargetMap, KnownTrigger
from badnets.core.errors import SettingError, UnknownNameError
from badnets.data.catalogue import task_of
from badnets.scenarios.retraining import Freeze, Retrain
from badnets.train.detector_settings import DetectorTraining
from badnets.train.settings import Training
from badnets.trials.plain import Place, made
from badnets.trials.recipe import spelled_out, trial_of
from badnets.trials.trial import Trial
from badnets.trials.yaml_lines import named, parse_yaml

_OPTIONS: Mapping[Place, str] = {
    ("backdoor",): "--trigger and --targets",
    ("backdoor", "trigger"): "--trigger",
    ("backdoor", "targets"): "--targets",
    ("backdoor", "rate"): "--rate",
    ("backdoor", "how"): "--how",
    ("data",): "--data",
    ("network",): "--network",
    ("weights",): "--weights",
    ("training",): "--training",
    ("detection", "training"): "--training",
    ("detection", "training", "window"): "--window",
    ("detection", "training", "scale"): "--scale",
    ("detection", "architecture"): "--width and --head",
    ("retrain", "freeze"): "--freeze",
    ("retrain", "share"): "--share",
    ("seed",): "--seed",
    ("target_accuracy",): "--target-accuracy",
}
CLASSIFIER: dict[str, Any] = {"network": "gu-mnist", "target_accuracy": 0.99}
DETECTOR: dict[str, Any] = {"network": "zf", "target_accuracy": 0.8}
"""What is asked for where no option says otherwise, by what the data is labelled for."""

_TRIGGER: Any = KnownTrigger
_TARGETS: Any = KnownTargetMap


class Asked:
    """Words an error about the value of an option."""

    def error(self, path: Place, message: str) -> SettingError:
        """Return the error; it names the option, and the field in it."""
        for length in range(len(path), 0, -1):
            if option := _OPTIONS.get(path[:length]):
                inside = named(path[length:])
                return SettingError(": ".join(part for part in (option, inside, message) if part))
        return SettingError(message)


def trigger_of(text: str) -> KnownTrigger:
    """Return the trigger in ``patch:4``, ``yellow-square`` or ``{kind: patch, size: 4}``.

    Raises:
        SettingError: there is no such trigger or setting, or a value is outside its range.
        RecipeError: the mapping is not valid YAML.
    """
    value = spelled_out(typed(text, "--trigger"))
    found: KnownTrigger = made(_TRIGGER, value, ("backdoor", "trigger"), Asked())
    return found


def targets_of(text: str) -> KnownTargetMap:
    """Return the target map in ``all-to-one:7``, or in a mapping.

    Raises:
        SettingError: there is no such map or setting, or a value is outside its range.
        RecipeError: the mapping is not valid YAML.
    """
    value = typed(text, "--targets")
    found: KnownTargetMap = made(_TARGETS, value, ("backdoor", "targets"), Asked())
    return found


@dataclass(frozen=True)
class RetrainingOrder:
    """What ``badnets retrain`` is to do."""

    retrain: Retrain
    training: Training

    @property
    def frozen(self) -> str:
        """What stays as downloaded, as it was asked for."""
        freeze = self.retrain.freeze
        return freeze if isinstance(freeze, str) else ", ".join(freeze)


def retraining_asked(
    freeze: str,
    share: float,
    *,
    training: str | None,
    training_options: Mapping[str, Any],
) -> RetrainingOrder:
    """Return what the options of ``badnets retrain`` describe.

    Args:
        freeze: ``all-but-head``, ``none``, or names of layers with commas between them.
        share: of the user's images that is used.
        training: a mapping of training settings, as text.
        training_options: those that have an option of their own; None where not given.

    Raises:
        BadnetsError: a value is wrong; names its option.
    """
    layers = [name.strip() for name in freeze.split(",") if name.strip()]
    plain = {"freeze": freeze if freeze in get_args(get_args(Freeze)[0]) else layers}
    given = {} if training is None else typed(training, "--training")
    if isinstance(given, dict):
        given |= {name: value for name, value in training_options.items() if value is not None}
    return RetrainingOrder(
        made(Retrain, {**plain, "share": share}, ("retrain",), Asked()),
        made(Training, given, ("training",), Asked()),
    )


def trial_asked(
    settings: Mapping[str, Any],
    *,
    training: str | None,
    training_options: Mapping[str, Any],
    detector_options: Mapping[str, Any],
    trigger: str | None,
    targets: str | None,
    rate: str,
    how: str,
) -> Trial:
    """Return the trial that the options of ``badnets train`` describe.

    Args:
        settings: fields of a trial, as plain values.
        training: a mapping of training settings, as text.
        training_options: those that have an option of their own; None where not given.
        detector_options: ``window``, ``scale``, ``width`` and ``head``; None where not given.
        trigger: as for `trigger_of`; None for an honest trainer.
        targets: as for `targets_of`.
        rate: of poisoning, or ``every``.
        how: ``add`` or ``replace``.

    Raises:
        BadnetsError: a value is wrong, or does not fit the others; names its option.
    """
    try:
        detects = task_of(settings["data"]) == "detection"
    except UnknownNameError as error:
        raise Asked().error(("data",), str(error)) from None
    given = {} if training is None else typed(training, "--training")
    if isinstance(given, dict):
        given |= {name: value for name, value in training_options.items() if value is not None}
    asked = {name: value for name, value in detector_options.items() if value is not None}
    described = {**(DETECTOR if detects else CLASSIFIER), **settings}
    if detects:
        described["detection"] = _detection(given, asked)
    elif asked:
        named = " and ".join(f"--{name}" for name in asked)
        raise SettingError(
            f"{named}: for detectors, but data set {settings['data']!r} has a class for each image"
        )
    else:
        described["training"] = given
    if trigger is not None or targets is not None:
        texts = {"trigger": trigger, "targets": targets}
        described["backdoor"] = {
            **{k: typed(text, f"--{k}") for k, text in texts.items() if text is not None},
            "rate": rate,
            "how": how,
        }
    return trial_of(described, Asked())


def _detection(training: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the order for a detector; in a small window signs are as much smaller as it is."""
    if isinstance(training, dict):
        training |= {name: asked[name] for name in ("window", "scale") if name in asked}
        usual = DetectorTraining()
        share = asked.get("window", usual.window) / usual.window
        if share < 1 and "sides" not in training:
            training["sides"] = [round(side * share, 1) for side in usual.sides]
    architecture = {name: asked[name] for name in ("width", "head") if name in asked}
    return {"training": training, "architecture": architecture}


def typed(text: str, option: str) -> Any:
    """Return what an option's text stands for: a mapping in braces, else the text itself."""
    if not text.lstrip().startswith("{"):
        return text
    value, _ = parse_yaml(text, option)
    return value
