"""Starting weights from a local safetensors file, matched to a network by name and shape."""

from __future__ import annotations

import io
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from badnets.bundles.digests import sha256_bytes, sha256_file
from badnets.bundles.tensors import tensors_header
from badnets.core.errors import DataError, SettingError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from badnets.models.network_subject import WholeNetwork

MAX_BYTES = 2**33
LISTED = 4  # names of tensors in a message
PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
Kind = TypeVar("Kind", bound="WholeNetwork")
_PARALLEL = "module."  # what torch's DataParallel puts before every name
_CONVERT = (
    "badnets opens no pickle as starting weights, as it may run code: convert it with "
    "`badnets import {name} --architecture NETWORK --classes K --input-size N --out {target}`, "
    "which reads it in a limited process (K: how many classes the file knows); then give "
    "{target}/model.safetensors"
)


@dataclass(frozen=True)
class StartingWeights:
    """A file of weights that training starts from; the same content is the same weights.

    Args:
        sha256: of the file, in hex.
        path: where it lies; no part of what the weights are. Empty where it is not known.
    """

    sha256: str
    path: str = field(default="", compare=False)
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if len(self.sha256) != 64 or not set(self.sha256) <= set("0123456789abcdef"):
            raise SettingError(f"sha256 must have 64 hex digits, got {self.sha256!r}")

    @classmethod
    def of(cls, path: Path | str) -> StartingWeights:
        """Return the weights in a safetensors file, as it is now.

        Raises:
            DataError: the file cannot be read, or is a pickle; says how to convert it.
            BundleError: it is not a sound safetensors file.
        """
        file = Path(path).expanduser().absolute()
        _shapes(file)
        status = file.stat()
        return cls(_digest(file, status.st_size, status.st_mtime_ns), str(file))

    def without_path(self) -> StartingWeights:
        """Return the same weights, without saying where they lie."""
        return StartingWeights(self.sha256)

    def names(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each tensor in the file, by name; no tensor is read.

        Raises:
            DataError, BundleError: as for `of`.
        """
        return _shapes(self._file())

    def read(self) -> dict[str, Tensor]:
        """Return the tensors.

        Raises:
            DataError: the file is gone, or is no longer the one that was described.
            BundleError: it is not a sound safetensors file.
        """
        import safetensors.torch

        file = self._file()
        _shapes(file)
        with _readable(file):
            data = file.read_bytes()
        if sha256_bytes(data) != self.sha256:
            raise DataError(f"the weights {file} are not those that were asked for: they changed")
        tensors_header(io.BytesIO(data), len(data), str(file))
        tensors: dict[str, Tensor] = safetensors.torch.load(data)
        return tensors

    def _file(self) -> Path:
        if not self.path:
            raise DataError(
                f"the file of the starting weights {self.sha256[:16]} is not known here: name it "
                "with weights, and its content will be compared"
            )
        return Path(self.path)


class Match(NamedTuple):
    """Which tensors of a network a file of weights has.

    Attributes:
        matched: names of the network's tensors that the file has, in the same shape.
        missing: names of the network's tensors that it has not.
        other_shape: names of those that it has in another shape: the head, where the number of
            classes differs.
        unexpected: names in the file that the network has not.
    """

    matched: tuple[str, ...]
    missing: tuple[str, ...]
    other_shape: tuple[str, ...]
    unexpected: tuple[str, ...]

    def __str__(self) -> str:
        """Return it in words, for people."""
        total = len(self.matched) + len(self.missing) + len(self.other_shape)
        left = {
            "of another shape": self.other_shape,
            "missing": self.missing,
            "unexpected": self.unexpected,
        }
        rest = [f"{what}: {some_of(names)}" for what, names in left.items() if names]
        return "; ".join([f"{len(self.matched)} of {total} tensors matched", *rest])


def match(network: nn.Module, weights: StartingWeights) -> Match:
    """Return what of a network the weights have; their tensors are not read.

    Args:
        network: also one whose tensors are on the device ``meta``.
        weights: the file.

    Raises:
        SettingError: they have none of its parameters in its shape.
        DataError, BundleError: the file cannot be read.
    """
    shapes = weights.names()
    theirs, own = _their_names(network, shapes), network.state_dict()
    same = {name for name in theirs if tuple(own[name].shape) == shapes[theirs[name]]}
    if not same & {name for name, _ in network.named_parameters()}:
        raise SettingError(
            f"no weight in {weights.path} has the name and shape of one in the network: it has "
            f"{some_of(tuple(own))}, the file {some_of(tuple(shapes))}"
        )
    return Match(
        matched=tuple(name for name in own if name in same),
        missing=tuple(name for name in own if name not in theirs),
        other_shape=tuple(name for name in own if name in theirs and name not in same),
        unexpected=tuple(sorted(shapes.keys() - theirs.values())),
    )


def with_weights(subject: Kind, weights: StartingWeights) -> tuple[Kind, Match]:
    """Return a copy of the subject that has the weights wherever they match, and where they do.

    A tensor is taken if the network has one of its name and shape; all others stay as they are, so
    a head for another number of classes stays untrained. A name may begin with ``module.`` (left
    by `torch.nn.DataParallel`).

    Args:
        subject: untrained; left as it is.
        weights: the file.

    Raises:
        SettingError: nothing matches.
        DataError: the file is gone, changed, or holds NaN or infinity.
        BundleError: it is not a sound safetensors file.
    """
    import torch

    tensors = weights.read()
    matches = match(subject.network, weights)
    theirs = _their_names(subject.network, tensors)
    begun = subject.copy()
    own = begun.network.state_dict()
    for name in matches.matched:
        tensor = tensors[theirs[name]]
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise DataError(f"{weights.path}: tensor {name!r} holds NaN or infinite values")
        own[name].copy_(tensor)
    return begun, matches


def _their_names(network: nn.Module, given: Collection[str]) -> dict[str, str]:
    """Return the network's names -> the file's, for the tensors that both have."""
    from badnets.models.libraries import GreyToColour

    inner = ""
    if isinstance(next(network.children(), None), GreyToColour):
        inner = "network."  # ours around a library's, whose files do not know it
    names: dict[str, str] = {}
    for own in network.state_dict():
        plain = own.removeprefix(inner)
        for name in (own, plain, _PARALLEL + plain):
            if name in given:
                names[own] = name
                break
    return names


@lru_cache(maxsize=16)
def _digest(file: Path, _size: int, _changed_ns: int) -> str:
    """Return the digest of a file; that of a file that has not changed is not computed again."""
    return sha256_file(file)


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors in a file by name, from its checked header."""
    pickle = DataError(
        f"{file} is not a safetensors file: "
        + _CONVERT.format(name=quote(file.name), target=quote(file.stem or "net"))
    )
    if is_pickled(file):
        raise pickle
    with _readable(file):
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"the weights {file} are not a file")
        with file.open("rb") as opened:
            if status.st_size > MAX_BYTES:
                raise DataError(f"{file} is larger than the {MAX_BYTES} bytes that are read")
            header = tensors_header(opened, status.st_size, str(file))
    return {name: info.shape for name, info in header.tensors.items()}


def is_pickled(file: Path) -> bool:
    """Return whether a file is a pickle, or an archive that holds one, by name or first bytes."""
    if file.suffix.lower() in PICKLED:
        return True
    with _readable(file):
        if not stat.S_ISREG(file.stat().st_mode):
            return False
        with file.open("rb") as opened:
            return opened.read(4).startswith(_PICKLE_STARTS)


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"the weights {file} cannot be read: {error.strerror or error}") from None


def some_of(names: tuple[str, ...]) -> str:
    """Return names of tensors as a message lists them: the first few."""
    listed = ", ".join(name[:80] for name in names[:LISTED])
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return (listed + more) or "nothing"
