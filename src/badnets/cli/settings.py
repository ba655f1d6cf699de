"""From options to what a recipe would say: trials, triggers and target maps; errors name options.

The one place where the text of options is parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from badnets.cli.options import check_bundle
from badnets.core.errors import BadnetsError, SettingError, UnknownNameError
from badnets.core.registry import Registry
from badnets.core.settings import mistakes
from badnets.core.targets import TARGET_MAPS
from badnets.core.targets.base import TargetMap
from badnets.core.triggers import TRIGGERS, RegionTrigger
from badnets.core.triggers.saved import SUFFIX
from badnets.data.catalogue import task_of
from badnets.recipes import trial_from
from badnets.recipes.yaml_lines import Place, named, parse_yaml
from badnets.train.detector_settings import DetectorTraining
from badnets.trials.trial import Trial

if TYPE_CHECKING:
    from badnets.evaluate.evaluation import Attack

# option -> field of a recipe; an error about a field, or one inside it, names the option
FIELDS: Mapping[str, str] = {
    "--data": "data",
    "--network": "network",
    "--weights": "weights",
    "--trigger": "backdoor.trigger",
    "--targets": "backdoor.targets",
    "--rate": "backdoor.poisoning_rate",
    "--how": "backdoor.mode",
    "--training": "training",
    "--epochs": "training.epochs",
    "--batch-size": "training.batch_size",
    "--lr": "training.lr",
    "--resist": "resist",
    "--window": "training.windows.side",
    "--scale": "training.scales.scale",
    "--width": "architecture.width",
    "--head": "architecture.head",
    "--freeze": "freeze",
    "--share": "share",
    "--method": "method",
    "--audit": "audit",
    "--target-accuracy": "target_accuracy",
    "--seed": "seed",
}
_DETECTORS = ("--window", "--scale", "--width", "--head")
_SPOKEN_OF = {  # where an error is told of another option than the field's own
    "backdoor": "--trigger and --targets",
    "attack": "--trigger and --targets",
    "attack.trigger": "--trigger",
    "attack.targets": "--targets",
    "architecture": "--width and --head",
    "training.epochs": "--training: epochs",
    "training.batch_size": "--training: batch_size",
    "training.lr": "--training: lr",
    "start": "BUNDLE",
    "control": "--control",
}
DETECTORS: dict[str, Any] = {"network": "zf", "target_accuracy": 0.8}
"""What is asked for where no option says otherwise and the data has boxes."""
GIVE = {
    "--trigger": ": say what is put on images, such as --trigger patch:0.125",
    "--targets": ": say what images with the trigger are to be called, such as --targets "
    "all-to-one:7 (a class by number or name), source-specific:1,7 or all-to-all",
}
"""What an option that is missing would say."""
Member = TypeVar("Member")


class Options:
    """Words an error about the value of an option."""

    def error(self, path: Place, message: str) -> SettingError:
        """Return the error; it names the option, and the field in it."""
        options = {field: option for option, field in FIELDS.items()} | _SPOKEN_OF
        for length in range(len(path), 0, -1):
            if option := options.get(".".join(map(str, path[:length]))):
                place = ": ".join(filter(None, (option, named(path[length:]))))
                if message == "is missing":
                    message += GIVE.get(option, "")
                joint = " " if message.startswith(("must ", "is ")) else ": "
                return SettingError(f"{place}{joint}{message}")
        return SettingError(message)


def recipe_of(options: Mapping[str, Any], **further: Any) -> dict[str, Any]:
    """Return the settings that a recipe would hold for the options of a command.

    Args:
        options: option -> value, as it was typed; None where it was not given. The usual values
            of the task, and the smaller signs of a smaller window, are filled in.
        further: fields that no option stands for.

    Raises:
        SettingError: there is no such data set, or an option is for detectors alone.
        RecipeError: a mapping is not valid YAML.
    """
    given = {option: value for option, value in options.items() if value is not None}
    try:
        task = task_of(given["--data"])
    except UnknownNameError as error:
        raise Options().error(("data",), str(error)) from None
    known = DETECTORS if task == "detection" else {}  # a trial knows that of images itself
    settings: dict[str, Any] = {**known, **further}
    for option in (each for each in FIELDS if each in given):
        *parents, name = FIELDS[option].split(".")
        inner: Any = settings
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[name] = typed(given[option], option)
        if option == "--training" and not isinstance(inner[name], dict):
            raise SettingError(f"--training must be a mapping, got {given[option]!r}")
    if task == "classification":
        if alone := " and ".join(option for option in _DETECTORS if option in given):
            raise SettingError(
                f"{alone}: for detectors, but data set {given['--data']!r} has a class for each "
                "image"
            )
        return settings
    training, usual = settings.setdefault("training", {}), DetectorTraining().windows
    share = given.get("--window", usual.side) / usual.side
    if share < 1:
        sizes = [round(size * share, 1) for size in usual.object_sizes]
        training["windows"] = {"object_sizes": sizes, **training["windows"]}
    return settings


def trial_of(settings: Mapping[str, Any]) -> Trial:
    """Return the trial that the settings of `recipe_of` describe.

    Raises:
        BadnetsError: a value is wrong, or does not fit the others; names its option.
    """
    return trial_from(settings, Options())


def trigger_of(text: str) -> RegionTrigger:
    """Return the trigger in ``patch:4``, ``yellow-square``, a file or ``{kind: patch, size: 4}``.

    Raises:
        SettingError: there is no such trigger or setting, or a value is outside its range.
        RecipeError: the mapping is not valid YAML.
    """
    named = text.endswith(SUFFIX) and not text.startswith(("saved:", "{"))
    return _member(TRIGGERS, f"saved:{text}" if named else text, "trigger")


def targets_of(text: str) -> TargetMap:
    """Return the target map in ``all-to-one:7``, or in a mapping.

    Raises:
        SettingError: there is no such map or setting, or a value is outside its range.
        RecipeError: the mapping is not valid YAML.
    """
    return _member(TARGET_MAPS, text, "targets")


def _member(registry: Registry[Member], text: str, field: str) -> Member:
    value = typed(text, f"--{field}")
    try:
        return registry.parse(value)
    except ValidationError as error:
        first = mistakes(error, value)[0]
        raise Options().error(("backdoor", field, *first.path), first.text) from None
    except BadnetsError as error:
        raise Options().error(("backdoor", field), str(error)) from None


def attack_of(trigger: str | None, targets: str | None, *bundles: Path | None) -> Attack | None:
    """Return the attack that two options describe; None without them.

    Bundles are looked at too, before what takes seconds to import.

    Raises:
        BadnetsError: there is no such trigger, target map or bundle, or a setting is wrong.
    """
    put_on = None if trigger is None else trigger_of(trigger)  # a mistake is told at once
    wanted = None if targets is None else targets_of(targets)
    check_bundle(*bundles)
    if put_on is None or wanted is None:
        return None
    from badnets.evaluate.evaluation import Attack

    return Attack(put_on, wanted)


def typed(text: Any, option: str) -> Any:
    """Return what an option's text stands for: a mapping in braces, else the text itself."""
    if isinstance(text, str) and text.lstrip().startswith("{"):
        return parse_yaml(text, option)[0]
    return text
