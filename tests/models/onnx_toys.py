"""Small ONNX models made by hand: a linear classifier, and what can be odd about one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from badnets.models.onnx_file import PROPERTY

SIDES = (1, 2, 2)
WEIGHTS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=np.float32)  # pixel k: k


def linear(
    *,
    images: tuple[Any, ...] = ("N", *SIDES),
    weights: np.ndarray[Any, Any] = WEIGHTS,
    kind: int = TensorProto.FLOAT,
    logits: tuple[Any, ...] | None = None,
    said: str | None = None,
    inner: list[onnx.NodeProto] | None = None,
) -> onnx.ModelProto:
    """Return a model that multiplies the flattened image by weights ``(pixels, K)``.

    Args:
        images: shape of the input.
        weights: of the one layer.
        kind: type of the input.
        logits: shape of the output.
        said: the metadata property, as text.
        inner: operators instead of the usual two, from ``images`` to ``logits``.
    """
    usual = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    shape = logits or (images[0] if images else "N", weights.shape[1])
    graph = helper.make_graph(
        inner or usual,
        "toy",
        [helper.make_tensor_value_info("images", kind, images)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(
        graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)], producer_name="toys"
    )
    if said is not None:
        helper.set_model_props(model, {PROPERTY: said})
    return model


def write(model: onnx.ModelProto, path: Path) -> Path:
    """Write a model, whatever is wrong with it."""
    path.write_bytes(model.SerializeToString())
    return path


def with_weights_in(model: onnx.ModelProto, location: str, **more: str) -> onnx.ModelProto:
    """Return a model that keeps its weights in another file."""
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=value)
    return model
