"""From a classifier to an ONNX file that other frameworks read."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from badnets.bundles import InputSpec
from badnets.bundles.atomic import write_bytes
from badnets.core.errors import OutputError
from badnets.core.seeds import generator
from badnets.models.classifier import Classifier
from badnets.models.onnx_file import PROPERTY, OnnxCard
from badnets.models.onnx_subject import OnnxSubject, as_subject

OPSET = 18
IMAGES, LOGITS = "images", "logits"  # names of input and output
TOLERANCE = 1e-3  # on logits, where the largest of them is 1; beyond, it is another network
_PROBES = 4  # random images that both are asked about before the file is written


@dataclass(frozen=True, eq=False)
class Exported:
    """An ONNX file as written.

    Attributes:
        path: the file.
        size: in bytes.
        opset: version of the operators.
        subject: the classifier in it, run by onnxruntime.
    """

    path: Path
    size: int
    opset: int
    subject: OnnxSubject


class _FromPictures(nn.Module):
    """A network with its normalisation: takes float images in [0, 1]."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, spec: InputSpec) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(spec.std).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits


def export_onnx(subject: Classifier, path: Path | str, *, bundle: str | None = None) -> Exported:
    """Write a classifier as an ONNX file, whole or not at all.

    The file takes ``images``, any number of them, ``(N, C, H, W)`` float in [0, 1]: it normalises
    them inside. It gives ``logits`` ``(N, K)``. Class names, image shape and the bundle's digest
    are in its metadata (`OnnxCard`). Before it is written it is checked, and asked about random
    images beside the subject.

    Args:
        subject: the classifier; left as it is.
        path: the file; one that is there is replaced.
        bundle: SHA-256 of the manifest of the bundle that it comes from.

    Raises:
        OutputError: torch cannot convert the network, the converted one answers otherwise, or the
            file cannot be written.
    """
    path = Path(path)
    model = _converted(subject)
    card = OnnxCard.of(
        architecture=subject.architecture,
        classes=subject.classes,
        shape=subject.input.shape,
        bundle=bundle,
    )
    onnx.helper.set_model_props(model, {PROPERTY: card.model_dump_json()})
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    other = as_subject(path, data)
    _refuse_other_answers(subject, other)
    write_bytes(path, data)
    return Exported(path, len(data), model.opset_import[0].version, other)


def _converted(subject: Classifier) -> onnx.ModelProto:
    network = _FromPictures(copy.deepcopy(subject.network).cpu().float(), subject.input).eval()
    batch = torch.export.Dim("batch")
    try:
        with warnings.catch_warnings():  # torch warns of its own inner workings
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                (torch.zeros(2, *subject.input.shape),),
                dynamo=True,
                opset_version=OPSET,
                input_names=[IMAGES],
                output_names=[LOGITS],
                dynamic_shapes={IMAGES: {0: batch}},
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = next(iter(str(error.__cause__ or error).splitlines()), "")[:200]
        raise OutputError(
            f"network {subject.architecture!r} cannot be converted to ONNX: {reason}"
        ) from None
    if program is None:
        raise OutputError(f"network {subject.architecture!r} cannot be converted to ONNX")
    return _without_origins(program.model_proto)


def _without_origins(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model without what torch notes of its making: lines of source, and paths."""
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.ClearField("value_info")  # checked again, and found again, without them
    graph.input[0].doc_string = "(N, C, H, W) images, float in [0, 1]; normalised inside"
    graph.output[0].doc_string = "(N, K) logits"
    return model


def _refuse_other_answers(subject: Classifier, other: OnnxSubject) -> None:
    drawn = generator(0, "images to compare a conversion by")
    images = torch.rand(_PROBES, *subject.input.shape, generator=drawn)
    one, two = subject.logits(images).cpu(), other.logits(images)
    difference = float((one - two).abs().max())
    if not difference <= TOLERANCE * max(1.0, float(one.abs().max())):
        raise OutputError(
            f"the network converted to ONNX answers otherwise than the original: logits differ by "
            f"{difference:g}"
        )
