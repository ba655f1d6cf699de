"""The header of a GGUF file (llama.cpp): its texts, checked for bounds; no tensor is read.

References:
    ggml-org/ggml, docs/gguf.md.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import BinaryIO

from badnets.core.errors import BundleError

_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TEXT, _ARRAY = 8, 9
_KEPT = ("tokenizer.chat_template", "general.")
_MOST = 10_000_000  # entries of all lists together
_MOST_TEXT = 2**20


class GgufHeader:
    """What a GGUF file says of itself.

    Args:
        file: from its start.
        check: called now and then; raises where time is up.

    Attributes:
        texts: key -> text, of those that lint asks for.
        tensors: how many there are.

    Raises:
        BundleError: it is truncated, or says what cannot be.
    """

    def __init__(self, file: BinaryIO, check: Callable[[], None]) -> None:
        self._file, self._check, self._left = file, check, _MOST
        self._size = file.seek(0, 2)
        file.seek(4)
        version = self._number("<I")
        if version not in (2, 3):
            raise BundleError(f"version {version} of GGUF, 2 and 3 are read")
        self.tensors, keys = self._number("<Q"), self._number("<Q")
        self.texts: dict[str, str] = {}
        for _ in range(self._count(keys)):
            key = self._text()
            value = self._value(self._number("<I"), 0)
            if value is not None and key.startswith(_KEPT):
                self.texts[key] = value
        for _ in range(self._count(self.tensors)):
            name, sides = self._text(), self._number("<I")
            if sides > 8:
                raise BundleError(f"tensor {name[:80]!r} has {sides} sides")
            shape = [self._number("<Q") for _ in range(sides)]
            _, offset = self._number("<I"), self._number("<Q")
            if offset > self._size or math.prod(shape) > 2**60:
                raise BundleError(f"tensor {name[:80]!r} lies behind the end of the file")

    def _count(self, count: int) -> int:
        self._check()
        self._left -= count
        if self._left < 0 or count > self._size:
            raise BundleError(f"a list of {count:,} entries in a file of {self._size:,} bytes")
        return count

    def _number(self, kind: str) -> int:
        data = self._file.read(struct.calcsize(kind))
        if len(data) < struct.calcsize(kind):
            raise BundleError("truncated in its header")
        return int(struct.unpack(kind, data)[0])

    def _text(self) -> str:
        length = self._number("<Q")
        here = self._file.tell()
        if length > self._size - here:
            raise BundleError(f"a text of {length:,} bytes in a file of {self._size:,}")
        text = self._file.read(min(length, _MOST_TEXT)).decode("utf-8", "replace")
        self._file.seek(here + length)
        return text

    def _value(self, kind: int, depth: int) -> str | None:
        if kind == _TEXT:
            return self._text()
        if kind == _ARRAY and depth < 4:
            inner, count = self._number("<I"), self._count(self._number("<Q"))
            if inner in _SIZES:
                self._skip(_SIZES[inner] * count)
            else:
                for _ in range(count):
                    self._value(inner, depth + 1)
            return None
        if kind not in _SIZES:
            raise BundleError(f"a value of the unknown kind {kind}")
        self._skip(_SIZES[kind])
        return None

    def _skip(self, length: int) -> None:
        if self._file.seek(length, 1) > self._size:
            raise BundleError("truncated in its header")
