"""ONNX files, read and run with the distrust that others' files deserve, in a `Child`.

Nothing in a file is ever code, but its operators may take all the memory and time there is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import onnx
import onnx.inliner
import onnxruntime
from google.protobuf.message import DecodeError, Message
from numpy.typing import NDArray
from onnx import TensorProto
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

from badnets.core.child import Answer, allow, excerpt
from badnets.core.errors import BundleError, TrialError
from badnets.models.onnx_file import MOST_CLASSES, PROPERTY

MAX_BYTES = 2**30
"""The most that a file may hold, with the weights that it keeps in other files."""

MAX_OPERATORS = 50_000
"""The most that a network may have, once its functions are written out."""

_MAX_FUNCTIONS = 500  # that are called, at whatever depth
_COPIES = 4  # of its weights, at a time: as read, as checked, as handed over, as run
_OWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
_RESERVED = ("ai.onnx", "com.microsoft", "com.ms", "org.pytorch")  # and what they begin
_ENDLESS = ("Loop", "Scan")  # may run for ever; a network that only looks at images needs neither
_EXCERPT = 200  # characters of another library's message
_QUIET = 4  # onnxruntime's log: fatal errors only; all others come as exceptions
_NUMBERS = "tensor(float)"
_REFUSED = (
    runtime_errors.EPFail,
    runtime_errors.Fail,
    runtime_errors.InvalidArgument,
    runtime_errors.InvalidGraph,
    runtime_errors.InvalidProtobuf,
    runtime_errors.NotImplemented,
    runtime_errors.RuntimeException,
    RuntimeError,
    ValueError,
)
Key = tuple[str, str, str]  # of a function: domain, name, overload


class OnnxFile:
    """Serves one ONNX file in a `Child`: it is read, then opened, then run."""

    def __init__(self) -> None:
        self._model = onnx.ModelProto()
        self._session: Any = None

    def __call__(self, request: dict[str, Any], content: bytearray) -> Answer:
        """Answer a request to ``read``, ``open`` or ``run``.

        Raises:
            BundleError: the file is refused.
            TrialError: it cannot be run.
        """
        match request:
            case {"do": "read", "path": str(path)}:
                self._model = read_onnx(Path(path), bytes(content))
                return {"bytes": self._model.ByteSize(), "card": _property(self._model, path)}, b""
            case {"do": "open", "what": str(what), "threads": int(threads)}:
                self._session = _session(self._model, what, threads)
                del self._model
                return _ends(self._session, what), b""
            case {"do": "run", "shape": list(shape), "classes": classes}:
                images = np.frombuffer(content, dtype=np.float32).reshape(shape)
                answers = _run(self._session, images, classes)
                return {"shape": answers.shape}, answers.data.cast("B")
        raise TrialError(f"no such request: {request}")


def read_onnx(path: Path, data: bytes = b"") -> onnx.ModelProto:
    """Return the model in a file, with all of its weights and no functions, checked.

    Weights that it keeps in other files are taken in; they must lie in its folder or below.

    Args:
        path: the file.
        data: what it holds, where that is known.

    Raises:
        BundleError: missing, not ONNX, too large, not well formed, with operators of others, with
            loops, with more operators than `MAX_OPERATORS`, or with weights elsewhere.
    """
    data = data or _read(path, MAX_BYTES)
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError, TypeError) as error:
        raise BundleError(f"{path} is not an ONNX file: {_first_line(error)}") from None
    if not model.graph.node:
        raise BundleError(f"{path} is not an ONNX file: it holds no graph")
    model.ClearField("training_info")  # how it may be trained further: never run
    try:
        model = _without_functions(model, path)
        _refuse_foreign_operators(model, path)
        _take_in_weights(model, path, MAX_BYTES - len(data))
        onnx.checker.check_model(model)
    except UnicodeDecodeError:
        raise BundleError(f"{path} is not well formed: a name in it is not UTF-8") from None
    except (onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"{path} is not well formed: {_first_line(error)}") from None
    return model


def _property(model: onnx.ModelProto, path: str) -> str | None:
    """Return what the file says of itself, as it says it."""
    said = {one.key: one.value for one in model.metadata_props}.get(PROPERTY)
    if isinstance(said, bytes):  # so protobuf gives what is not UTF-8
        raise BundleError(f"{path}: metadata property {PROPERTY!r} is not UTF-8")
    return said


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
            allow(_COPIES * status.st_size)
            return file.read(status.st_size)
    except OSError as error:
        raise BundleError(f"cannot read {what}: {error.strerror or error}") from None


def _too_large(what: object) -> str:
    return f"{what} is too large: at most {MAX_BYTES // 2**20} MiB are read, with all weights"


def _without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe would wait for a writer


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return excerpt(lines[0])[:_EXCERPT] if lines else type(error).__name__


def _inside(message: Message) -> Iterator[Message]:
    """Give every part of a model, at whatever depth: operators, their attributes, tensors."""
    left = [message]
    while left:
        part = left.pop()
        yield part
        for field, value in part.ListFields():
            if field.message_type is not None:
                left += [value] if isinstance(value, Message) else value


def _operators(message: Message) -> Iterator[onnx.NodeProto]:
    return (part for part in _inside(message) if isinstance(part, onnx.NodeProto))


def _without_functions(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    """Return a model with its functions written out where they are called, if they are few."""
    functions: dict[Key, onnx.FunctionProto] = {}
    for one in model.functions:
        if not one.domain or f"{one.domain}.".startswith(tuple(f"{own}." for own in _RESERVED)):
            raise BundleError(
                f"{path} defines {one.name[:60]!r} of {one.domain[:60]!r} itself: that domain "
                "is not its own"
            )
        if functions.setdefault((one.domain, one.name, one.overload), one) is not one:
            raise BundleError(f"{path} defines {one.name[:60]!r} twice")
    if _written_out(model.graph, functions, {}, path) > MAX_OPERATORS:
        raise BundleError(
            f"{path} has too many operators: at most {MAX_OPERATORS:,} are run, its functions "
            "written out"
        )
    if functions:
        model = onnx.inliner.inline_local_functions(model)
        model.ClearField("functions")  # what is left is called nowhere, or refused there
    return model


def _written_out(
    part: Message, functions: dict[Key, onnx.FunctionProto], known: dict[Key, int], path: Path
) -> int:
    """Return how many operators a graph or function has when those that it calls are written out.

    Args:
        part: the graph or function.
        functions: all there are.
        known: counts of functions; -1 while one is being counted.
        path: of the file, for the error.
    """
    count = 0
    for node in _operators(part):
        key = node.domain, node.op_type, node.overload
        count += 1
        if key in functions:
            if key not in known:
                known[key] = -1
                known[key] = _written_out(functions[key], functions, known, path)
            if known[key] < 0 or len(known) > _MAX_FUNCTIONS:
                raise BundleError(f"{path} has functions that call themselves, or too many")
            count += known[key]
    return count


def _refuse_foreign_operators(model: onnx.ModelProto, path: Path) -> None:
    for node in _operators(model):
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


def _session(model: onnx.ModelProto, what: str, threads: int) -> Any:
    onnxruntime.set_default_logger_severity(_QUIET)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except _REFUSED as error:
        raise BundleError(f"onnxruntime refuses {what}: {_reason(error)}") from None


def _ends(session: Any, what: str) -> dict[str, Any]:
    """Return names, types and shapes of what a network takes and gives."""

    def described(ends: Iterable[Any]) -> list[dict[str, Any]]:
        return [{"name": one.name, "type": one.type, "shape": one.shape} for one in ends]

    try:
        inputs, outputs = described(session.get_inputs()), described(session.get_outputs())
    except UnicodeDecodeError:
        raise BundleError(f"{what} is not well formed: a name in it is not UTF-8") from None
    return {"takes": inputs, "gives": outputs}


def _run(session: Any, images: NDArray[np.float32], classes: int | None) -> NDArray[np.float32]:
    """Return ``(N, K)`` answers; ``classes`` is K where it is known."""
    try:
        answers: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: images})[0]
    except _REFUSED as error:
        raise TrialError(_reason(error)) from None
    if (
        answers.ndim != 2
        or len(answers) != len(images)
        or (classes or answers.shape[1]) != answers.shape[1]
    ):
        raise TrialError(
            f"it answers {len(images)} images with {answers.shape}: logits (N, {classes or 'K'}) "
            "were expected"
        )
    if answers.shape[1] > MOST_CLASSES:
        raise TrialError(f"it has {answers.shape[1]} classes: at most {MOST_CLASSES} are read")
    return np.ascontiguousarray(answers)


def _reason(error: Exception) -> str:
    text = excerpt(str(error))
    if "Failed to allocate" in text or "bad_alloc" in text:
        return "it takes too much memory"
    return text[:300] or type(error).__name__
