"""A classifier in an ONNX file: known by its answers alone, which onnxruntime computes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from badnets.bundles import InputSpec
from badnets.core.child import Child, ChildError
from badnets.core.errors import BundleError, TrialError
from badnets.models.answering import AnsweringSubject
from badnets.models.onnx_file import MOST_CLASSES, card_in

_MOST_VALUES = 2**25  # numbers in one batch, as the file declares it
_MEMORY = 5 * 2**28  # bytes, beside four times the weights and the libraries
_READING_S, _OPENING_S = 2.0, 4.0
_WEIGHTS_PER_S = 1e7  # bytes of weights that are worth a second more of each
_BATCH_S = 3.0
_VALUES_PER_S = 1e6  # numbers in a batch that are worth a second more
_SLACK = 10  # times as long as black images took
_NUMBERS = "tensor(float)"
Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, eq=False, kw_only=True)
class OnnxSubject(AnsweringSubject):
    """A classifier in an ONNX file; see `AnsweringSubject`.

    Args:
        run: from ``(B, C, H, W)`` float32 images in [0, 1] to ``(B, K)`` float32 logits.
        input: shape of the images; they are normalised inside the file.
        classes: names of the K classes.
        batch: images per call, where the file takes no other number; None: any.
        architecture: its name, where the file says one.
    """

    run: Run = field(repr=False)
    architecture: str = "onnx"

    def ask(self, pictures: Tensor) -> Tensor:
        """Return the logits of one batch.

        Raises:
            TrialError: onnxruntime failed on it, or took too long or too much memory.
        """
        try:
            return torch.from_numpy(self.run(pictures.numpy()))
        except TrialError as error:
            raise TrialError(f"onnxruntime could not run the network: {error}") from None


def load_onnx(path: Path | str, classes: Sequence[str] = ()) -> OnnxSubject:
    """Return the classifier in an ONNX file; it is run on the CPU, by as many threads as torch.

    The file is read and run in a process of its own, with limits on memory and time, that ends
    with the subject.

    Args:
        path: the file. Images are given to it as float in [0, 1]: it must normalise them inside,
            as those do that `badnets.models.onnx_export` writes.
        classes: names of its classes, where the file names none; they count only where there are
            as many as it has.

    Raises:
        BundleError: no sound ONNX file, or not of a classifier: see
            `badnets.models.onnx_child.read_onnx`; several inputs or outputs, images of no fixed
            size, channels last, another type than float, answers that are no ``(N, K)`` numbers; or
            it takes too long, or too much memory.
    """
    return as_subject(Path(path), classes=classes)


def as_subject(path: Path, data: bytes = b"", *, classes: Sequence[str] = ()) -> OnnxSubject:
    """Return what `load_onnx` returns of a file.

    Args:
        path: of the file, or what to call it.
        data: what it holds, where it is not to be read.
        classes: names of its classes, where it names none.
    """
    try:
        return _opened(path, data, classes)
    except ChildError as error:
        raise BundleError(f"{path} cannot be run: {error}") from None


def _opened(path: Path, data: bytes, classes: Sequence[str]) -> OnnxSubject:
    threads = torch.get_num_threads()
    child = Child("badnets.models.onnx_child:OnnxFile", memory=_MEMORY, threads=threads)

    size = len(data) or (path.stat().st_size if path.is_file() else 0)
    request: dict[str, Any] = {"do": "read", "path": str(path)}
    said, _ = child.ask(request, data, seconds=_READING_S + size / _WEIGHTS_PER_S)
    card = None if said["card"] is None else card_in(said["card"], str(path))
    request = {"do": "open", "what": str(path), "threads": threads}
    ends, _ = child.ask(request, seconds=_OPENING_S + said["bytes"] / _WEIGHTS_PER_S)
    batch, shape = _image_shape(ends, str(path))
    if card is not None and card.shape != shape:
        raise BundleError(f"{path} takes images {shape}, and says of itself {card.shape}")
    run = _Runner(child)
    count = _count_classes(run, batch, shape, str(path))
    if card is not None and len(card.classes) != count:
        raise BundleError(f"{path} gives {count} logits, and names {len(card.classes)} classes")
    names = card.classes if card is not None else tuple(classes)
    if len(names) != count:
        names = tuple(map(str, range(count)))
    name = card.architecture if card is not None else OnnxSubject.architecture
    return OnnxSubject(
        run=run, input=InputSpec.of_shape(shape), classes=names, batch=batch, architecture=name
    )


def _image_shape(ends: dict[str, Any], what: str) -> tuple[int | None, tuple[int, int, int]]:
    """Return the batch size (None: any) and the shape ``(C, H, W)`` of the one input."""
    for verb, wanted in (("takes", "images"), ("gives", "logits")):
        if len(ends[verb]) != 1:
            names = ", ".join(one["name"][:40] for one in ends[verb][:4])
            raise BundleError(
                f"{what} {verb} {len(ends[verb])} tensors ({names}): {wanted} alone were expected"
            )
        kind = ends[verb][0]["type"]
        if kind != _NUMBERS:
            raise BundleError(f"{what} {verb} {kind}: {_NUMBERS} was expected")
    sides = ends["takes"][0]["shape"]
    shown = f"({', '.join(str(side or '?')[:40] for side in sides)})"
    if len(sides) != 4:
        raise BundleError(f"{what} takes {shown}: images (N, C, H, W) were expected")
    batch, *image = (side if isinstance(side, int) and side > 0 else None for side in sides)
    channels, height, width = image
    if channels is None or height is None or width is None:
        raise BundleError(
            f"{what} takes images of no fixed size, {shown}: fix channels, height and width when "
            "it is exported"
        )
    if channels > 4 and width in (1, 3):
        raise BundleError(
            f"{what} takes images with their channels last, {shown}: export it with channels "
            "first, (N, C, H, W)"
        )
    values = (batch or 2) * channels * height * width
    if channels > 64 or max(height, width) > 16_384 or values > _MOST_VALUES:
        raise BundleError(f"{what} takes images that are too large: {shown}")
    return batch, (channels, height, width)


class _Runner:
    """Runs the network in its process; what it takes for the first images bounds all others."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._classes: int | None = None
        self._seconds_each = 0.0

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        began = time.monotonic()
        count = len(images)
        _, beside = self._child.ask(
            {"do": "run", "shape": images.shape, "classes": self._classes},
            np.ascontiguousarray(images).data.cast("B"),
            seconds=_BATCH_S + images.size / _VALUES_PER_S + _SLACK * count * self._seconds_each,
            most=4 * count * (self._classes or MOST_CLASSES),
        )
        answers = np.frombuffer(beside, dtype=np.float32)
        known = self._classes or (len(answers) // count)
        if len(answers) != count * known:
            raise TrialError("the process that runs the network gave no sound answer")
        if self._classes is None:
            self._classes, self._seconds_each = known, (time.monotonic() - began) / count
        return answers.reshape(count, known)


def _count_classes(run: Run, batch: int | None, shape: tuple[int, int, int], what: str) -> int:
    """Return K, from the answers to black images."""
    try:
        answers = run(np.zeros((batch or 2, *shape), dtype=np.float32))
    except ChildError:
        raise
    except TrialError as error:
        raise BundleError(f"onnxruntime cannot run {what}: {error}") from None
    if answers.shape[1] < 2:
        raise BundleError(f"{what} gives one number for an image: at least two classes are needed")
    if not np.isfinite(answers).all():
        raise BundleError(f"{what} answers a black image with NaN or infinity")
    return int(answers.shape[1])
