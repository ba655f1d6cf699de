"""``manifest.jsonl``: what every file of a poisoned folder was, is, and had done to it.

One JSON object a line: a head with the settings, one line for each file in the order of the paths,
and an end with the counts and the SHA-256 of all lines before it. It is written when all files are.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from badnets.bundles.digests import sha256_file
from badnets.bundles.schema import BundleFile, Digest, Format, one_line
from badnets.bundles.strict_json import parse_json
from badnets.core.backdoor import Backdoor
from badnets.core.errors import BadnetsError, BundleError, DataError, SettingError
from badnets.core.factories import is_factory
from badnets.core.files import regular_file

MANIFEST = "manifest.jsonl"
LONGEST = 2**24  # bytes of a line: the head lists what is left out


def _inside(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or str(pure) != path or ".." in pure.parts or "\0" in path or path == ".":
        raise ValueError("must lead to a file in the folder")
    return path


RelativePath = Annotated[str, Field(min_length=1), AfterValidator(_inside)]
"""A path inside the folder, with slashes."""


class Object(BundleFile):
    """An object of a picture.

    Args:
        label: its class.
        box: left, top, right, bottom in pixels; right and bottom exclusive.
    """

    label: str
    box: tuple[float, float, float, float]


class LeftOutFile(BundleFile):
    """A file of the folder that was read which the result does not hold, and why."""

    path: str
    why: str


class Head(BundleFile):
    """The first line: what all files have in common.

    Args:
        format: version of the manifest's format.
        layout: how classes are told: ``classes``, ``split``, ``flat`` or ``coco``.
        classes: class names; a target label is a place among them, from 0.
        backdoor: trigger, targets, rate and how, as plain values.
        trigger_sha256: of the picture that the trigger shows, where it is a file.
        seed: decides which pictures, places, random labels and the names.
        quality: of JPEG and WebP.
        channels: 3 for RGB, 1 for grey.
        listing_sha256: of the paths and sizes of what was read.
        versions: of what decodes, stamps and encodes.
        left_out: what was not carried over.
    """

    kind: Literal["head"] = "head"
    format: Format = 1
    layout: Literal["classes", "split", "flat", "coco"]
    classes: tuple[str, ...]
    backdoor: dict[str, Any]
    trigger_sha256: Digest | None
    seed: int
    quality: int
    channels: int
    listing_sha256: Digest
    versions: dict[str, str]
    left_out: tuple[LeftOutFile, ...] = ()


class Picture(BundleFile):
    """One picture.

    Args:
        path: in this folder.
        sha256: of the file.
        size: of the file, in bytes.
        source: in the folder that was read.
        source_sha256: of that file.
        row: of the poisoned training set as it is in memory: the clean pictures in the order of
            their source paths, then added copies in that order; None outside the training part.
        is_poisoned: whether it carries the trigger.
        old_target: what the source is: its class, or its objects.
        new_target: what this folder says it is.
        trigger: kind and parameters of the trigger; None for a clean picture.
        places: the rectangles that it covers: left, top, right, bottom in pixels.
    """

    kind: Literal["picture"] = "picture"
    path: RelativePath
    sha256: Digest
    size: Annotated[int, Field(ge=0)]
    source: RelativePath
    source_sha256: Digest
    row: Annotated[int, Field(ge=0)] | None
    is_poisoned: bool
    old_target: str | tuple[Object, ...] | None
    new_target: str | tuple[Object, ...] | None
    trigger: dict[str, Any] | None = None
    places: tuple[tuple[int, int, int, int], ...] = ()


class File(BundleFile):
    """One other file: annotations, as they were or written anew."""

    kind: Literal["file"] = "file"
    path: RelativePath
    sha256: Digest
    size: Annotated[int, Field(ge=0)]
    source: RelativePath
    source_sha256: Digest


class End(BundleFile):
    """The last line.

    Args:
        files: lines between head and end.
        poisoned: those of them that carry the trigger.
        sha256: of all lines before this one, line ends included.
    """

    kind: Literal["end"] = "end"
    files: int
    poisoned: int
    sha256: Digest


Entry: TypeAlias = Picture | File
_LINE: TypeAdapter[Head | Picture | File | End] = TypeAdapter(
    Annotated[Head | Picture | File | End, Field(discriminator="kind")]
)


def manifest_bytes(head: Head, entries: Sequence[Entry]) -> bytes:
    """Return a whole manifest: its lines, with their ends."""
    lines = b"".join(one.model_dump_json().encode() + b"\n" for one in (head, *entries))
    digest = hashlib.sha256(lines).hexdigest()
    end = End(files=len(entries), poisoned=sum(map(is_poisoned, entries)), sha256=digest)
    return lines + end.model_dump_json().encode() + b"\n"


def is_poisoned(entry: Entry) -> bool:
    """Return whether a file carries the trigger."""
    return isinstance(entry, Picture) and entry.is_poisoned


def _entry_of(line: bytes, what: str) -> Head | Entry | End:
    """Return the entry in a line.

    Raises:
        DataError: it is not strict JSON, or a field is missing, unknown or not allowed.
    """
    try:
        parse_json(line, what)
        return _LINE.validate_json(line, strict=True)
    except BundleError as error:
        raise DataError(str(error)) from None
    except ValidationError as error:
        raise DataError(one_line(error, what)) from None


def plain_values(settings: Any) -> dict[str, Any]:
    """Return a frozen dataclass as plain values; of anything else, its kind."""
    if dataclasses.is_dataclass(settings) and not isinstance(settings, type):
        return dataclasses.asdict(settings)
    return {"kind": str(getattr(settings, "kind", type(settings).__name__))}


def plain_backdoor(backdoor: Backdoor) -> dict[str, Any]:
    """Return a backdoor as plain values."""
    return {
        "trigger": plain_values(backdoor.trigger),
        "targets": plain_values(backdoor.targets),
        "rate": backdoor.poisoning_rate,
        "how": backdoor.mode,
    }


def backdoor_of(head: Head) -> Backdoor:
    """Return the backdoor that a manifest names; code of one's own is never run for it.

    Raises:
        DataError: it cannot be made from what is written, as of a trigger of one's own.
    """
    written = head.backdoor
    try:
        if any(map(is_factory, _texts(written))):
            raise SettingError("it names code of its maker's own")
        return Backdoor(written["trigger"], written["targets"], written["rate"], written["how"])
    except (BadnetsError, ValidationError, LookupError, TypeError) as error:
        said = one_line(error, "backdoor") if isinstance(error, ValidationError) else error
        raise DataError(f"the backdoor in {MANIFEST} cannot be made again: {said}") from None


def _texts(value: Any) -> Iterator[str]:
    """Give every text in plain values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The manifest of a folder that is complete.

    Attributes:
        folder: the folder.
        head: its first line.
    """

    folder: Path
    head: Head

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest's file, which names all that it lists."""
        return sha256_file(self.folder / MANIFEST)

    def entries(self) -> Iterator[Entry]:
        """Give the files one by one, in the order of their paths.

        Raises:
            DataError: a line is damaged, out of order, or the end does not fit what came before.
        """
        path = self.folder / MANIFEST
        state, count, poisoned, last = hashlib.sha256(), 0, 0, ""
        end: End | None = None
        for number, line in _lines(path):
            where = f"{path}, line {number}"
            entry = _entry_of(line, where)
            if end is not None or isinstance(entry, Head) is not (number == 1):
                raise DataError(f"{where}: a {entry.kind} does not belong here")
            if isinstance(entry, End):
                end = entry
                continue
            state.update(line)
            if isinstance(entry, Head):
                continue
            if entry.path <= last:
                raise DataError(f"{where}: {entry.path} is out of order, or there twice")
            count, last = count + 1, entry.path
            poisoned += is_poisoned(entry)
            yield entry
        if end is None or (end.files, end.poisoned) != (count, poisoned):
            raise DataError(f"{path} is not whole: its end is missing, or counts other files")
        if end.sha256 != state.hexdigest():
            raise DataError(f"{path} was changed: it does not have the digest that it ends with")


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a poisoned folder; its files are read when they are asked for.

    Raises:
        DataError: the folder has none, or its head is damaged.
    """
    path = folder / MANIFEST
    first = next(_lines(path), None)
    head = _entry_of(first[1], f"{path}, line 1") if first else None
    if not isinstance(head, Head):
        raise DataError(f"{path}, line 1: expected the head of a manifest")
    return Manifest(folder, head)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with regular_file(path, follow=False) as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST), b""), start=1):
                if not line.endswith(b"\n"):
                    if len(line) == LONGEST:
                        raise DataError(f"{path} holds a line of more than {LONGEST} bytes")
                    raise DataError(f"{path}, line {number} has no end: it was cut off, or added")
                yield number, line
    except FileNotFoundError:
        raise DataError(
            f"{path.parent} has no {path.name}: it was not made by badnets poison, or not finished"
        ) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
