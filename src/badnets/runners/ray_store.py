"""Bundles and arrays in an object store, where machines share no folder: S3 and the like.

It is laid out as a workspace is, so what a tool copies from there to a workspace is complete.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from badnets.bundles.atomic import new_folder
from badnets.bundles.digests import sha256_bytes
from badnets.core.errors import OutputError, SettingError, TrialError
from badnets.core.extras import named_extras
from badnets.trials.workspace import Workspace

if TYPE_CHECKING:
    from badnets.core.errors import BadnetsError
    from badnets.runners.worker import RunMany
    from badnets.trials.record import Record
    from badnets.trials.trial import Trial

_LAST = "manifest.json"  # of a bundle's files: where it is, the others are


@dataclass(frozen=True)
class BundleStore:
    """Where bundles and arrays are kept.

    Args:
        url: one that fsspec knows: ``s3://BUCKET/FOLDER``, ``gs://``, ``file:///FOLDER``. What a
            kind needs beside (``s3fs``, ``gcsfs``) is installed on every machine.
    """

    url: str

    @contextmanager
    def token(self) -> Iterator[str]:
        """Yield the path of an object that is there for the block.

        Raises:
            SettingError: nothing can be written there.
        """
        files, root = self._opened()
        path = f"{root}/token-{secrets.token_hex(8)}"
        try:
            files.makedirs(root, exist_ok=True)
            files.pipe_file(path, b"")
        except OSError as error:
            raise SettingError(f"{self.url} cannot be written: {_said(error)}") from None
        try:
            yield path
        finally:
            files.rm_file(path)

    def sees(self, path: str) -> bool:
        """Return whether an object is there, as this machine sees it."""
        return bool(self._opened()[0].exists(path))

    def has(self, trial: Trial) -> bool:
        """Return whether the bundle of a trial is there."""
        files, root = self._opened()
        return bool(files.exists(f"{root}/bundles/{trial.name}/{_LAST}"))

    def fetch(self, trial: Trial, workspace: Workspace) -> None:
        """Copy the bundle of a trial to a workspace that lacks it; its digests are checked there.

        Raises:
            TrialError: it cannot be read.
        """
        if workspace.bundle(trial).is_dir():
            return
        files, root = self._opened()
        folder = f"{root}/bundles/{trial.name}"
        try:
            found = [str(path) for path in files.find(folder)]
            if not found:
                raise FileNotFoundError("it is not there")
            with new_folder(workspace.bundle(trial)) as made:
                for path in found:
                    own = made / PurePosixPath(path).relative_to(PurePosixPath(folder))
                    own.parent.mkdir(parents=True, exist_ok=True)
                    files.get_file(path, str(own))
        except (OSError, ValueError) as error:
            raise TrialError(f"the bundle of {trial.name} in {self.url}: {_said(error)}") from None

    def put(self, trial: Trial, workspace: Workspace) -> None:
        """Copy a trial's bundle, where it has one, there, and move all arrays of a workspace.

        Raises:
            OutputError: it cannot be written.
        """
        bundle = workspace.bundle(trial)
        own = [path for path in sorted(bundle.rglob("*")) if path.is_file()]
        own.sort(key=lambda path: path.name == _LAST)
        files, root = self._opened()
        try:
            for path in [*workspace.arrays.glob("[!.]*"), *own]:
                there = f"{root}/{path.relative_to(workspace.root).as_posix()}"
                files.makedirs(there.rpartition("/")[0], exist_ok=True)
                files.put_file(str(path), there)
        except OSError as error:
            raise OutputError(f"{self.url} cannot be written: {_said(error)}") from None
        for path in workspace.arrays.glob("[!.]*"):
            path.unlink(missing_ok=True)

    def scratch(self) -> Workspace:
        """Return this process's own workspace, which bundles and arrays pass through."""
        digest = sha256_bytes(self.url.encode())[:12]
        return Workspace(Path(tempfile.mkdtemp(prefix=f"badnets-{digest}-")))

    def _opened(self) -> tuple[Any, str]:
        """Return fsspec's file system, and the path in it."""
        with named_extras():
            import fsspec  # type: ignore[import-untyped]
        try:
            files, root = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError, OSError) as error:
            raise SettingError(f"{self.url} cannot be opened: {_said(error)}") from None
        return files, str(root).rstrip("/")


def through(store: BundleStore, run_many: RunMany) -> RunMany:
    """Return what runs trials as another does, with what is required and made in a store."""

    def run(
        trials: Sequence[Trial], workspace: Workspace, *, data_root: Path | None = None
    ) -> list[Record | BadnetsError]:
        for other in (one for trial in trials for one in trial.requires()):
            store.fetch(other, workspace)
        found = run_many(trials, workspace, data_root=data_root)
        for trial in trials:
            store.put(trial, workspace)
        return found

    return run


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
