"""Copies of bundles, and places that they can be written to."""

from __future__ import annotations

import os
from pathlib import Path

from badnets.bundles.atomic import new_folder, reason_of, write_bytes
from badnets.bundles.folder import verify
from badnets.core.errors import OutputError, TakenError


def check_place(path: Path | None) -> None:
    """Refuse a place that nothing can be written to, before work is spent on it.

    Raises:
        TakenError: the name is taken, too long, or lies in a file.
        OutputError: the folder that it would be in is read-only.
    """
    if path is None:
        return
    try:
        taken = path.is_symlink() or path.exists()
    except (OSError, ValueError) as error:
        raise TakenError(f"cannot write {path}: {reason_of(error)}") from None
    if taken:
        raise TakenError(f"{path} exists already: choose another name")
    parent = path.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise TakenError(f"cannot write {path}: {parent} is a file, not a folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write {path}: permission denied")


def copy_bundle(bundle: Path, path: Path) -> None:
    """Copy a bundle, whole or not at all, after checking every file of it.

    Raises:
        BundleError: it is damaged.
        OutputError: the name is taken, the folder is read-only, or the disk is full.
    """
    listed = verify(bundle)
    with new_folder(path) as folder:
        for name in (*listed.digests, "manifest.json"):
            write_bytes(folder / name, (bundle / name).read_bytes())
        verify(folder)
