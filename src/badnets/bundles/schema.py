"""What every JSON file of a bundle has in common: no unknown field, no change, one-line errors."""

from __future__ import annotations

import json
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from badnets.bundles.strict_json import parse_json
from badnets.core.errors import BundleError, SettingError


def on_one_line(text: str) -> str:
    """Return the text; raises ValueError where it holds a line break or a control character."""
    if not text.isprintable():
        raise ValueError("must be printable text on one line")
    return text


def _moderate(value: bool | int | float | str | None) -> bool | int | float | str | None:
    if isinstance(value, str) and len(value) > 1000:
        raise ValueError("must have at most 1000 characters")
    if isinstance(value, int) and abs(value) > 2**53:
        raise ValueError("must lie within -2**53..2**53")  # beyond, a float would not be exact
    return value


def _known_format(version: int) -> int:
    if version != 1:
        raise ValueError(f"is {version}, this version of badnets reads format 1")
    return version


Format = Annotated[int, AfterValidator(_known_format)]
"""Version of the bundle format."""

Line = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(on_one_line)]
"""Text on one line, without control characters."""

Key = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
"""The name of a setting."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 in hex."""

Scalar = Annotated[bool | int | float | str | None, AfterValidator(_moderate)]
"""A JSON value that is neither a list nor an object."""

Settings = Annotated[dict[Key, Scalar], Field(max_length=100)]
"""Plain settings by name."""


class BundleFile(BaseModel):
    """Base of the JSON files of a bundle: frozen, strict, no unknown field."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True
    )

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Return the checked object; as the class itself, with one-line errors.

        Raises:
            SettingError: a value is missing, unknown or outside what is allowed.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise SettingError(one_line(error, cls.__name__)) from error

    @classmethod
    def from_json(cls, data: bytes, what: str) -> Self:
        """Return the object that ``data`` holds as JSON.

        Args:
            data: the file, whole.
            what: what to call it in an error.

        Raises:
            BundleError: not strict JSON, or a field is missing, unknown or not allowed.
        """
        parse_json(data, what)  # refuses what pydantic's own parser would let pass
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise BundleError(one_line(error, what)) from error

    def to_json(self) -> bytes:
        """Return the object as JSON that people can read: sorted, indented, with a last newline."""
        values = self.model_dump(mode="json")
        text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()


def one_line(error: ValidationError, what: str) -> str:
    """Return the first defect that pydantic found, with its field, on one line."""
    first, *others = error.errors(include_url=False, include_context=False, include_input=False)
    field = ".".join(str(part)[:80] for part in first["loc"])
    message = " ".join(first["msg"].removeprefix("Value error, ").split())
    more = f" (and {len(others)} more mistake{'s'[: len(others) > 1]})" if others else ""
    return f"{what}: {field + ': ' if field else ''}{message}{more}"
