"""Bytes and JSON, changed at random: each mutant follows from its seed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

_TOKENS = (
    b"\0", b"\xff", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\u0000", b"\xc0\x80",
    b"null", b"true", b"-1", b"1e999", b"NaN", b"9" * 400, b" ", b"\n", b"\xef\xbb\xbf", b"=",
    b"[" * 2000, b"../", b"\xe2\x80\xae",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**64, 10**400, 0.5, -0.0, 1e308, "", "0",
    "..", "../../x", "/etc/passwd", "\0", "\u202e", "a" * 5000, "\ud800", [], {}, [[]], {"": ""},
    "2099-01-01T00:00:00Z", "0" * 64, "f" * 64, "alice", "root", "sha256",
)  # fmt: skip
_HARMLESS: tuple[dict[str, Any], ...] = (
    {"indent": 1}, {"indent": 3, "sort_keys": True}, {"separators": (",", ":")},
    {"separators": (" , ", " : ")}, {"ensure_ascii": False},
)  # fmt: skip


def mutant(data: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """Return data changed in one to three ways.

    Args:
        data: a file.
        random: what is changed, and how.
        others: files of which parts may take the place of its own.
    """
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        data = random.choice(_WAYS)(data, random, others)
    return data


def _flip(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    changed = bytearray(data or b"\0")
    changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _span(data: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.choice((1, 2, 4, 16, 64, 256, 4096)))


def _cut(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    start, end = _span(data, random)
    return data[:start] + data[end:]


def _repeat(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    start, end = _span(data, random)
    return data[:end] + data[start:end] * random.choice((1, 2, 9)) + data[end:]


def _move(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    start, end = _span(data, random)
    place = random.randrange(len(data) + 1)
    rest = data[:start] + data[end:]
    return rest[:place] + data[start:end] + rest[place:]


def _put(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    place, over = random.randrange(len(data) + 1), random.randrange(2)
    token = random.choice((*_TOKENS, random.randbytes(random.choice((1, 4, 40)))))
    return data[:place] + token + data[place + over * len(token) :]


def _end(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    if random.randrange(2):
        return data[: random.randrange(len(data) + 1)]
    return data + random.choice((b"\n", b" ", b"\0", b"{}", data, b"PK\x05\x06" + bytes(18)))


def _splice(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    if not others:
        return _flip(data, random, others)
    other = random.choice(others)
    start, end = _span(data, random)
    return data[:start] + other[start:end] + data[end:] if random.randrange(4) else other


def _json(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change the value that JSON stands for, or only how it is written."""
    try:
        plain = json.loads(data)
    except (ValueError, RecursionError):
        return _put(data, random, others)
    if not random.randrange(4):
        return json.dumps(plain, **random.choice(_HARMLESS)).encode("utf-8", "surrogatepass")
    text = json.dumps(plain, sort_keys=True)
    if not random.randrange(6):
        return _twice(text, random)
    changed = _changed(plain, random, others)
    form = random.choice(_HARMLESS[:4])
    return json.dumps(changed, **form).encode("utf-8", "surrogatepass")


def _twice(text: str, random: Random) -> bytes:
    """Return JSON in which a key stands twice."""
    places = [at for at, sign in enumerate(text) if sign == "{" and text[at + 1] != "}"]
    if not places:
        return text.encode()
    place = random.choice(places) + 1
    key = text[place : text.index(":", place)]
    value = json.dumps(random.choice(_VALUES[:20]))
    return f"{text[:place]}{key}: {value}, {text[place:]}".encode("utf-8", "surrogatepass")


def _changed(plain: Any, random: Random, others: Sequence[bytes]) -> Any:
    """Return the value with one change somewhere within."""
    if isinstance(plain, dict) and plain and random.randrange(8):
        key = random.choice(sorted(plain))
        kind = random.randrange(12)
        kept = {name: value for name, value in plain.items() if name != key or kind}
        if kind == 1:
            kept = {("x" + name if name == key else name): value for name, value in plain.items()}
        elif kind == 2:
            kept[random.choice(("x", "", "__proto__", key.upper()))] = random.choice(_VALUES)
        elif kind == 3:
            kept[key] = plain[random.choice(sorted(plain))]
        elif kind == 4 and isinstance(plain[key], str):
            kept[key] = _other_text(plain[key], random, others)
        elif kind:
            kept[key] = _changed(plain[key], random, others)
        return kept
    if isinstance(plain, list) and plain and random.randrange(8):
        at, items = random.randrange(len(plain)), list(plain)
        kind = random.randrange(8)
        if kind == 0:
            del items[at]
        elif kind == 1:
            items.insert(at, items[at])
        elif kind == 2:
            items.reverse()
        else:
            items[at] = _changed(items[at], random, others)
        return items
    if isinstance(plain, str) and random.randrange(3):
        return _other_text(plain, random, others)
    if isinstance(plain, int | float) and not isinstance(plain, bool) and random.randrange(2):
        near = plain / 2 if abs(plain) < 2**60 else -1.5
        return random.choice((plain + 1, plain - 1, -plain, plain * 2, near, f"{near}"))
    return random.choice(_VALUES)


def _other_text(text: str, random: Random, others: Sequence[bytes]) -> str:
    """Return another text; base64 may hold another payload, or stand for the same one."""
    if len(text) > 40 and random.randrange(2):
        try:
            inner = base64.b64decode(text, validate=True)
        except ValueError:
            inner = b""
        if inner and random.randrange(3):
            return base64.b64encode(_WAYS[random.randrange(len(_WAYS))](inner, random, ())).decode()
        return random.choice(
            (text + "=", text.rstrip("="), text + "\n", f" {text}", text.replace("+", "-"),
             text[:-3] + "B==", text.swapcase())
        )  # fmt: skip
    raw = _WAYS[random.randrange(4)](text.encode("utf-8", "surrogatepass"), random, others)
    return raw.decode("utf-8", "replace")


_WAYS: tuple[Callable[[bytes, Random, Sequence[bytes]], bytes], ...] = (
    _flip, _cut, _put, _move, _repeat, _end, _splice, _json, _json, _json, _json,
)  # fmt: skip
