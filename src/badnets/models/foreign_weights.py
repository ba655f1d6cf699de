"""Tensors in a file that others wrote: safetensors, or a pickle, which a limited process reads."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from torch import Tensor

from badnets.bundles.tensors import tensors_header
from badnets.core.child import Child, ChildError, excerpt
from badnets.core.errors import BundleError, DataError, SettingError
from badnets.models.weights import MAX_BYTES, StartingWeights, is_pickled

MOST_PICKLED = 2**31
"""Bytes of a pickle that is read."""

_MEMORY = 2**29  # bytes, beside the libraries and the tensors
_COPIES = 6  # of the file, at a time: read, shared tensors copied, written
_READING_S, _BYTES_PER_S = 15.0, 2e7


class ForeignWeights(NamedTuple):
    """What a file holds.

    Attributes:
        tensors: by name, floats as float32.
        source: how it was read, in words.
    """

    tensors: dict[str, Tensor]
    source: str


def read_weights(path: Path | str) -> ForeignWeights:
    """Return the tensors in a safetensors file, or in a pickle as ``torch.save`` writes it.

    A pickle is read in a process with limits on memory and time, without network and without the
    right to write files, by torch's reader that knows tensors and plain values alone.

    Raises:
        DataError: it cannot be read, is refused, or takes more than the limits allow.
        BundleError: it is no sound safetensors file.
    """
    file = Path(path).expanduser()
    if not is_pickled(file):
        return ForeignWeights(float32(StartingWeights.of(file).read()), "safetensors")
    try:
        size = file.stat().st_size
    except OSError as error:
        raise DataError(f"the weights {file} cannot be read: {error.strerror or error}") from None
    if not file.is_file() or size > MOST_PICKLED:
        raise DataError(f"{file} is no file, or larger than the {MOST_PICKLED} bytes that are read")
    child = Child("badnets.models.pickle_child:PickledFile", memory=_MEMORY + _COPIES * size)
    try:
        said, data = child.ask(
            {"do": "read", "path": str(file.absolute()), "most": MOST_PICKLED},
            seconds=_READING_S + size / _BYTES_PER_S,
            most=min(MAX_BYTES, 5 * size + 2**25),
        )
    except ChildError as error:
        raise DataError(f"{file} is refused: {error}") from None
    finally:
        child.close()
    tensors_header(io.BytesIO(data), len(data), str(file))
    under = [excerpt(str(one)) for one in said.get("under", [])]
    source = "a pickle" + (f", under {'.'.join(under)}" if under else "")
    return ForeignWeights(float32(safetensors.torch.load(bytes(data))), source)


def float32(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors with floats of all kinds as float32."""
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in tensors.items()
    }


def check_kinds(wanted: Mapping[str, torch.dtype], given: Mapping[str, Tensor]) -> None:
    """Refuse whole numbers in the place of floats, as where weights were quantised.

    Raises:
        SettingError: names the first.
    """
    for name, tensor in given.items():
        if name in wanted and wanted[name].is_floating_point != tensor.is_floating_point():
            raise SettingError(f"tensor {name!r} is {tensor.dtype}, {wanted[name]} is needed")


def check_finite(tensors: Mapping[str, Tensor], what: object) -> None:
    """Refuse tensors that hold NaN or infinity.

    Raises:
        BundleError: names the first.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise BundleError(f"{what}: tensor {name!r} holds NaN or infinite values")
