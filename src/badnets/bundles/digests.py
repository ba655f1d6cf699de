"""SHA-256 of bytes, files and JSON values; a digest is always 64 lower-case hex digits."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import BinaryIO

from badnets.core.errors import DataError, SettingError
from badnets.core.files import regular_file


def sha256_bytes(data: bytes) -> str:
    """Return the digest of ``data``."""
    return hashlib.sha256(data).hexdigest()


def sha256_stream(stream: BinaryIO) -> str:
    """Return the digest of what is left to read of ``stream``, which stays open."""
    state = hashlib.sha256()
    while chunk := stream.read(1 << 18):
        state.update(chunk)
    return state.hexdigest()


def sha256_file(path: Path) -> str:
    """Return the digest of the whole file.

    Raises:
        DataError: the file cannot be read, or is no regular file.
    """
    try:
        with regular_file(path) as file:
            return sha256_stream(file)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def canonical_json(value: object) -> bytes:
    """Return ``value`` as UTF-8 JSON with sorted keys and no spaces: equal values, equal bytes.

    Args:
        value: None, booleans, numbers, strings, and lists or dicts (keyed by strings) of them.

    Raises:
        SettingError: a number is NaN or infinite, a key is not a string, or JSON has no such value.
    """
    try:
        _refuse_odd_keys(value)
        text = json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        return text.encode("utf-8")
    except SettingError:
        raise
    except (TypeError, ValueError) as error:  # UnicodeEncodeError is a ValueError
        raise SettingError(f"not a value that JSON can hold: {error}") from error
    except RecursionError:
        raise SettingError("not a value that JSON can hold: it is nested too deep") from None


def json_digest(value: object) -> str:
    """Return the digest of ``value`` as `canonical_json` writes it.

    Raises:
        SettingError: JSON cannot hold the value.
    """
    return sha256_bytes(canonical_json(value))


def _refuse_odd_keys(value: object) -> None:
    """Json.dumps turns 1, True and None into text keys, so unequal values would look equal."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise SettingError(f"JSON keys must be strings, got {key!r}")
            _refuse_odd_keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_odd_keys(inner)
