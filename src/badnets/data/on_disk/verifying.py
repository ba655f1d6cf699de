"""Checking a poisoned folder: against its manifest, its manifest against what was read then."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple

from badnets.bundles.digests import sha256_stream
from badnets.core.errors import DataError, SettingError
from badnets.core.files import regular_file, usable_path
from badnets.core.progress import Listener, Progress
from badnets.data.on_disk.manifest import MANIFEST, Entry, Head, Manifest, Picture, read_manifest

State = Literal["intact", "missing", "changed"]
Conclusion = Literal["as it was written", "not as it was written", "not checked"]
EVERY = 64  # files between two words to the listener
_BY_VERSION = {"sha256", "size"}  # of a picture: other versions may encode the same pixels anew


class Deviation(NamedTuple):
    """What a manifest says otherwise than the folder that was read gives it.

    Attributes:
        path: the file; "" for the settings that all have in common.
        fields: what differs; none where the file is in one of the two alone.
        why: in words.
    """

    path: str
    fields: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Verification:
    """How a folder compares with its manifest, and the manifest with what is known of it.

    Attributes:
        head: the manifest's first line.
        files: files that the manifest names.
        missing: files and class folders that are not there.
        changed: files that are not what they were.
        extra: files and folders that the manifest does not name.
        digest: SHA-256 of the manifest.
        expected: the digest that it was to have, where one was given.
        deviations: where the manifest is not what the source gives; None: no source was given.
        unsure: pictures that the source gives with other bytes, where the versions that the
            manifest names are not those at work now.
    """

    head: Head
    files: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    extra: tuple[str, ...]
    digest: str
    expected: str | None = None
    deviations: tuple[Deviation, ...] | None = None
    unsure: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        """Whether nothing differs: the folder from its manifest, and that from what was given."""
        return not (self.missing or self.changed or self.extra or self.deviations) and (
            self.expected in (None, self.digest)
        )

    @property
    def conclusion(self) -> Conclusion:
        """What came of it."""
        if not self.intact:
            return "not as it was written"
        return "not checked" if self.unsure else "as it was written"


def verify_folder(
    folder: Path,
    *,
    digest: str | None = None,
    source: Path | None = None,
    workers: int = 1,
    listener: Listener | None = None,
) -> Verification:
    """Return how a folder compares with its manifest; every file is read.

    That shows whether a file was changed since the manifest was written. Whoever can write the
    folder can write another manifest too: a digest that was kept elsewhere tells that, and the
    folder that was read then, from which everything is derived again: flags, labels and pictures.

    Args:
        folder: the poisoned folder.
        digest: SHA-256 that the manifest must have, in hex.
        source: the folder that it was made from.
        workers: threads that derive.
        listener: told as files are looked at.

    Raises:
        SettingError: the digest is none.
        DataError: there is no manifest, it is damaged, a file cannot be read, or the settings that
            it names cannot be followed.
    """
    if digest is not None and not (len(digest) == 64 and set(digest) <= set("0123456789abcdef")):
        raise SettingError(f"a digest has 64 digits of 0-9 and a-f, got {digest[:80]!r}")
    manifest = read_manifest(usable_path(folder))
    total = sum(1 for _ in manifest.entries())  # and the manifest itself is whole
    found: dict[State, list[str]] = {"intact": [], "missing": [], "changed": []}
    for number, entry in enumerate(manifest.entries(), start=1):
        found[_state(folder, entry)].append(entry.path)
        if listener is not None and (number % EVERY == 0 or number == total):
            listener(Progress(number, total, "verifying"))
    known = {path for paths in found.values() for path in paths} | {MANIFEST}
    files, folders = _below(folder)
    classes = _class_folders(manifest)  # an empty one more, or less, would shift the labels
    deviations, unsure = None, list[str]()
    if source is not None:
        deviations, unsure = _deviations(manifest, source, workers, listener)
    return Verification(
        manifest.head,
        total,
        tuple(sorted({*found["missing"], *(classes - folders - _around(known))})),
        tuple(found["changed"]),
        tuple(sorted((files - known) | (folders - classes - _around(known | files)))),
        manifest.digest,
        digest,
        deviations,
        tuple(unsure),
    )


def _state(folder: Path, entry: Entry) -> State:
    path = folder / entry.path
    try:
        state = path.lstat()
        if not stat.S_ISREG(state.st_mode) or state.st_size != entry.size:
            return "changed"
        with regular_file(path, follow=False) as file:
            return "intact" if sha256_stream(file) == entry.sha256 else "changed"
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None


def _below(folder: Path) -> tuple[set[str], set[str]]:
    """Return every file or link below a folder, and every folder, relative to it."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be read: {error.strerror or error}") from None

    files, folders = set[str](), set[str]()
    for inner, names, others in os.walk(folder, onerror=refuse):
        here = Path(inner).relative_to(folder)
        links = {name for name in names if (Path(inner) / name).is_symlink()}
        files |= {(here / name).as_posix() for name in (*others, *links)}
        folders |= {(here / name).as_posix() for name in names if name not in links}
    return files, folders


def _around(paths: set[str]) -> set[str]:
    """Return the folders that paths lie in."""
    return {str(parent) for path in paths for parent in PurePosixPath(path).parents}


def _class_folders(manifest: Manifest) -> set[str]:
    """Return the folders of the training part's classes, also of those that became empty."""
    if manifest.head.layout in ("classes", "split"):
        rows = (one for one in manifest.entries() if isinstance(one, Picture))
        first = next((one.path for one in rows if one.row is not None), None)
        if first is not None:
            inside = PurePosixPath(first).parent.parent
            return {str(inside / name) for name in manifest.head.classes}
    return set()


def _deviations(
    manifest: Manifest, source: Path, workers: int, listener: Listener | None
) -> tuple[tuple[Deviation, ...], list[str]]:
    """Return what the source gives otherwise, and the pictures whose bytes tell nothing."""
    from badnets.data.on_disk.writing import remade

    head, entries = remade(source, manifest.head, workers=workers, listener=listener)
    said, derived = (_plain(one) for one in (manifest.head, head))
    same_versions = said.pop("versions") == derived.pop("versions")
    found, unsure = list[Deviation](), list[str]()
    if fields := _differing(said, derived):
        found.append(Deviation("", fields, f"the settings: {', '.join(fields)}"))
    left = {one.path: _plain(one) for one in entries}
    for entry in manifest.entries():
        own = left.pop(entry.path, None)
        if own is None:
            found.append(Deviation(entry.path, (), "the source does not give it"))
        elif fields := _differing(_plain(entry), own):
            if _BY_VERSION.issuperset(fields) and isinstance(entry, Picture) and not same_versions:
                unsure.append(entry.path)
            else:
                found.append(Deviation(entry.path, fields, f"other: {', '.join(fields)}"))
    found += [Deviation(path, (), "the manifest does not have it") for path in left]
    return tuple(found), unsure


def _plain(line: Head | Entry) -> dict[str, Any]:
    return line.model_dump(mode="json")


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in sorted({*one, *other}) if one.get(name) != other.get(name))
