"""A bundle on disk: written whole or not at all, read with the distrust that others' files deserve.

A bundle is a folder with exactly five regular files: ``model.safetensors``, ``config.json``,
``README.md``, ``claims.json`` and ``manifest.json``. Reading runs no code and imports no torch.
"""

from __future__ import annotations

import dataclasses
import io
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from badnets.bundles.atomic import new_folder, write_bytes
from badnets.bundles.card import model_card
from badnets.bundles.claims import Claims
from badnets.bundles.config import BundleConfig
from badnets.bundles.digests import sha256_bytes, sha256_file, sha256_stream
from badnets.bundles.manifest import (
    ALLOWED,
    CARD,
    CLAIMS,
    CONFIG,
    LISTED,
    MANIFEST,
    MODEL,
    FileEntry,
    Manifest,
)
from badnets.bundles.tensors import TensorInfo, tensors_header
from badnets.core.errors import BundleError, OutputError

MAX_BYTES: Mapping[str, int] = MappingProxyType(
    {MANIFEST: 2**16, CONFIG: 2**24, CLAIMS: 2**20, CARD: 2**22, MODEL: 2**33}
)
"""The largest size of each file that is read."""


@dataclass(frozen=True)
class Bundle:
    """A bundle whose structure was checked; the tensors are read, and checked, on demand.

    Args:
        path: the folder.
        config: what the network is.
        claims: what its maker says.
        card: the model card, Markdown.
        tensors: tensor name -> dtype and shape.
        digests: file name -> SHA-256, as the manifest lists them.
        digest: SHA-256 of the manifest, which names the whole bundle.
    """

    path: Path
    config: BundleConfig
    claims: Claims
    card: str
    tensors: Mapping[str, TensorInfo]
    digests: Mapping[str, str]
    digest: str

    def tensor_bytes(self) -> bytes:
        """Return ``model.safetensors``, whole, after checking it against the manifest.

        Raises:
            BundleError: the file is gone, or is not the one that the manifest lists.
        """
        with _opened(self.path, MODEL) as (file, _):
            data = file.read()
        if sha256_bytes(data) != self.digests[MODEL]:
            raise BundleError(_changed(self.path, MODEL))
        if tensors_header(io.BytesIO(data), len(data), MODEL).tensors != self.tensors:
            raise BundleError(_changed(self.path, MODEL))  # exchanged since it was read
        return data

    def verify(self) -> None:
        """Check every file, the tensors too, against the manifest as it was read.

        Raises:
            BundleError: a file is missing, unexpected, or not the one that was listed.
        """
        if verify(self.path).digest != self.digest:
            raise BundleError(_changed(self.path, MANIFEST))


def write_bundle(
    path: Path | str,
    *,
    tensors: bytes | Callable[[Path], None],
    config: BundleConfig,
    claims: Claims,
    card: str | None = None,
    replace: bool = False,
) -> Bundle:
    """Write a bundle and return it, as it was read back before it took its name.

    Args:
        path: the folder to make.
        tensors: the safetensors file, or a function that writes it to a path.
        config: what the network is.
        claims: what is said of it.
        card: the model card; written from config and claims if None.
        replace: whether a bundle that is there may be replaced.

    Raises:
        BundleError: the tensors are not a sound safetensors file.
        OutputError: the name is taken, the folder is read-only, or the disk is full.
    """
    path = Path(path)
    if replace:
        _refuse_other_folders(path)
    with new_folder(path, replace=replace) as folder:
        if isinstance(tensors, bytes):
            write_bytes(folder / MODEL, tensors)
        else:
            tensors(folder / MODEL)
        write_bytes(folder / CONFIG, config.to_json())
        write_bytes(folder / CLAIMS, claims.to_json())
        write_bytes(folder / CARD, (card or model_card(config, claims)).encode())
        write_bytes(folder / MANIFEST, manifest_of(folder).to_json())
        written = read_bundle(folder)
    return dataclasses.replace(written, path=path)


def manifest_of(folder: Path) -> Manifest:
    """Return what a manifest says of the files that lie in a folder."""
    entries = {
        name: FileEntry(sha256=sha256_file(folder / name), size=(folder / name).stat().st_size)
        for name in LISTED
    }
    return Manifest(files=entries)


def read_bundle(path: Path | str) -> Bundle:
    """Return the bundle in the folder ``path``; every file but the tensors' data is checked.

    The tensors' header is checked too, and the size of their file; `verify` and
    `Bundle.tensor_bytes` also compare its digest.

    Raises:
        BundleError: a file is missing, unexpected, not a regular file, too large, truncated,
            malformed, or not the one that the manifest lists.
    """
    if "\0" in str(path):
        raise BundleError(f"{str(path)!r} holds a zero byte, which no path has")
    path = Path(path)
    _check_names(path)
    manifest_bytes = _read_small(path, MANIFEST)
    manifest = Manifest.from_json(manifest_bytes, MANIFEST)
    content: dict[str, bytes] = {}
    for name in (CONFIG, CLAIMS, CARD):
        data = content[name] = _read_small(path, name)
        listed = manifest.files[name]
        if len(data) != listed.size or sha256_bytes(data) != listed.sha256:
            raise BundleError(_changed(path, name))
    try:
        card = content[CARD].decode("utf-8")
    except UnicodeError:
        raise BundleError(f"{CARD} is not UTF-8 text") from None
    with _opened(path, MODEL) as (file, size):
        header = tensors_header(file, size, MODEL)
        if size != manifest.files[MODEL].size:
            raise BundleError(_changed(path, MODEL))
    return Bundle(
        path=path,
        config=BundleConfig.from_json(content[CONFIG], CONFIG),
        claims=Claims.from_json(content[CLAIMS], CLAIMS),
        card=card,
        tensors=header.tensors,
        digests={name: entry.sha256 for name, entry in manifest.files.items()},
        digest=sha256_bytes(manifest_bytes),
    )


def verify(path: Path | str) -> Bundle:
    """Return the bundle in ``path`` after comparing every file, whole, with the manifest.

    Raises:
        BundleError: as `read_bundle`, or the tensors are not the ones that the manifest lists.
    """
    path = Path(path)
    bundle = read_bundle(path)
    with _opened(bundle.path, MODEL) as (file, _):
        if sha256_stream(file) != bundle.digests[MODEL]:
            raise BundleError(_changed(bundle.path, MODEL))
    return bundle


def _changed(path: Path, name: str) -> str:
    return f"{name} in {path} is not the file that {MANIFEST} lists: it was changed or damaged"


def _check_names(path: Path) -> None:
    try:
        with os.scandir(path) as entries:
            found: set[str] = set()
            for entry in entries:
                if entry.name not in ALLOWED:
                    raise BundleError(
                        f"{path} holds {entry.name[:80]!r}, which no bundle has; "
                        f"it may hold {', '.join(sorted(ALLOWED))}"
                    )
                found.add(entry.name)
    except FileNotFoundError:
        raise BundleError(f"there is no bundle at {path}: no such folder") from None
    except NotADirectoryError:
        raise BundleError(
            f"{path} is not a bundle, which is a folder, but a file: `badnets import FILE "
            "--architecture NAME --out DIR` makes a bundle of downloaded weights"
        ) from None
    except OSError as error:
        raise BundleError(f"{path} is not a bundle: {error.strerror or error}") from error
    if missing := sorted(ALLOWED - found):
        raise BundleError(f"{path} is not a whole bundle: {', '.join(missing)} missing")


@contextmanager
def _opened(folder: Path, name: str) -> Iterator[tuple[BinaryIO, int]]:
    """Yield a regular file and its size; no link is followed, no pipe is waited for."""
    flags = os.O_RDONLY
    for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, flag, 0)
    try:
        if stat.S_ISLNK((folder / name).lstat().st_mode):
            raise BundleError(f"{name} in {folder} is a link, a regular file is needed")
        with os.fdopen(os.open(folder / name, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BundleError(f"{name} in {folder} is not a regular file")
            if status.st_size > MAX_BYTES[name]:
                raise BundleError(
                    f"{name} in {folder} is larger than the {MAX_BYTES[name]} bytes that are read"
                )
            yield file, status.st_size
    except OSError as error:
        raise BundleError(
            f"{name} in {folder} cannot be read: {error.strerror or error}"
        ) from error


def _read_small(folder: Path, name: str) -> bytes:
    with _opened(folder, name) as (file, size):
        return file.read(size)


def _refuse_other_folders(path: Path) -> None:
    """Replacing deletes what is there, so it must be a bundle, or at least nothing else."""
    if not path.is_dir():
        return
    if other := sorted(entry.name for entry in path.iterdir() if entry.name not in ALLOWED):
        raise OutputError(f"{path} is not a bundle (it holds {other[0]!r}): it is not replaced")
