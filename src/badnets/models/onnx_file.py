"""ONNX files, read with the distrust that others' files deserve: nothing in one is ever code."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated

import onnx
from google.protobuf.message import DecodeError, Message
from onnx import TensorProto
from pydantic import Field

from badnets.bundles.config import Side
from badnets.bundles.schema import BundleFile, Digest, Format, Line
from badnets.core.errors import BundleError

SUFFIX = ".onnx"
MAX_BYTES = 2**30
"""The most that a file may hold, with the weights that it keeps in other files."""

PROPERTY = "badnets"  # the metadata property that `OnnxCard` is kept under, as JSON
_OWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
_ENDLESS = ("Loop", "Scan")  # may run for ever; a network that only looks at images needs neither
_EXCERPT = 200  # characters of another library's message


class OnnxCard(BundleFile):
    """What an exported file says of itself.

    Args:
        format: version of this description.
        architecture: the network by name.
        classes: names of its classes, in the order of its outputs.
        shape: of one image, ``(C, H, W)``; images are float in [0, 1].
        bundle: SHA-256 of the manifest of the bundle that it was made from.
    """

    format: Format = 1
    architecture: Line
    classes: Annotated[tuple[Line, ...], Field(min_length=2, max_length=25_000)]
    shape: tuple[Annotated[int, Field(ge=1, le=64)], Side, Side]
    bundle: Digest | None = None


def is_onnx(path: Path | str) -> bool:
    """Return whether a path is that of an ONNX file, by its name; a folder never is."""
    path = Path(path)
    return path.suffix.lower() == SUFFIX and not path.is_dir()


def read_onnx(path: Path) -> onnx.ModelProto:
    """Return the model in a file, with all of its weights, checked.

    Weights that it keeps in other files are taken in; they must lie in its folder or below.

    Raises:
        BundleError: missing, not ONNX, too large, not well formed, with operators of others, with
            loops, or with weights elsewhere.
    """
    data = _read(path, MAX_BYTES)
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError, TypeError) as error:
        raise BundleError(f"{path} is not an ONNX file: {_first_line(error)}") from None
    if not model.graph.node:
        raise BundleError(f"{path} is not an ONNX file: it holds no graph")
    model.ClearField("training_info")  # how it may be trained further: never run
    _refuse_foreign_operators(model, path)
    _take_in_weights(model, path, MAX_BYTES - len(data))
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} is not well formed: {_first_line(error)}") from None
    return model


def card_of(model: onnx.ModelProto, what: str) -> OnnxCard | None:
    """Return what the file says of itself; None where it says nothing that we know.

    Args:
        model: as checked: each property is there once.
        what: what to call the file in an error.

    Raises:
        BundleError: the description is not sound.
    """
    properties = {one.key: one.value for one in model.metadata_props}
    if PROPERTY not in properties:
        return None
    card = OnnxCard.from_json(
        properties[PROPERTY].encode(), f"{what}: metadata property {PROPERTY!r}"
    )
    if len(set(card.classes)) != len(card.classes):
        raise BundleError(f"{what}: class names must differ from one another")
    return card


def _read(path: Path, most: int, owner: Path | None = None) -> bytes:
    """Return a file, whole; ``owner`` is the one whose weights it holds."""
    what = str(path) if owner is None else f"{path}, weights of {owner.name}"
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BundleError(f"cannot read {what}: not a regular file")
            if status.st_size > most:
                raise BundleError(_too_large(what))
            return file.read(most)
    except OSError as error:
        raise BundleError(f"cannot read {what}: {error.strerror or error}") from None


def _too_large(what: object) -> str:
    return f"{what} is too large: at most {MAX_BYTES // 2**20} MiB are read, with all weights"


def _without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe would wait for a writer


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:_EXCERPT]


def _inside(message: Message) -> Iterator[Message]:
    """Give every part of a model, at whatever depth: operators, their attributes, tensors."""
    left = [message]
    while left:
        part = left.pop()
        yield part
        for field, value in part.ListFields():
            if field.message_type is not None:
                left += [value] if isinstance(value, Message) else value


def _refuse_foreign_operators(model: onnx.ModelProto, path: Path) -> None:
    own = {(function.domain, function.name) for function in model.functions}
    for node in _inside(model):
        if not isinstance(node, onnx.NodeProto) or (node.domain, node.op_type) in own:
            continue
        if node.domain not in _OWN_DOMAINS:
            raise BundleError(
                f"{path} uses the operator {node.op_type[:60]!r} of {node.domain[:60]!r}: only "
                "ONNX's own operators are run"
            )
        if node.op_type in _ENDLESS:
            raise BundleError(
                f"{path} uses the operator {node.op_type!r}: only classifiers without loops are run"
            )


def _take_in_weights(model: onnx.ModelProto, path: Path, most: int) -> None:
    """Put weights that are kept in other files into the model itself, ``most`` bytes of them."""
    files: dict[Path, bytes] = {}
    for tensor in _inside(model):
        if not isinstance(tensor, TensorProto) or tensor.data_location != TensorProto.EXTERNAL:
            continue
        named = {entry.key: entry.value for entry in tensor.external_data}
        beside = _beside(path, named.get("location", ""))
        if beside not in files:
            left = most - sum(map(len, files.values()))
            files[beside] = _read(beside, left, path)
        data = files[beside]
        start, length = _whole(path, named, "offset") or 0, _whole(path, named, "length")
        end = len(data) if length is None else start + length
        if not start <= end <= len(data):
            raise BundleError(f"{path}: {beside.name} is too short for tensor {tensor.name[:80]!r}")
        most -= end - start
        if most < 0:  # tensors that share their bytes
            raise BundleError(_too_large(path))
        tensor.raw_data = data[start:end]
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")


def _beside(path: Path, location: str) -> Path:
    """Return the file that weights are kept in, if it lies in the folder of ``path`` or below."""
    parts = PurePosixPath(location)
    odd = not location or "\\" in location or ":" in location or not location.isprintable()
    if odd or parts.is_absolute() or ".." in parts.parts:
        raise BundleError(
            f"{path} keeps weights in {location[:100]!r}: they must lie in the folder of the file"
        )
    beside = path.parent / parts
    try:
        inside = beside.resolve().is_relative_to(path.parent.resolve())
    except (OSError, RuntimeError):  # links in a circle
        inside = False
    if not inside:
        raise BundleError(f"{path} keeps weights outside its folder, behind a link: {location!r}")
    return beside


def _whole(path: Path, named: dict[str, str], key: str) -> int | None:
    text = named.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise BundleError(f"{path}: {key} of weights must be a whole number, got {text[:40]!r}")
    return int(text)
