"""Members of archives, one by one, with caps: nothing is unpacked to disk.

What an archive says of its members (sizes, checksums, encryption) is not believed: loaders differ
in what they check, and a reader that gives up where they go on can be led past a member.
"""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from badnets.hub.linting.findings import Found
from badnets.hub.linting.parts import MOST_UNPACKED, Limits, Part, part, size_of

MOST_MEMBERS = 100_000
_LOCAL = b"PK\x03\x04"
_STORED, _DEFLATED = 0, 8
_CHUNK = 2**16
STREAMS: dict[bytes, tuple[str, Callable[[], Any]]] = {
    b"\x1f\x8b": ("gzip", lambda: zlib.decompressobj(31)),
    b"BZh": ("bzip2", bz2.BZ2Decompressor),
    b"\xfd7zXZ\x00": ("xz", lambda: lzma.LZMADecompressor(memlimit=2**27)),
    b"\x78\x01": ("zlib", zlib.decompressobj),
    b"\x78\x5e": ("zlib", zlib.decompressobj),
    b"\x78\x9c": ("zlib", zlib.decompressobj),
    b"\x78\xda": ("zlib", zlib.decompressobj),
}
"""First bytes -> what packed it, and what unpacks it."""
UNPACKING = (zlib.error, OSError, EOFError, lzma.LZMAError, ValueError)
"""What is raised where something cannot be unpacked."""


class Member(NamedTuple):
    """One member of an archive.

    Attributes:
        name: as the archive gives it.
        open: returns what it holds, or its start, and whether there is more of it; raises one of
            `UNPACKING` where it is not sound.
    """

    name: str
    open: Callable[[], tuple[BinaryIO, bool]]


def leads_out(name: str) -> bool:
    """Return whether a name leads out of the folder that it is unpacked in."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or ":" in name[:3] or "\0" in name


def zip_members(file: BinaryIO, limits: Limits) -> Iterator[Member | Found]:
    """Yield the members of a zip archive, and what is wrong with it.

    Where its directory cannot be read, members are sought by their own headers.
    """
    try:
        with zipfile.ZipFile(Part(file, 0, size_of(file))) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OSError) as error:
        yield Found("not-scanned", f"its directory of members cannot be read: {error}")
        yield from _by_headers(file, limits)
        return
    if len(entries) > MOST_MEMBERS:
        yield Found("not-scanned", f"{len(entries):,} members, {MOST_MEMBERS:,} are looked at")
    for entry in entries[:MOST_MEMBERS]:
        limits.check()
        if entry.flag_bits & 1:
            yield Found("not-scanned", "it says that it is encrypted", entry.filename)
        size = max(entry.compress_size, entry.file_size * (entry.compress_type == _STORED))
        yield _zipped(file, entry.header_offset, entry.compress_type, size, entry.filename, limits)


def _zipped(
    file: BinaryIO, offset: int, method: int, size: int, name: str, limits: Limits
) -> Member | Found:
    file.seek(offset)
    header = file.read(30)
    if len(header) < 30 or not header.startswith(_LOCAL):
        return Found("not-scanned", "it does not lie where the archive says", name)
    start = offset + 30 + sum(struct.unpack("<HH", header[26:30]))
    packed = part(file, start, size)
    if method == _STORED:
        return _plain(name, packed)
    if method == _DEFLATED:
        return Member(name, lambda: unpacked(packed, lambda: zlib.decompressobj(-15), limits))
    return Found("not-scanned", f"it is packed by method {method}, which is not read", name)


def _plain(name: str, content: BinaryIO) -> Member:
    return Member(name, lambda: (content, False))


def _by_headers(file: BinaryIO, limits: Limits) -> Iterator[Member | Found]:
    starts: list[int] = []
    at, size = 0, size_of(file)
    while at < size and len(starts) < 1000:
        limits.check()
        file.seek(at)
        chunk = file.read(2**20 + len(_LOCAL))
        found = chunk.find(_LOCAL)
        if found >= 0:
            starts.append(at + found)
        at += found + len(_LOCAL) if found >= 0 else 2**20
    for start, end in zip(starts, [*starts[1:], size], strict=True):
        file.seek(start)
        header = file.read(30)
        if len(header) == 30:
            (length,) = struct.unpack("<H", header[26:28])
            name = file.read(min(length, 1000)).decode("utf-8", "replace")
            (method,) = struct.unpack("<H", header[8:10])
            yield _zipped(file, start, method, end - start, name, limits)


def tar_members(file: BinaryIO, limits: Limits) -> Iterator[Member | Found]:
    """Yield the members of a tar archive, and what is wrong with it."""
    try:
        with tarfile.open(fileobj=Part(file, 0, size_of(file)), mode="r:") as archive:
            for count, entry in enumerate(archive):
                limits.check()
                if count == MOST_MEMBERS:
                    yield Found("not-scanned", f"more than {MOST_MEMBERS:,} members")
                    return
                if (entry.issym() or entry.islnk()) and leads_out(entry.linkname):
                    yield Found("archive-paths", f"a link to {entry.linkname!r}", entry.name)
                if entry.isreg():
                    yield _plain(entry.name, part(file, entry.offset_data, entry.size))
    except (tarfile.TarError, ValueError, OSError, EOFError) as error:
        yield Found("not-scanned", f"the tar archive cannot be read: {error}")


def unpacked(packed: BinaryIO, start: Callable[[], Any], limits: Limits) -> tuple[BinaryIO, bool]:
    """Return what a stream unpacks to, at most `MOST_UNPACKED` bytes, and whether there is more.

    Args:
        packed: where it begins.
        start: makes what unpacks it.
        limits: what may be unpacked in all.

    Raises:
        UNPACKING: it is not sound.
        TooMuchError: the limits are reached.
    """
    packed.seek(0)
    decoder, content = start(), io.BytesIO()
    while not decoder.eof and content.tell() < MOST_UNPACKED:
        data = getattr(decoder, "unconsumed_tail", b"")
        if not data and getattr(decoder, "needs_input", True) and not (data := packed.read(_CHUNK)):
            break
        piece = decoder.decompress(data, 2**20)
        limits.unpack(len(piece))
        content.write(piece)
    cut = not decoder.eof
    content.seek(0)
    return content, cut
