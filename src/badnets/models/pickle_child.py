"""Weights in others' pickles, read in a `Child`: tensors come of it, and nothing is called."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import safetensors.torch
import torch
from torch import Tensor

from badnets.core.child import Answer, excerpt
from badnets.core.errors import DataError, TrialError
from badnets.core.files import regular_file

WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights")
"""What programs keep a network's tensors under, beside what else a training needs."""

_MOST_TENSORS = 100_000
_MOST_NAME = 500
_DEEPEST = 3  # wrappers in one another
_SHARED = 4  # times the file: tensors may share their numbers
_SMALL = 2**24
_GLOBAL = re.compile(r"(?:GLOBAL|global|class|function) ([A-Za-z_][\w.]{0,80})")


class PickledFile:
    """Reads one pickle in a `Child` and gives its tensors as a safetensors file."""

    def __call__(self, request: dict[str, Any], content: bytearray) -> Answer:
        """Answer a request to ``read``.

        Raises:
            DataError: the file is refused.
        """
        match request:
            case {"do": "read", "path": str(path), "most": int(most)}:
                where, tensors = read_pickle(Path(path), most)
                return {"under": where}, safetensors.torch.save(tensors)
        raise TrialError(f"no such request: {request}")


def read_pickle(path: Path, most: int) -> tuple[list[str], dict[str, Tensor]]:
    """Return under which names the tensors were kept, and the tensors by name.

    Args:
        path: a file as ``torch.save`` writes it.
        most: bytes that it may have.

    Raises:
        DataError: it is no such file, holds other than tensors and plain values, or too much.
    """
    try:
        with regular_file(path, most) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that programs other than torch wrote
            size = file.seek(0, 2)
            _check_archive(file, path)
            file.seek(0)
            # weights_only: torch's own reader, which knows tensors and plain values alone
            read = torch.load(file, map_location="cpu", weights_only=True)  # noqa: TID251
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    except (MemoryError, DataError):
        raise
    except Exception as error:  # noqa: BLE001  whatever strangers' bytes make of a reader
        raise DataError(f"{path} is refused: {_reason(error)}") from None
    under, found = _unwrapped(read, path)
    taken = sum(tensor.numel() * tensor.element_size() for tensor in found.values())
    if taken > _SHARED * size + _SMALL:
        raise DataError(
            f"{path} is refused: its tensors would take {taken:,} bytes, it has {size:,}"
        )
    return under, {name: tensor.detach().contiguous().clone() for name, tensor in found.items()}


def _check_archive(file: BinaryIO, path: Path) -> None:
    """Refuse an archive that says to grow when it is unpacked: torch writes none."""
    file.seek(0)
    if not file.read(4).startswith(b"PK"):
        return
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                raise DataError(f"{path} is refused: it is compressed, which torch.save never does")


def _unwrapped(read: object, path: Path) -> tuple[list[str], dict[str, Tensor]]:
    """Return what holds the tensors, and under which names it was found."""
    under: list[str] = []
    for _ in range(_DEEPEST + 1):
        if not isinstance(read, Mapping):
            raise DataError(f"{path} holds a {type(read).__name__}: tensors by name are needed")
        tensors = {k: v for k, v in read.items() if isinstance(k, str) and isinstance(v, Tensor)}
        wrapper = next((one for one in WRAPPERS if isinstance(read.get(one), Mapping)), None)
        if wrapper is None or len(tensors) > 1:
            _check_tensors(tensors, path)
            return under, tensors
        under.append(wrapper)
        read = read[wrapper]
    raise DataError(f"{path} is refused: what holds its tensors lies too deep in others")


def _check_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    if not tensors:
        known = ", ".join(WRAPPERS)
        raise DataError(f"{path} holds no tensors by name, nor under one of {known}")
    if len(tensors) > _MOST_TENSORS or any(len(name) > _MOST_NAME for name in tensors):
        raise DataError(f"{path} is refused: too many tensors, or too long names")
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            raise DataError(
                f"{path}: tensor {excerpt(name)[:80]!r} is no plain one, but sparse or so"
            )


def _reason(error: Exception) -> str:
    """Return in a line why torch's reader refused a file."""
    text = str(error)
    if (named := _GLOBAL.search(text)) and "nsupported" in text:
        return (
            f"it names {named[1]}, which is code and no weights: it was not run. Keep the "
            "state_dict of the network alone in the file, where you trust it"
        )
    if named := re.search(r"Unsupported operand (\d+)", text):
        return (
            f"it has the instruction {named[1]}, which weights do not need: nothing in it was run"
        )
    if "allocate memory" in text:
        return "it takes too much memory"
    text = text.rpartition("Unpickler error:")[2]  # before it: advice on how to run it all the same
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = lines[0] if lines else type(error).__name__
    return f"no sound file of torch.save: {excerpt(said)[:150]}"
