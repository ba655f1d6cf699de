"""Bundles of trials: out of the workspace, and back into it where one has gone missing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from badnets.bundles import verify_bundle
from badnets.bundles.atomic import new_folder, write_bytes
from badnets.core.errors import OutputError

if TYPE_CHECKING:
    from badnets.trials.trial import Trial
    from badnets.trials.workspace import Workspace


def refuse_taken(path: Path) -> None:
    """Refuse a place that a bundle cannot be written to, before work is spent on it.

    Raises:
        OutputError: the name is taken, or the folder that it would be in is read-only.
    """
    if path.exists() or path.is_symlink():
        raise OutputError(f"{path} exists already: choose another name")
    parent = path.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise OutputError(f"cannot write {path}: {parent} is a file, not a folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write {path}: permission denied")


def copy_bundle(bundle: Path, path: Path) -> None:
    """Copy a bundle, whole or not at all, after checking every file of it.

    Raises:
        BundleError: it is damaged.
        OutputError: the name is taken, the folder is read-only, or the disk is full.
    """
    listed = verify_bundle(bundle)
    with new_folder(path) as folder:
        for name in (*listed.digests, "manifest.json"):
            write_bytes(folder / name, (bundle / name).read_bytes())
        verify_bundle(folder)


def restore_bundle(trial: Trial, workspace: Workspace, data_root: Path | None) -> Path:
    """Return where a trial's bundle is; one that has been deleted is trained again.

    Raises:
        BadnetsError: training failed.
    """
    path = workspace.bundle(trial)
    if not path.is_dir():
        from badnets.trials.running import run_trial

        for other in trial.requires():
            restore_bundle(other, workspace, data_root)
        run_trial(trial, workspace, data_root=data_root)
    return path
