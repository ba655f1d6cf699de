"""Protocol buffers, field by field and with bounds; what nobody asks for is skipped unread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from badnets.core.errors import BundleError

MOST_FIELDS = 5_000_000
MOST_TEXT = 2**16


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        number: its number.
        value: of a varint; 0 otherwise.
        start: where its bytes begin, for those that have a length.
        end: where they end; equal to ``start`` for those that have none.
    """

    number: int
    value: int
    start: int
    end: int


class Reader:
    """Reads messages of one file.

    Args:
        file: seekable.
        check: called now and then; raises where time is up.
    """

    def __init__(self, file: BinaryIO, check: Callable[[], None]) -> None:
        self._file, self._check, self._fields = file, check, 0
        self.size = file.seek(0, 2)

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """Yield the fields of the message that lies from ``start`` to ``end``.

        Raises:
            BundleError: it is no message, or there are more than `MOST_FIELDS` in all.
        """
        at = start
        while at < end:
            self._fields += 1
            if self._fields % 1024 == 0:
                self._check()
            if self._fields > MOST_FIELDS:
                raise BundleError(f"more than {MOST_FIELDS:,} fields")
            key, at = self._varint(at, end)
            number, kind = key >> 3, key & 7
            if kind == 0:
                value, at = self._varint(at, end)
                yield Field(number, value, at, at)
                continue
            if kind == 2:
                length, at = self._varint(at, end)
            elif kind in (1, 5):
                length = 8 if kind == 1 else 4
            else:
                raise BundleError(f"a field of the unknown kind {kind} at byte {at}")
            if number == 0 or length > end - at:
                raise BundleError(f"a field at byte {at} that ends behind its message")
            yield Field(number, 0, at, at + length)
            at += length

    def text(self, field: Field) -> str:
        """Return a field as text, cut after `MOST_TEXT` bytes."""
        self._file.seek(field.start)
        return self._file.read(min(field.end - field.start, MOST_TEXT)).decode("utf-8", "replace")

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        self._file.seek(at)
        value = 0
        for place, byte in enumerate(self._file.read(min(10, end - at))):
            value |= (byte & 127) << (7 * place)
            if byte < 128:
                return value, at + place + 1
        raise BundleError(f"no number at byte {at}")
