"""What ``badnets poison`` is asked to do: by options, or by a recipe with the same fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError

from badnets.cli.settings import GIVE, typed
from badnets.core.backdoor import AnyTargetMap, AnyTrigger, Backdoor, Mode, PoisoningRate
from badnets.core.errors import SettingError
from badnets.core.settings import mistakes, quoted, settings
from badnets.core.targets import named_classes, unknown_class, with_numbers
from badnets.data.on_disk import Encoding, class_names
from badnets.recipes.fields import Where
from badnets.recipes.yaml_lines import Place, named, read_yaml


@settings
class Order:
    """What is to be done to a folder: the fields of a recipe, which are the options too."""

    trigger: AnyTrigger
    targets: AnyTargetMap
    rate: PoisoningRate = 0.1
    how: Mode = "add"
    seed: int = Field(default=0, ge=0)
    quality: int = Field(default=95, ge=1, le=100)
    grey: bool = False
    skip_bad: bool = False
    workers: int | None = Field(default=None, ge=1)

    def __post_init__(self) -> None:
        _ = self.backdoor, self.encoding  # which say what does not go together

    @property
    def backdoor(self) -> Backdoor:
        """What is wanted."""
        return Backdoor(self.trigger, self.targets, self.rate, self.how)

    @property
    def encoding(self) -> Encoding:
        """How pictures are written."""
        return Encoding(self.quality, 1 if self.grey else 3)


FIELDS = tuple(field.name for field in dataclasses.fields(Order))


class _Options:
    """Words an error about the value of an option."""

    def error(self, path: Place, message: str) -> SettingError:
        """Return the error; it names the option, and the field in it."""
        option = f"--{str(path[0]).replace('_', '-')}" if path else ""
        place = ": ".join(filter(None, (option, named(path[1:]))))
        joint = " " if message.startswith(("must ", "is ")) else ": "
        return SettingError(f"{place}{joint}{message}" if place else message)


def order_of_options(given: Mapping[str, Any], source: Path) -> Order:
    """Return what options ask for.

    Args:
        given: option -> value, of those that were given; trigger and targets as they were typed.
        source: the folder, whose classes may be named as labels.

    Raises:
        BadnetsError: trigger or targets are missing, or a value is wrong; names the option.
    """
    for name in ("trigger", "targets"):
        if name not in given:
            raise SettingError(f"--{name} is missing{GIVE[f'--{name}']}; or give --recipe")
    return _order(
        {name: typed(value, f"--{name}") for name, value in given.items()}, source, _Options()
    )


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
    if not isinstance(value, dict):
        raise lines.error((), f"expected a mapping ({', '.join(FIELDS)}), got {quoted(value)}")
    return _order({**value, **given}, source, lines)


def _order(values: dict[str, Any], source: Path, where: Where) -> Order:
    try:
        order = TypeAdapter(Order).validate_python(values)
    except ValidationError as error:
        found = mistakes(error, values)  # a misspelt field explains one that is missing
        first = min(found, key=lambda mistake: "unknown field" not in mistake.text)
        raise where.error(first.path, first.text) from None
    if not named_classes(order.targets):
        return order
    classes = class_names(source)
    if wrong := unknown_class(order.targets, classes):
        place = ("targets", wrong[0]) if isinstance(values["targets"], Mapping) else ("targets",)
        raise where.error(place, str(wrong[1]))
    try:
        targets = with_numbers(order.targets, classes)
    except SettingError as error:
        raise where.error(("targets",), str(error)) from None
    return dataclasses.replace(order, targets=targets)
