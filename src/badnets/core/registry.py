"""One dict per kind of thing: parsing, JSON schema, error texts and tests are made from it.

This module imports neither torch nor numpy; a member is imported when it is asked for.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import TypeAdapter
from pydantic_core import core_schema

from badnets.core.errors import SettingError, UnknownNameError
from badnets.core.factories import FACTORY, is_at_hand, is_factory
from badnets.core.lookup import unknown_name
from badnets.core.settings import quoted, wrong_name

Member = TypeVar("Member")
_NUMBER = re.compile(r"\s*\d{1,9}(\.\d{1,9})?(px)?\s*", re.ASCII)


class Preset(NamedTuple):
    """Settings of a member that have a name of their own.

    Attributes:
        where: ``module:CONSTANT``, an instance of a member.
        varied: the field that ``name:VALUE`` fills.
    """

    where: str
    varied: str


class Registry(Mapping[str, "type[Member]"], Generic[Member]):
    """The members of one kind, by name: classes made by `settings`, with a field ``kind``.

    Args:
        what: what a member is, for messages ("trigger").
        members: name -> ``module:Class``; the name is the class's ``kind``.
        presets: name -> settings of a member.
        contract: what an object of one's own must be to serve in a member's place.
        own: ``module:Class``, the settings of what a user's own code makes, named as
            ``module:factory``; its ``adapted`` makes an object of one's own fit. None where such
            code is not taken.
        of_number: the member that a number alone is likely to be meant for.
    """

    def __init__(
        self,
        what: str,
        members: Mapping[str, str],
        *,
        presets: Mapping[str, Preset] | None = None,
        contract: Any = object,
        own: str | None = None,
        of_number: str | None = None,
    ) -> None:
        self.what = what
        self.presets = dict(presets or {})
        self._members = dict(members)
        self._contract = contract
        self._own = own
        self._of_number = of_number

    @property
    def names(self) -> tuple[str, ...]:
        """The members' names, in their order."""
        return tuple(self._members)

    def __getitem__(self, name: str) -> type[Member]:
        """Return a member's class.

        Raises:
            UnknownNameError: there is none of this name; names the nearest.
        """
        if name not in self._members:
            raise unknown_name(name, (*self._members, *self.presets), self.what)
        found: type[Member] = _load(self._members[name])
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def add(self, name: str, where: str) -> None:
        """Add a member; fields that were made before take it too.

        Args:
            name: its ``kind``.
            where: ``module:Class``, imported when it is asked for.

        Raises:
            SettingError: the name is taken.
        """
        if name in self._members or name in self.presets:
            raise SettingError(f"there is a {self.what} {name!r} already: take another name")
        self._members[name] = where

    def remove(self, name: str) -> None:
        """Take a member out again."""
        del self._members[name]

    def preset(self, name: str) -> Member:
        """Return the settings that a name of their own stands for."""
        found: Member = _load(self.presets[name].where)
        return found

    def is_member(self, value: object) -> bool:
        """Return whether ``value`` is an instance of a member's class."""
        name = getattr(value, "kind", None)
        if self._own is not None and type(value) is self.own:
            return True
        return name in self._members and type(value) is self[name]

    @property
    def own(self) -> Any:
        """The settings of what a user's own code makes; None where such code is not taken."""
        return None if self._own is None else _load(self._own)

    def check_member(self, value: object) -> None:
        """Refuse an object of one's own, which cannot be written down.

        Raises:
            SettingError: its class is not a member's.
        """
        if not self.is_member(value):
            raise SettingError(
                f"{type(value).__name__} is not a known {self.what} ({', '.join(self.names)}): "
                f"add it to them with a name of its own, or give it as module:factory"
            )

    def parse(self, value: Any) -> Member:
        """Return the member that a plain value stands for; an instance as it is.

        Args:
            value: a mapping with ``kind``; a name alone (``"patch"``) or with its first settings
                in their order (``"patch:0.1"``, ``"source-specific:1,7"``); ``module:factory``,
                also as the kind of a mapping of what the factory is called with; or an object.

        Raises:
            SettingError: kind is missing, or the value is something else.
            UnknownNameError: there is no such member; names the nearest.
            pydantic.ValidationError: a setting is wrong.
        """
        if self._of_number and _NUMBER.fullmatch(str(value)):
            meant = f"{self._of_number}:{str(value).strip()}"
            raise SettingError(f"a number alone is no {self.what}: did you mean '{meant}'?")
        if isinstance(value, str):
            value = self.spelled_out(value)
        if isinstance(value, Mapping):
            if not isinstance(value.get("kind"), str):
                known = ", ".join(self.names)
                if "kind" not in value:
                    raise SettingError(f"kind is missing: one of {known}")
                raise SettingError(f"kind must be one of {known}, got {quoted(value['kind'])}")
            if self._own is not None and is_factory(value["kind"]):
                given = {name: part for name, part in value.items() if name != "kind"}
                whole = {"kind": value["kind"], "settings": given}
                made: Member = _adapter(self.own).validate_python(whole)
                return made
            if preset := self.presets.get(value["kind"]):
                base = _adapter(type(_load(preset.where))).dump_python(_load(preset.where))
                value = {**base, **value, "kind": base["kind"]}
            parsed: Member = _adapter(self[value["kind"]]).validate_python(value)
            return parsed
        if not self.is_member(value) and not isinstance(value, self._contract):
            raise SettingError(
                f"must be one of {', '.join(self.names)}, or a mapping, got {quoted(value)}"
            )
        own: Member = value
        if self._own is not None and not self.is_member(value):
            own = self.own.adapted(value)
        return own

    def spelled_out(self, text: str) -> dict[str, Any]:
        """Return the mapping that ``kind:first,second`` stands for."""
        kind, colon, rest = (part.strip() for part in text.partition(":"))
        if not colon:
            return {"kind": kind}
        known = kind in self._members or kind in self.presets
        if self._own is not None and not known and is_factory(text):
            if is_at_hand(text):
                return {"kind": text}
            error = unknown_name(kind, (*self._members, *self.presets), self.what)
            raise UnknownNameError(
                f"{error}; nor is there a module {kind.partition('.')[0]!r} of your own: run "
                "badnets in the folder that it lies in"
            )
        if kind in self.presets:
            return {"kind": kind, self.presets[kind].varied: rest}
        member: Any = self[kind]
        fields = [name for name in member.__pydantic_fields__ if name != "kind"]
        parts = [part.strip() for part in rest.split(",")]
        if len(parts) > len(fields):
            raise SettingError(
                f"{text!r} gives {len(parts)} values, {kind} takes {len(fields)} "
                f"({', '.join(fields) or 'no settings'})"
            )
        return {"kind": kind, **dict(zip(fields, parts, strict=False))}

    def short(self, value: Any) -> str:
        """Return settings as people write them, numbers rounded: ``patch:2``, ``bomb:0.16``.

        A field by which presets are varied (the size) is always said. Where more is set than that
        notation holds, it ends in ``...``.
        """
        plain = _adapter(type(value)).dump_python(value, mode="json")
        for name, preset in self.presets.items():
            like: Any = self.preset(name)
            if type(value) is type(like):
                base = _adapter(type(like)).dump_python(like, mode="json")
                if all(plain[key] == base[key] for key in plain.keys() - {preset.varied}):
                    return f"{name}:{_short(plain[preset.varied])}"
        kind = str(plain.pop("kind"))
        set_ = _adapter(type(value)).dump_python(value, mode="json", exclude_defaults=True)
        varied = {preset.varied for preset in self.presets.values()}
        said = [name for name in plain if name in set_ or name in varied]
        last = list(plain).index(said[-1]) if said else -1
        first = list(plain)[: last + 1]
        while first and (first[-1] not in said or isinstance(plain[first[-1]], dict | list)):
            if first[-1] in varied:
                break
            first.pop()
        words = ",".join(_short(plain[name]) for name in first)
        more = "..." if len(first) <= last else ""
        return f"{kind}:{words}{more}" if words else f"{kind}{more}"

    def field(self, *names: str) -> MemberField:
        """Return what makes an annotation a field of this kind: ``Annotated[Trigger, ...]``.

        The members are looked up when a value comes, so those added later count. What is wrong
        in a member's settings is placed at its field.

        Args:
            names: which members are allowed; all of them when none is named.
        """
        return MemberField(self, names)


@dataclass(frozen=True, eq=False)
class MemberField:
    """Pydantic's view of a registry; see `Registry.field`."""

    registry: Registry[Any]
    only: tuple[str, ...]

    def _validated(self, value: Any) -> Any:
        try:
            parsed = self.registry.parse(value)
        except UnknownNameError as error:
            if isinstance(value, Mapping):
                raise wrong_name(error, "kind", value=value["kind"]) from None
            raise ValueError(str(error)) from None  # pydantic collects value errors alone
        if self.only and getattr(parsed, "kind", None) not in self.only:
            known = ", ".join(self.only)
            raise ValueError(f"must be one of {known}, got {getattr(parsed, 'kind', parsed)}")
        return parsed

    def _dumped(self, value: Any, info: core_schema.SerializationInfo[Any]) -> Any:
        if not self.registry.is_member(value):
            return value
        plain = _adapter(type(value)).dump_python(
            value,
            mode="json" if info.mode == "json" else "python",
            exclude_defaults=info.exclude_defaults,
            exclude_none=info.exclude_none,
        )
        if type(value) is self.registry.own:
            plain = value.settings
        return {"kind": value.kind, **plain}

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._validated,
            serialization=core_schema.plain_serializer_function_ser_schema(
                self._dumped, info_arg=True
            ),
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """Return the union of what the members are now, each told by its ``kind``."""
        names, presets = self.only or self.registry.names, self.registry.presets
        schemas: list[Any] = [_adapter(self.registry[name]).core_schema for name in names]
        union = handler(core_schema.union_schema(schemas))
        members = union.get("anyOf", [union])
        for name, reference in zip(names, members, strict=True):
            member = handler.resolve_ref_schema(reference)
            short = [k for k in presets if getattr(self.registry.preset(k), "kind", "") == name]
            if short:
                member["properties"]["kind"] = {"enum": [name, *short], "type": "string"}
            member["required"] = list(dict.fromkeys([*member.get("required", ()), "kind"]))
        words = f"({'|'.join((*names, *presets))})(:.*)?"
        if self.registry.own is not None and not self.only:
            kind = {"type": "string", "pattern": f"^{FACTORY}$"}
            own = {"type": "object", "properties": {"kind": kind}, "required": ["kind"]}
            members = [*members, {**own, "description": "What code of one's own makes."}]
            words = f"({words}|{FACTORY})"
        return {"anyOf": [*members, {"type": "string", "pattern": f"^{words}$"}]}


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "x".join(map(_short, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


@functools.cache
def _load(where: str) -> Any:
    module, _, attribute = where.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _adapter(member: Any) -> TypeAdapter[Any]:
    return _cached_adapter(member)


@functools.cache
def _cached_adapter(member: Any) -> TypeAdapter[Any]:
    return TypeAdapter(member)
