"""One way to write settings: frozen, validated once, by pydantic; what is wrong is said in a line.

This module imports neither torch nor numpy.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar, dataclass_transform, get_args

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass
from pydantic_core import ArgsKwargs, InitErrorDetails, PydanticCustomError

from badnets.core.errors import SettingError, UnknownNameError
from badnets.core.lookup import unknown_name

Class = TypeVar("Class")
Share = Annotated[float, Field(ge=0, le=1)]
CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False)


def _label(value: Any) -> int | str:
    """Return a class's number; or its name, which is never a number."""
    word = value.strip() if isinstance(value, str) else value
    try:
        number = int(word) if isinstance(word, str) else operator.index(word)
    except (TypeError, ValueError):
        if isinstance(value, float) and value.is_integer():
            number = int(value)  # as YAML and JSON may write it
        elif isinstance(word, str) and word:
            return word
        else:
            raise ValueError(
                f"must be a class by its number or its name, got {quoted(value)}"
            ) from None
    if number < 0:
        raise ValueError(f"must be >= 0, got {quoted(value)}")
    return number


Label = Annotated[
    int | str,
    PlainValidator(_label),
    PlainSerializer(lambda label: label),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}),
]
"""A class by its number, or by its name until the names of the classes are known."""

WholePixels = Annotated[
    int,
    BeforeValidator(lambda v: v.strip().removesuffix("px") if isinstance(v, str) else v),
]
"""Whole pixels: ``3``, or ``3px``."""


@dataclass_transform(frozen_default=True, field_specifiers=(Field,))
def settings(cls: type[Class]) -> type[Class]:
    """Make a class of settings: a frozen dataclass whose values pydantic checks and converts.

    Fields are written ``lr: float = Field(default=0.1, gt=0)``; what the docstring says of them
    under ``Args:`` is their description in the JSON schema. A whole number for a float becomes
    one, so that 0 and 0.0 are the same settings; NaN, infinity, a boolean for a number and unknown
    fields are refused. What holds between fields is checked in ``__post_init__``, which raises
    `SettingError`. Inside a pydantic model the settings are read from a mapping, and what is wrong
    stays at its place.

    Raises:
        SettingError: by the class, called with wrong values: one line that names class and field,
            what was allowed and what came, for each field that is wrong.
    """
    made: Any = cls
    no_bool: Any = classmethod(_no_bool)
    naming: Any = classmethod(_naming_fields)
    made.__get_pydantic_json_schema__ = classmethod(_described)
    made._no_bool = field_validator("*", mode="before")(no_bool)
    made._naming_fields = model_validator(mode="wrap")(naming)
    made = dataclass(cls, frozen=True, config=CONFIG)
    names = [field.name for field in dataclasses.fields(made)]
    checked = made.__init__

    @functools.wraps(checked)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        twice = [name for name in names[: len(args)] if name in kwargs]
        if len(args) > len(names) or twice:
            wrong = f"{twice[0]} is given twice" if twice else f"{len(args)} values came"
            raise SettingError(f"{cls.__name__} takes {', '.join(names)}: {wrong}")
        values = {**dict(zip(names, args, strict=False)), **kwargs}
        try:
            checked(self, **values)
        except ValidationError as error:
            raise SettingError(f"{cls.__name__}: {in_one_line(mistakes(error, values))}") from None

    made.__init__ = init
    result: type[Class] = made
    return result


def descriptions(cls: Any) -> dict[str, str]:
    """Return what a class's docstring says of its fields under ``Args:``, by field."""
    args = re.search(r"^ *Args:\n((?: {4}.*\n?|\n)+)", inspect.cleandoc(cls.__doc__ or ""), re.M)
    entries = re.findall(r"^ {4}(\w+): ((?:.*\n?)(?: {8}.*\n?)*)", args[1] if args else "", re.M)
    return {name: " ".join(text.split()) for name, text in entries}


def _described(cls: Any, schema: Any, handler: Any) -> Any:
    reference = handler(schema)
    found = handler.resolve_ref_schema(reference)
    found["description"] = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0]
    for name, text in descriptions(cls).items():
        if name in found["properties"]:
            found["properties"][name].setdefault("description", text)
    return reference


def _no_bool(cls: Any, value: Any, info: Any) -> Any:
    """Refuse true and false where a number is wanted: pydantic would take them for 1 and 0."""
    if isinstance(value, bool) and not _takes_bool(cls.__pydantic_fields__[info.field_name]):
        raise ValueError(f"must not be true or false, got {quoted(value)}")
    return value


def _takes_bool(field: Any) -> bool:
    wanted = field.annotation
    return any(part is bool or part is Any for part in (wanted, *get_args(wanted)))


def _naming_fields(cls: Any, value: Any, handler: Callable[[Any], Any]) -> Any:
    try:
        return handler(value)
    except ValidationError as error:
        raise naming_fields(error, cls.__pydantic_fields__) from None


def naming_fields(error: ValidationError, known: Iterable[str]) -> ValidationError:
    """Return the error with the nearest known field in place of "unexpected argument"."""
    lines = error.errors(include_url=False)
    unknown = ("unexpected_keyword_argument", "extra_forbidden")
    if not any(line["type"] in unknown and len(line["loc"]) == 1 for line in lines):
        return error
    details = []
    for line in lines:
        kind: Any = line["type"]
        if kind in unknown and len(line["loc"]) == 1:
            kind = _unknown(unknown_name(str(line["loc"][0]), known, "field"))
        elif kind == "unknown_name":
            kind = PydanticCustomError("unknown_name", "{said}", line["ctx"])
        details.append(
            InitErrorDetails(
                type=kind, loc=line["loc"], input=line["input"], ctx=line.get("ctx", {})
            )
        )
    return ValidationError.from_exception_data(error.title, details)


def wrong_name(error: UnknownNameError, *place: str, value: Any) -> ValidationError:
    """Return an unknown name as pydantic's error about a field, or one inside it."""
    details = InitErrorDetails(type=_unknown(error), loc=place, input=value)
    return ValidationError.from_exception_data(place[0], [details])


def _unknown(error: UnknownNameError) -> PydanticCustomError:
    return PydanticCustomError("unknown_name", "{said}", {"said": str(error)})


class Mistake(NamedTuple):
    """One wrong value.

    Attributes:
        path: the fields and positions that lead to it; empty for the whole.
        text: what is wrong, without its place: ``must be > 0, got -1``.
    """

    path: tuple[str | int, ...]
    text: str

    def __str__(self) -> str:
        place = ".".join(str(part) for part in self.path)
        joint = " " if self.text.startswith(("must ", "is ")) else ": "
        return place + joint + self.text if place else self.text


def in_one_line(found: Iterable[Mistake]) -> str:
    """Return all mistakes, joined by semicolons."""
    return "; ".join(str(mistake) for mistake in found).replace("\n", " ")


def mistakes(error: ValidationError, value: Any) -> list[Mistake]:
    """Return what pydantic found wrong, once for each place.

    What the members of a union say of one value is joined by "or"; where one of them got deeper
    into it than others, only what it says counts.

    Args:
        error: what was raised.
        value: what was validated, for its keys to be told from pydantic's names of union members.
    """
    found: dict[tuple[str | int, ...], list[Any]] = {}
    for line in error.errors(include_url=False):
        found.setdefault(_path(line, value), []).append(line)
    deepest = [
        place
        for place in found
        if not any(len(other) > len(place) and other[: len(place)] == place for other in found)
    ]
    return [Mistake(place, _text(found[place])) for place in deepest]


def _path(line: Any, value: Any) -> tuple[str | int, ...]:
    path: list[str | int] = []
    for position, part in enumerate(line["loc"]):
        last = position == len(line["loc"]) - 1
        missing = last and line["type"] == "missing"
        if isinstance(value, Mapping) and (part in value or missing):
            value = value.get(part)
        elif isinstance(value, str) and (missing or _is_field(part)):
            value = None  # a setting of what the text stands for
        elif isinstance(value, Sequence) and not isinstance(value, str) and isinstance(part, int):
            value = value[part] if part < len(value) else None
        else:
            continue  # a member of a union
        path.append(part)
    return tuple(path)


def _is_field(part: str | int) -> bool:
    """Return whether this is no name that pydantic gives to a member of a union."""
    return str(part).isidentifier() and part not in ("int", "float", "str", "bool", "none")


_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "dataclass_type": "a mapping",
    "model_type": "a mapping",
}
_BOUNDS = {
    "greater_than_equal": ">= {ge}",
    "greater_than": "> {gt}",
    "less_than_equal": "<= {le}",
    "less_than": "< {lt}",
    "multiple_of": "a multiple of {multiple_of}",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "string_too_short": "text of at least {min_length} characters",
    "literal_error": "{expected}",
    "enum": "{expected}",
}


def _text(lines: list[Any]) -> str:
    """Return what all of these say of one value."""
    said, wanted = [], []
    for line in lines:
        kind, context = line["type"], line.get("ctx", {})
        if kind in ("value_error", "assertion_error"):
            said.append(str(context["error"]))
        elif kind == "union_tag_invalid":
            tags = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
            said.append(str(unknown_name(str(context["tag"]), tags, "kind")))
        elif kind == "union_tag_not_found":
            said.append(f"{context['discriminator'].strip(chr(39))} is missing")
        elif kind == "missing":
            said.append("is missing")
        elif kind in _BOUNDS:
            numbers = {k: f"{v:g}" if isinstance(v, float) else v for k, v in context.items()}
            wanted.append(_BOUNDS[kind].format(**numbers))
        elif word := next((text for key, text in _WORDS.items() if kind.startswith(key)), ""):
            wanted.append(word)
        elif line["msg"].startswith("Input should be "):
            wanted.append(line["msg"].removeprefix("Input should be "))
        else:
            said.append(line["msg"])
    if wanted:
        value = lines[0]["input"]
        value = value.kwargs if isinstance(value, ArgsKwargs) else value
        said.append(f"must be {' or '.join(dict.fromkeys(wanted))}, got {quoted(value)}")
    return "; ".join(dict.fromkeys(said))


def quoted(value: Any) -> str:
    """Return a value as an error message quotes it, in the words of YAML."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
