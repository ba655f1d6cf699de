"""A classifier in an ONNX file: known by its answers alone, which onnxruntime computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors
from torch import Tensor

from badnets.bundles import InputSpec
from badnets.core.errors import BundleError, TrialError
from badnets.models.inputs import check_images
from badnets.models.network_subject import Answers
from badnets.models.onnx_file import card_of, read_onnx

BATCH = 100  # images per call, where the file takes any number
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
Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class OnnxSubject(Answers):
    """A classifier that has logits, and nothing inside: no features, layers or units.

    Args:
        run: from ``(B, C, H, W)`` float32 images in [0, 1] to ``(B, K)`` float32 logits.
        input: shape of the images; they are normalised inside the file.
        classes: names of the K classes.
        batch: images per call; None: any number.
        architecture: its name, where the file says one.
    """

    run: Run = field(repr=False)
    input: InputSpec
    classes: tuple[str, ...]
    batch: int | None = None
    architecture: str = "onnx"

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.classes)

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    def to(self, device: torch.device | str) -> Self:
        """Return this subject: it answers from the CPU, whatever device images are on."""
        return self

    def copy(self) -> Self:
        """Return this subject: nothing in it can be changed."""
        return self

    def logits(self, images: Tensor) -> Tensor:
        """Return ``(N, K)`` float32 logits of uint8 or float images in [0, 1], on the CPU.

        Raises:
            ShapeError: images are not ``(N, *input.shape)``, or not uint8 or float.
            TrialError: onnxruntime failed on them.
        """
        images = check_images(images, self.input.shape)
        parts = [self._answers(part) for part in torch.split(images, self.batch or BATCH)]
        return torch.cat(parts) if len(images) else torch.empty(0, self.num_classes)

    def _answers(self, images: Tensor) -> Tensor:
        scale = 255.0 if images.dtype == torch.uint8 else 1.0
        pictures = images.detach().cpu().float() / scale
        lacking = (self.batch or 0) - len(images)
        if lacking > 0:  # the file takes whole batches only
            pictures = torch.cat([pictures, pictures.new_zeros(lacking, *pictures.shape[1:])])
        try:
            answers = self.run(pictures.numpy())
        except _REFUSED as error:
            raise TrialError(f"onnxruntime could not run the network: {_reason(error)}") from None
        return torch.from_numpy(answers)[: len(images)]


def load_onnx(path: Path | str, classes: Sequence[str] = ()) -> OnnxSubject:
    """Return the classifier in an ONNX file; it is run on the CPU, by as many threads as torch.

    Args:
        path: the file. Images are given to it as float in [0, 1]: it must normalise them inside,
            as those do that `badnets.models.onnx_export` writes.
        classes: names of its classes, where the file names none; they count only where there are
            as many as it has.

    Raises:
        BundleError: no sound ONNX file, or not of a classifier: see `read_onnx`; several inputs or
            outputs, images of no fixed size, channels last, another type than float, answers that
            are no ``(N, K)`` numbers.
    """
    path = Path(path)
    return as_subject(read_onnx(path), str(path), classes)


def as_subject(model: onnx.ModelProto, what: str, classes: Sequence[str] = ()) -> OnnxSubject:
    """Return a checked model as a classifier; see `load_onnx`.

    Args:
        model: as `read_onnx` returns it.
        what: what to call it in an error.
        classes: names of its classes, where it names none.
    """
    card = card_of(model, what)
    session = _session(model, what)
    batch, shape = _image_shape(session, what)
    if card is not None and card.shape != shape:
        raise BundleError(f"{what} takes images {shape}, and says of itself {card.shape}")
    run = _runner(session, what)
    count = _count_classes(run, batch, shape, what)
    if card is not None and len(card.classes) != count:
        raise BundleError(f"{what} gives {count} logits, and names {len(card.classes)} classes")
    names = card.classes if card is not None else tuple(classes)
    if len(names) != count:
        names = tuple(map(str, range(count)))
    zeros, ones = (0.0,) * shape[0], (1.0,) * shape[0]
    spec = InputSpec.of(channels=shape[0], height=shape[1], width=shape[2], mean=zeros, std=ones)
    name = card.architecture if card is not None else OnnxSubject.architecture
    return OnnxSubject(run, spec, names, batch, name)


def _session(model: onnx.ModelProto, what: str) -> Any:
    onnxruntime.set_default_logger_severity(_QUIET)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except _REFUSED as error:
        raise BundleError(f"onnxruntime refuses {what}: {_reason(error)}") from None


def _image_shape(session: Any, what: str) -> tuple[int | None, tuple[int, int, int]]:
    """Return the batch size (None: any) and the shape ``(C, H, W)`` of the one input."""
    inputs = session.get_inputs()
    for verb, wanted, ends in (
        ("takes", "images", inputs),
        ("gives", "logits", session.get_outputs()),
    ):
        if len(ends) != 1:
            names = ", ".join(one.name[:40] for one in ends[:4])
            raise BundleError(
                f"{what} {verb} {len(ends)} tensors ({names}): {wanted} alone were expected"
            )
        if ends[0].type != _NUMBERS:
            raise BundleError(f"{what} {verb} {ends[0].type}: {_NUMBERS} was expected")
    sides = list(inputs[0].shape)
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
    if channels > 64 or max(height, width) > 16_384:
        raise BundleError(f"{what} takes images that are too large: {shown}")
    return batch, (channels, height, width)


def _runner(session: Any, what: str) -> Run:
    name = session.get_inputs()[0].name

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        answers: NDArray[np.float32] = session.run(None, {name: images})[0]
        if answers.ndim != 2 or len(answers) != len(images):
            raise BundleError(
                f"{what} answers {len(images)} images with {answers.shape}: logits (N, K) were "
                "expected"
            )
        return answers

    return run


def _count_classes(run: Run, batch: int | None, shape: tuple[int, int, int], what: str) -> int:
    """Return K, from the answers to black images."""
    try:
        answers = run(np.zeros((batch or 2, *shape), dtype=np.float32))
    except _REFUSED as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"onnxruntime cannot run {what}: {_reason(error)}") from None
    if answers.shape[1] < 2:
        raise BundleError(f"{what} gives one number for an image: at least two classes are needed")
    if not np.isfinite(answers).all():
        raise BundleError(f"{what} answers a black image with NaN or infinity")
    return int(answers.shape[1])


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:300] or type(error).__name__
