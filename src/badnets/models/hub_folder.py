"""A folder as Hugging Face's hub lays it out, of transformers or timm: what it holds, checked.

Nothing in it is run or unpickled, and torch is not needed to read it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from badnets.bundles import BundleConfig, InputSpec, TensorInfo
from badnets.bundles.manifest import CLAIMS, CONFIG, MANIFEST, MODEL
from badnets.bundles.tensors import tensors_header
from badnets.core.errors import BundleError, SettingError
from badnets.core.files import read_file, regular_file
from badnets.models.hub_config import PREPROCESSOR, hub_config, read_object
from badnets.models.weights import MAX_BYTES, PICKLED, StartingWeights

INDEX = f"{MODEL}.index.json"
_KNOWN_BY = (CONFIG, MODEL, INDEX, PREPROCESSOR, "pytorch_model.bin")
_MOST_FILES = 1000
_COMMIT = re.compile(r"[A-Za-z0-9]{1,64}")


@dataclass(frozen=True)
class HubFolder:
    """What lies in a folder of the hub.

    Args:
        path: as it was given.
        config: what the network is, in the words of a bundle.
        weights: the safetensors files; none where only a pickle was found and that was allowed.
        tensors: tensor name -> dtype and shape, of all files.
        pickled: the pickle, where there is nothing else.
    """

    path: Path
    config: BundleConfig
    weights: tuple[Path, ...]
    tensors: Mapping[str, TensorInfo]
    pickled: Path | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of what the network is and of the content of all files of weights."""
        files = [StartingWeights.of(file).sha256 for file in self.weights]
        return hashlib.sha256(
            "\n".join([*files, self.config.model_dump_json()]).encode()
        ).hexdigest()


def is_hub_folder(path: Path | str) -> bool:
    """Return whether a path is a folder as the hub has them, and no bundle; nothing is read."""
    folder = Path(path)
    try:
        if not folder.is_dir() or any((folder / name).exists() for name in (MANIFEST, CLAIMS)):
            return False
        return _is_cache(folder) or any((folder / name).exists() for name in _KNOWN_BY)
    except (OSError, ValueError):  # too long a name, or a NUL in it: reading it says so
        return False


def read_hub_folder(
    path: Path | str, *, takes: InputSpec | None = None, pickled: bool = False
) -> HubFolder:
    """Return what is in a folder of transformers or timm, or in a cache of it.

    Args:
        path: the folder, a snapshot (a folder of links), or a cache's ``models--OWNER--NAME``.
        takes: the images that the network takes, where the folder is not to be asked.
        pickled: whether weights that are there as a pickle alone are let pass, unread.

    Raises:
        BundleError: it asks for code of its own to be run, holds no image classifier, has its
            weights as a pickle, or a file in it is missing or not sound.
    """
    path = Path(path)
    folder = _snapshot(path)
    if not (folder / CONFIG).exists():
        raise BundleError(
            f"{path} has no {CONFIG}, which says what network it is: make a bundle of the weights "
            "with `badnets import FILE --architecture NAME --classes N --out DIR`"
        )
    try:
        config = hub_config(folder, takes)
    except SettingError as error:
        raise BundleError(f"{path}: {error}") from None
    files, pickle = _weights(folder, path)
    if pickle is not None and not pickled:
        raise BundleError(
            f"{path} has its weights as a pickle alone ({pickle.name}), which may run code: "
            f"`badnets import {path} --out DIR` reads it in a limited process and makes a bundle"
        )
    return HubFolder(path, config, files, _tensors(files, path), pickle)


def _is_cache(path: Path) -> bool:
    return all((path / name).is_dir() for name in ("refs", "snapshots"))


def _snapshot(path: Path) -> Path:
    """Return the folder itself, or the snapshot that a cache's main branch points at."""
    if not _is_cache(path):
        return path
    if (path / "refs" / "main").exists():
        commit = read_file(path / "refs" / "main", 200, error=BundleError).decode(
            "ascii", "replace"
        )
        found = [path / "snapshots" / commit.strip()] if _COMMIT.fullmatch(commit.strip()) else []
    else:
        found = sorted((path / "snapshots").iterdir())
    if len(found) != 1 or not found[0].is_dir():
        raise BundleError(
            f"{path} is a cache without one snapshot that refs/main names: give the folder of the "
            "snapshot itself"
        )
    return found[0]


def _weights(folder: Path, path: Path) -> tuple[tuple[Path, ...], Path | None]:
    """Return the files of weights, else the one pickle."""
    if (folder / MODEL).exists():
        return (folder / MODEL,), None
    if (folder / INDEX).exists():
        listed = read_object(folder / INDEX).get("weight_map")
        names = sorted(set(map(str, listed.values()))) if isinstance(listed, dict) else []
        odd = [name for name in names if Path(name).name != name or not name.endswith("tensors")]
        if not 0 < len(names) <= _MOST_FILES or odd:
            raise BundleError(f"{folder / INDEX} must list safetensors files beside it")
        return tuple(folder / name for name in names), None
    found = sorted(one for one in folder.iterdir() if one.suffix == ".safetensors")
    if len(found) == 1:
        return (found[0],), None
    pickles = sorted(one for one in folder.iterdir() if one.suffix.lower() in PICKLED)
    known = [one for one in pickles if one.name == "pytorch_model.bin"] or pickles
    if found or len(known) != 1:
        what = "several files" if found or known else "no file"
        raise BundleError(f"{path} has {what} of weights: one called {MODEL} is needed")
    return (), known[0]


def _tensors(files: Sequence[Path], path: Path) -> dict[str, TensorInfo]:
    """Return what the files hold, from their checked headers."""
    found: dict[str, TensorInfo] = {}
    left = MAX_BYTES
    for file in files:
        try:
            with regular_file(file, left, error=BundleError) as opened:
                size = os.fstat(opened.fileno()).st_size
                header = tensors_header(opened, size, str(file))
        except OSError as error:
            raise BundleError(f"{file} cannot be read: {error.strerror or error}") from None
        left -= size
        if twice := found.keys() & header.tensors:
            raise BundleError(f"{path} has the tensor {min(twice)[:80]!r} in two files")
        found |= header.tensors
    return found
