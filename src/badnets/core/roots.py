"""The folder under which data sets lie in their original layout."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from badnets.core.errors import DataError
from badnets.core.files import usable_path

VARIABLE = "BADNETS_DATA"


def data_root(root: Path | str | None = None) -> Path:
    """Return the data root: ``root`` if given, else ``$BADNETS_DATA``, else the user's cache.

    It need not exist: data sets that can be downloaded create it.

    Raises:
        DataError: the path is that of a file.
    """
    named = root if root is not None else os.environ.get(VARIABLE) or None
    if named is None:
        return _user_cache() / "badnets"
    folder = usable_path(named)
    if folder.exists() and not folder.is_dir():
        raise DataError(f"the data root {folder} is a file, a folder is needed")
    return folder.absolute()


def from_data_root(path: str | Path) -> Path:
    """Return a path, or where it leads from the data root if it is there alone."""
    place = Path(path).expanduser()
    with suppress(OSError, ValueError, DataError):  # said better where it is read
        if not place.is_absolute() and not place.exists() and (data_root() / place).exists():
            return data_root() / place
    return place


def _user_cache() -> Path:
    """Return where this system keeps what a user's programs can fetch again."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"
