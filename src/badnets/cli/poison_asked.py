"""What ``badnets poison`` is asked to do: by options, or by a recipe with the same fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from badnets.cli.asked import typed
from badnets.core.backdoor import Backdoor, How, KnownTargetMap, KnownTrigger, Share
from badnets.core.errors import BadnetsError, SettingError, UnknownNameError
from badnets.core.lookup import find
from badnets.data.on_disk import Encoding, class_names
from badnets.trials.plain import Place, Where, blamed, check_fields, made
from badnets.trials.recipe import spelled_out
from badnets.trials.yaml_lines import named, read_yaml

_LABELS = ("target_label", "source_class")


@dataclasses.dataclass(frozen=True)
class _Fields:
    """The fields of a recipe, which are the options too."""

    trigger: KnownTrigger
    targets: KnownTargetMap
    rate: Share = 0.1
    how: How = "add"
    seed: int = 0
    quality: int = 95
    grey: bool = False
    skip_bad: bool = False
    workers: int | None = None


FIELDS = tuple(field.name for field in dataclasses.fields(_Fields))


@dataclasses.dataclass(frozen=True)
class Order:
    """What is to be done to a folder.

    Attributes:
        backdoor: what is wanted.
        seed: everything random follows from it.
        encoding: how pictures are written.
        skip_bad: whether pictures that cannot be read are left out.
        workers: threads; None where it was not said.
    """

    backdoor: Backdoor
    seed: int
    encoding: Encoding
    skip_bad: bool
    workers: int | None


class _Options:
    """Words an error about the value of an option."""

    def error(self, path: Place, message: str) -> SettingError:
        """Return the error; it names the option, and the field in it."""
        option = f"--{str(path[0]).replace('_', '-')}" if path else ""
        return SettingError(": ".join(filter(None, (option, named(path[1:]), message))))


def order_of_options(given: Mapping[str, Any], source: Path) -> Order:
    """Return what options ask for.

    Args:
        given: option -> value, of those that were given; trigger and targets as they were typed.
        source: the folder, whose classes may be named as labels.

    Raises:
        BadnetsError: trigger or targets are missing, or a value is wrong; names the option.
    """
    values = dict(given)
    for name in ("trigger", "targets"):
        if name not in values:
            raise SettingError(
                f"--{name} is missing: say what is put on pictures and what they are then to be "
                "called, or give --recipe"
            )
        values[name] = typed(values[name], f"--{name}")
    return _order(values, source, _Options())


def order_of_recipe(recipe: Path, given: Mapping[str, Any], source: Path) -> Order:
    """Return what a recipe asks for.

    Args:
        recipe: a YAML file: a mapping with the options' names as fields (``skip_bad``).
        given: options that were given beside it; only ``workers`` may be.
        source: the folder, whose classes may be named as labels.

    Raises:
        RecipeError: unreadable, an unknown field, a wrong value; names file, line and field.
        SettingError: an option says what the recipe says.
    """
    for name in given:
        if name != "workers":
            option = name.replace("_", "-")
            raise SettingError(f"--{option} does not go with --recipe: write it in {recipe}")
    value, lines = read_yaml(recipe)
    return _order({**check_fields(value, FIELDS, (), lines), **given}, source, lines)


def _order(values: dict[str, Any], source: Path, where: Where) -> Order:
    if "trigger" in values:
        values["trigger"] = spelled_out(values["trigger"])
    if "targets" in values:
        values["targets"] = _numbered(values["targets"], lambda: class_names(source), where)
    wanted: _Fields = made(_Fields, values, (), where)
    if wanted.workers is not None and wanted.workers < 1:
        raise where.error(("workers",), f"must be >= 1, got {wanted.workers}")
    try:
        backdoor = Backdoor(wanted.trigger, wanted.targets, wanted.rate, wanted.how)
        encoding = Encoding(wanted.quality, 1 if wanted.grey else 3)
    except BadnetsError as error:
        raise where.error(blamed(str(error), values, ()), str(error)) from None
    return Order(backdoor, wanted.seed, encoding, wanted.skip_bad, wanted.workers)


def _numbered(targets: Any, classes: Callable[[], tuple[str, ...]], where: Where) -> Any:
    """Return a target map in which classes that are named have become their labels."""

    def label(word: Any, place: Place) -> Any:
        if not isinstance(word, str) or not word or word.strip().removeprefix("-").isdigit():
            return word
        known = {name: number for number, name in enumerate(classes())}
        try:
            return find(known, word.strip(), "class")
        except UnknownNameError as error:
            raise where.error(place, str(error)) from None

    if isinstance(targets, str):
        kind, colon, rest = targets.partition(":")
        words = [str(label(word, ("targets",))) for word in rest.split(",")]
        return f"{kind}:{','.join(words)}" if colon else targets
    if not isinstance(targets, dict):
        return targets
    return {
        name: label(part, ("targets", name)) if name in _LABELS else part
        for name, part in targets.items()
    }
