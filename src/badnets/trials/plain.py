"""Settings from plain values: what a recipe or a command line says, checked field by field."""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Annotated, Any, Protocol, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from badnets.core.errors import BadnetsError, UnknownNameError
from badnets.core.lookup import find, unknown_name

Place = tuple[str | int, ...]


class Where(Protocol):
    """Knows where a plain value was written, and so how an error about it is worded."""

    def error(self, path: Place, message: str) -> BadnetsError:
        """Return the error about the value at ``path``."""


class Mistakes:
    """Lets several parts fail one by one; the first error is raised with the others beside it."""

    def __init__(self) -> None:
        self._found: dict[str, BadnetsError] = {}

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Keep what the block raises, and what was found beside that, each once."""
        try:
            yield
        except BadnetsError as error:
            self.add(error)

    def add(self, error: BadnetsError) -> None:
        """Keep an error, and those beside it."""
        for one in (error, *error.others):
            self._found.setdefault(str(one), one)

    def complain(self) -> None:
        """Raise the first error that was kept, with the others beside it; nothing if there is none.

        Raises:
            BadnetsError: the first.
        """
        if self._found:
            first, *others = self._found.values()
            first.others = tuple(others)
            raise first


def made(wanted: Any, value: Any, path: Place, where: Where) -> Any:
    """Return ``value`` as what an annotation wants.

    Args:
        wanted: a settings dataclass; a union of those that have a ``kind``; or any annotation that
            pydantic knows. A union with a ``kind`` also takes it alone (``"patch"``), or with its
            first settings (``"all-to-one:7"``, ``"source-specific:1,7"``).
        value: null, boolean, number, text, list or mapping.
        path: where the value stands.
        where: words the errors.

    Raises:
        BadnetsError: whatever ``where.error`` returns, for the first field that is wrong; those
            of other fields are beside it.
    """
    members = tuple(part for part in _members(wanted) if part is not types.NoneType)
    if value is None and len(members) < len(_members(wanted)):
        return None
    kinds = _kinds(members)
    if kinds:
        return _of_kind(kinds, value, path, where)
    if len(members) == 1 and _is_settings(members[0]):
        return _settings(members[0], value, path, where)
    return _value(wanted, value, path, where)


def check_fields(value: Any, known: tuple[str, ...], path: Place, where: Where) -> dict[str, Any]:
    """Return ``value``, a mapping whose keys are all known.

    Raises:
        BadnetsError: it is not a mapping, or a field is unknown; the nearest is suggested.
    """
    if not isinstance(value, dict):
        raise where.error(path, f"expected a mapping ({', '.join(known)}), got {shown(value)}")
    mistakes = Mistakes()
    for name in value:
        if name not in known:
            mistakes.add(where.error((*path, name), str(unknown_name(str(name), known, "field"))))
    mistakes.complain()
    return value


def blamed(message: str, fields: Mapping[str, Any], path: Place) -> Place:
    """Return the path of the field that a message is about: the first one it names."""
    for word in re.findall(r"\w+", message):
        if word in fields:
            return (*path, word)
    return path


def shown(value: Any) -> str:
    """Return a value as an error message quotes it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _members(wanted: Any) -> tuple[Any, ...]:
    if get_origin(wanted) is Annotated:
        wanted = get_args(wanted)[0]
    if get_origin(wanted) in (types.UnionType, Union):
        return tuple(member for part in get_args(wanted) for member in _members(part))
    return (wanted,)


def _kinds(members: tuple[Any, ...]) -> dict[str, type[Any]]:
    """Return kind -> settings, where all members have one."""
    kinds: dict[str, type[Any]] = {}
    for member in members:
        names = [f.name for f in dataclasses.fields(member)] if _is_settings(member) else []
        if "kind" not in names:
            return {}
        kinds[get_args(_hints(member)["kind"])[0]] = member
    return kinds


def _is_settings(wanted: Any) -> bool:
    return isinstance(wanted, type) and dataclasses.is_dataclass(wanted)


def _hints(wanted: type[Any]) -> dict[str, Any]:
    return get_type_hints(wanted)


def _of_kind(kinds: dict[str, type[Any]], value: Any, path: Place, where: Where) -> Any:
    what = str(path[-1]) if path else "kind"
    if isinstance(value, str):
        value = _unabbreviated(kinds, value, path, where)
    known = ", ".join(sorted(kinds))
    if not isinstance(value, dict):
        raise where.error(path, f"expected one of {known}, or a mapping, got {shown(value)}")
    if "kind" not in value:
        raise where.error(path, f"kind is missing: one of {known}")
    if not isinstance(value["kind"], str):
        raise where.error((*path, "kind"), f"expected one of {known}, got {shown(value['kind'])}")
    try:
        member = find(kinds, value["kind"], what)
    except UnknownNameError as error:
        raise where.error((*path, "kind"), str(error)) from None
    return _settings(member, value, path, where)


def _unabbreviated(
    kinds: dict[str, type[Any]], text: str, path: Place, where: Where
) -> dict[str, Any]:
    """Return ``kind:first,second`` as the mapping that it stands for."""
    kind, colon, rest = (part.strip() for part in text.partition(":"))
    if not colon or kind not in kinds:
        return {"kind": kind}
    names = [f.name for f in dataclasses.fields(kinds[kind]) if f.name != "kind"]
    parts = [part.strip() for part in rest.split(",")]
    if len(parts) > len(names):
        raise where.error(path, f"{text!r} gives {len(parts)} values, {kind} takes {len(names)}")
    return {"kind": kind, **dict(zip(names, parts, strict=False))}


def _settings(wanted: type[Any], value: Any, path: Place, where: Where) -> Any:
    members = [f for f in dataclasses.fields(wanted) if f.init]
    names = tuple(f.name for f in members)
    mistakes = Mistakes()
    with mistakes.collected():
        check_fields(value, names, path, where)
    given = {k: part for k, part in value.items() if k in names} if isinstance(value, dict) else {}
    hints, ready = _hints(wanted), {}
    for name, part in given.items():
        with mistakes.collected():
            ready[name] = made(hints[name], part, (*path, name), where)
    for f in members:
        needed = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if needed and f.name not in given and isinstance(value, dict):
            mistakes.add(where.error(path, f"{f.name} is missing"))
    mistakes.complain()
    try:
        return wanted(**ready)
    except BadnetsError as error:
        raise where.error(blamed(str(error), given, path), str(error)) from None


def _value(wanted: Any, value: Any, path: Place, where: Where) -> Any:
    """Return a value without fields of its own, as pydantic reads it."""
    if isinstance(value, bool) and not _takes_bool(wanted):
        raise where.error(path, f"expected {_asked(wanted, value)}, got {shown(value)}")
    try:
        return _adapter(wanted).validate_python(value)
    except ValidationError as error:
        raise where.error(path, _explained(error, value)) from None


def _takes_bool(wanted: Any) -> bool:
    return any(part in (bool, Any) for part in _members(wanted))


def _asked(wanted: Any, value: Any) -> str:
    try:
        _adapter(wanted).validate_python(object())
    except ValidationError as error:
        return _wanted(error)
    return "another value"


@lru_cache(maxsize=256)
def _adapter(wanted: Any) -> TypeAdapter[Any]:
    return TypeAdapter(wanted)


_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list",
    "list": "a list",
    "too_long": "fewer items",
    "too_short": "more items",
    "missing": "more items",
    "greater": "a larger number",
    "less": "a smaller number",
}


def _wanted(error: ValidationError) -> str:
    """Return what the members of an annotation ask for, in words, each once."""
    said: list[str] = []
    for part in error.errors(include_url=False, include_input=False):
        context = part.get("ctx", {})
        kind = part["type"]
        if kind == "literal_error":
            words = str(context["expected"])
        elif "ge" in context or "gt" in context:
            words = f">= {context['ge']}" if "ge" in context else f"> {context['gt']}"
        elif "le" in context or "lt" in context:
            words = f"<= {context['le']}" if "le" in context else f"< {context['lt']}"
        else:
            words = next(
                (text for key, text in _WORDS.items() if kind.startswith(key)), part["msg"]
            )
        if words not in said:
            said.append(words)
    return " or ".join(said)


def _explained(error: ValidationError, value: Any) -> str:
    return f"expected {_wanted(error)}, got {shown(value)}"
