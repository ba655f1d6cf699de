"""Digests of what lies at a path: of a file, or of a folder with all that is in it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from badnets.core.roots import from_data_root

State = tuple[tuple[str, int, int], ...]


def content_digest(path: str | Path) -> str:
    """Return the SHA-256 of a file, or of a folder's files with their names; "" where none is.

    A path that leads nowhere from the working folder is tried from the data root. What has not
    changed since it was last read (by size and time) is not read again.
    """
    place = from_data_root(path)
    try:
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        state = tuple(
            (str(file.relative_to(place)), status.st_size, status.st_mtime_ns)
            for file in files
            if file.is_file()
            for status in (file.stat(),)
        )
    except OSError:
        return ""
    return _digest(place, state) if state else ""


@lru_cache(maxsize=256)
def _digest(place: Path, state: State) -> str:
    whole = hashlib.sha256()
    for name, _, _ in state:
        try:
            with (place / name if name != "." else place).open("rb") as file:
                own = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return ""  # whoever reads the files for their content says what is wrong with them
        if name == ".":
            return own
        whole.update(f"{own}  {name}\n".encode())
    return whole.hexdigest()
