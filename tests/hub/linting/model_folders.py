"""Small folders and files as libraries and publishers leave them, and what can be odd in them."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any

from onnx import TensorProto, helper

from tests.models.onnx_toys import linear

TENSORS = {"weight": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


def safetensors(header: Any = None, *, data: bytes = bytes(8), length: int | None = None) -> bytes:
    """Return a safetensors file with a header, bytes or JSON, and a length that may be wrong."""
    head = header if isinstance(header, bytes) else json.dumps(header or TENSORS).encode()
    return struct.pack("<Q", len(head) if length is None else length) + head + data


def named(*names: str, **metadata: str) -> bytes:
    """Return a safetensors file with empty tensors of these names."""
    tensors = {name: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for name in names}
    return safetensors({**tensors, "__metadata__": metadata}, data=b"")


def write(folder: Path, files: dict[str, str | bytes | dict[str, Any] | list[Any]]) -> Path:
    """Write files by their paths: bytes, text, or JSON."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, bytes):
            content = content if isinstance(content, str) else json.dumps(content)
            content = content.encode()
        path.write_bytes(content)
    return folder


def cached(folder: Path, content: bytes = safetensors(), name: str = "") -> Path:
    """Write a model as Hugging Face's cache keeps it, and return the model's folder."""
    model = folder / "models--some--net"
    blob = name or hashlib.sha256(content).hexdigest()
    config = b'{"model_type": "vit"}'
    small = hashlib.sha1(b"blob %d\0" % len(config) + config, usedforsecurity=False).hexdigest()
    write(model, {f"blobs/{blob}": content, f"blobs/{small}": config, "refs/main": "1" * 40})
    snapshot = model / "snapshots" / ("1" * 40)
    snapshot.mkdir(parents=True)
    for file, kept in (("model.safetensors", blob), ("config.json", small)):
        (snapshot / file).symlink_to(Path("../../blobs") / kept)
    return model


def gguf(
    texts: dict[str, str] | None = None, *, keys: int | None = None, tensors: int = 0
) -> bytes:
    """Return a GGUF file with texts, of which it says that there are so many."""
    texts = texts or {"general.name": "toy"}
    head = b"GGUF" + struct.pack("<IQQ", 3, tensors, len(texts) + 1 if keys is None else keys)
    for key, value in texts.items():
        data, name = value.encode(), key.encode()
        head += struct.pack("<Q", len(name)) + name + struct.pack("<IQ", 8, len(data)) + data
    numbers = b"tokenizer.ggml.scores"
    return (
        head + struct.pack("<Q", len(numbers)) + numbers + struct.pack("<IIQ", 9, 6, 2) + bytes(8)
    )


def onnx_file(kind: str) -> bytes:
    """Return an ONNX file: plain, or with something that stands out."""
    flatten = helper.make_node("Flatten", ["images"], ["flat"])
    last = helper.make_node("MatMul", ["flat", "weights"], ["logits"])
    branch = helper.make_graph(
        [helper.make_node("MatMul", ["flat", "weights"], ["chosen"])],
        "branch", [], [helper.make_tensor_value_info("chosen", TensorProto.FLOAT, None)],
    )  # fmt: skip
    fixed = helper.make_tensor("fixed", TensorProto.BOOL, (), [True])
    constant = helper.make_node("Constant", [], ["bright"], value=fixed)
    size = helper.make_node("ReduceMax", ["images"], ["most"], keepdims=0)
    bright = helper.make_node("Cast", ["most"], ["bright"], to=TensorProto.BOOL)
    choice = helper.make_node("If", ["bright"], ["logits"], then_branch=branch, else_branch=branch)
    own = helper.make_node("Own", ["flat"], ["logits"], domain="maker")
    match kind:
        case "decides-by-the-input":
            model = linear(inner=[flatten, size, bright, choice])
        case "foreign":
            model = linear(inner=[flatten, own])
        case "python":
            node = helper.make_node("PyOp", ["flat"], ["logits"], domain="ai.onnx.contrib")
            model = linear(inner=[flatten, node])
        case "decides-in-a-function":
            model = linear(inner=[flatten, own])
            inner = helper.make_node("Loop", ["x"], ["y"])
            opset = [helper.make_opsetid("", 17)]
            model.functions.append(
                helper.make_function("maker", "Own", ["x"], ["y"], [inner], opset)
            )
        case "calls-itself":
            model = linear(inner=[flatten, own])
            opset = [helper.make_opsetid("", 17)]
            again = helper.make_node("Own", ["x"], ["y"], domain="maker")
            model.functions.append(
                helper.make_function("maker", "Own", ["x"], ["y"], [again], opset)
            )
        case "decides-beside-the-input":
            inner = helper.make_node(
                "If", ["bright"], ["z"], then_branch=_alone(), else_branch=_alone()
            )
            model = linear(inner=[constant, inner, flatten, last])
        case _:
            model = linear()
    return bytes(model.SerializeToString())


def _alone() -> Any:
    one = helper.make_node("Constant", [], ["o"], value_float=1.0)
    return helper.make_graph(
        [one], "alone", [], [helper.make_tensor_value_info("o", TensorProto.FLOAT, None)]
    )


def onnx_with_weights_in(location: str, length: int = 48) -> bytes:
    """Return an ONNX file that keeps its weights in another one."""
    model = linear()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    return bytes(model.SerializeToString())


def sums(**files: bytes) -> str:
    """Return lines as sha256sum prints them."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())


def pipe(path: Path) -> None:
    """Make a named pipe."""
    os.mkfifo(path)
