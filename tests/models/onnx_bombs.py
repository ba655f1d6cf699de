"""Small ONNX files that would take for ever, or all the memory there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.models.onnx_toys import linear

OPSET = [helper.make_opsetid("", 17)]


def node(kind: str, *ends: str, domain: str = "", **attributes: Any) -> onnx.NodeProto:
    """Return an operator; the last of the ends is its output."""
    return helper.make_node(kind, ends[:-1], ends[-1:], domain=domain, **attributes)


def constant(name: str, values: Any, kind: Any = np.int64) -> onnx.NodeProto:
    """Return an operator that gives these numbers."""
    tensor = numpy_helper.from_array(np.asarray(values, dtype=kind), name)
    return helper.make_node("Constant", [], [name], value=tensor)


def with_functions(
    functions: list[onnx.FunctionProto], *domains: str, **settings: Any
) -> onnx.ModelProto:
    """Return a model that defines functions itself."""
    model = linear(**settings)
    model.functions.extend(functions)
    model.opset_import.extend(helper.make_opsetid(domain, 1) for domain in domains)
    return model


def endless() -> list[onnx.NodeProto]:
    """Return operators from x to y with a loop that never ends between them."""
    body = helper.make_graph(
        [node("Identity", "go", "on"), node("Identity", "carried", "kept")],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("kept", TensorProto.FLOAT, None),
        ],
    )
    return [
        constant("turns", 2**62),
        constant("yes", True, np.bool_),
        node("Loop", "turns", "yes", "x", "y", body=body),
    ]


def named_like_an_operator(domain: str, overload: str = "") -> onnx.ModelProto:
    """Return a file whose function ``Loop`` makes its loop look like its own operator."""
    function = helper.make_function(domain, "Loop", ["x"], ["y"], endless(), OPSET)
    function.overload = overload
    call = node("Loop", "images", "looped", domain=domain)
    call.overload = overload
    inner = [call, node("Flatten", "looped", "flat"), node("MatMul", "flat", "weights", "logits")]
    return with_functions([function], *([domain] if domain else []), inner=inner)


def loop_in_a_function() -> onnx.ModelProto:
    """Return a file with a function of its own that has a loop inside."""
    function = helper.make_function("own", "Calm", ["x"], ["y"], endless(), OPSET)
    inner = [
        node("Calm", "images", "looped", domain="own"),
        node("Flatten", "looped", "flat"),
        node("MatMul", "flat", "weights", "logits"),
    ]
    return with_functions([function], "own", inner=inner)


def doubling(levels: int, *, round_again: bool = False) -> onnx.ModelProto:
    """Return a file of functions that call the one below twice, ``levels`` deep."""
    opsets = [*OPSET, helper.make_opsetid("own", 1)]
    functions = []
    for level in range(levels):
        below = f"F{level - 1}" if level or not round_again else f"F{levels - 1}"
        called = ("Relu", "") if level == 0 and not round_again else (below, "own")
        body = [node(called[0], "x", "z", domain=called[1])]
        body += [node(called[0], "z", "y", domain=called[1])]
        functions.append(helper.make_function("own", f"F{level}", ["x"], ["y"], body, opsets))
    inner = [
        node(f"F{levels - 1}", "images", "far", domain="own"),
        node("Flatten", "far", "flat"),
        node("MatMul", "flat", "weights", "logits"),
    ]
    return with_functions(functions, "own", inner=inner)


def many_operators(count: int) -> onnx.ModelProto:
    """Return a file that does nothing ``count`` times."""
    model = linear()
    model.graph.node.extend([node("Relu", "images", "nothing")] * count)
    return model


def matmuls(side: int = 6000, times: int = 40, *, hidden: bool = False) -> onnx.ModelProto:
    """Return a file that multiplies large matrices; ``hidden``: only once it is given images."""
    inner = [constant("sides", [side, side])]
    one = numpy_helper.from_array(np.array([0.001], dtype=np.float32))
    inner.append(helper.make_node("ConstantOfShape", ["sides"], ["m0"], value=one))
    if hidden:
        inner += [
            node("ReduceMax", "images", "most", keepdims=0),
            node("Add", "m0", "most", "m1"),
        ]
    first = 1 if hidden else 0
    for turn in range(times):
        inner.append(node("MatMul", f"m{turn + first}", f"m{first}", f"m{turn + first + 1}"))
    inner += [
        node("ReduceMax", f"m{times + first}", "great", keepdims=0),
        constant("nothing", 0.0, np.float32),
        node("Mul", "great", "nothing", "none"),
        node("Flatten", "images", "flat"),
        node("MatMul", "flat", "weights", "right"),
        node("Add", "right", "none", "logits"),
    ]
    return linear(inner=inner)


def filled(*sides: int) -> onnx.ModelProto:
    """Return a file with a tensor of these sides that is made when it is run."""
    inner = [
        constant("sides", sides),
        node("ConstantOfShape", "sides", "much"),
        node("ReduceMax", "images", "most", keepdims=0),
        node("Add", "much", "most", "more"),
        node("ReduceMax", "more", "great", keepdims=0),
        node("Flatten", "images", "flat"),
        node("MatMul", "flat", "weights", "right"),
        node("Add", "right", "great", "logits"),
    ]
    return linear(inner=inner)


def huge(*images: Any) -> onnx.ModelProto:
    """Return a file that takes images of this shape, which it only averages."""
    inner = [
        node("GlobalAveragePool", "images", "means"),
        node("Flatten", "means", "flat"),
        node("MatMul", "flat", "weights", "logits"),
    ]
    return linear(images=images, weights=np.ones((images[1], 3), np.float32), inner=inner)


def slow_for_bright_images(times: int = 200) -> onnx.ModelProto:
    """Return a file that answers black images at once, and others after minutes."""
    slow = [
        constant("sides", [2000, 2000]),
        node("ConstantOfShape", "sides", "m0"),
        node("Add", "m0", "most", "n0"),
    ]
    slow += [node("MatMul", f"n{turn}", "n0", f"n{turn + 1}") for turn in range(times)]
    slow.append(node("ReduceMax", f"n{times}", "slow", keepdims=0))
    number = [helper.make_tensor_value_info("slow", TensorProto.FLOAT, [])]
    quick = [helper.make_tensor_value_info("quick", TensorProto.FLOAT, [])]
    inner = [
        node("ReduceMax", "images", "most", keepdims=0),
        constant("nothing", 0.0, np.float32),
        node("Greater", "most", "nothing", "bright"),
        node(
            "If",
            "bright",
            "extra",
            then_branch=helper.make_graph(slow, "slow", [], number),
            else_branch=helper.make_graph([node("Identity", "most", "quick")], "quick", [], quick),
        ),
        node("Flatten", "images", "flat"),
        node("MatMul", "flat", "weights", "right"),
        node("Add", "right", "extra", "logits"),
    ]
    return linear(inner=inner)


def not_utf8(where: str = "metadata") -> onnx.ModelProto | bytes:
    """Return a file with a byte that is no UTF-8 in its metadata, or in a name."""
    model = linear(said="MARK" if where == "metadata" else None)
    if where == "operator":
        model.graph.node[0].op_type = "MARK"
    elif where == "tensor":
        model.graph.input[0].name = "MARK"
        model.graph.node[0].input[0] = "MARK"
    data: bytes = model.SerializeToString()
    return data.replace(b"MARK", b"MA\xff\xfe")


Bomb = Callable[[], onnx.ModelProto | bytes]
BOMBS: dict[str, tuple[Bomb, str]] = {
    "loop named like an operator": (lambda: named_like_an_operator(""), "is not its own"),
    "by overload": (lambda: named_like_an_operator("", "mine"), "is not its own"),
    "ai.onnx": (lambda: named_like_an_operator("ai.onnx"), "is not its own"),
    "com.microsoft": (lambda: named_like_an_operator("com.microsoft"), "is not its own"),
    "com.microsoft.nchwc": (
        lambda: named_like_an_operator("com.microsoft.nchwc"),
        "is not its own",
    ),
    "loop in a function": (loop_in_a_function, "without loops"),
    "loop in an overloaded function": (lambda: named_like_an_operator("own", "a"), "without loops"),
    "doubling functions": (lambda: doubling(30), "too many operators"),
    "functions that call themselves": (lambda: doubling(3, round_again=True), "call themselves"),
    "functions too deep": (lambda: doubling(900), "too many"),
    "operators": (lambda: many_operators(60_000), "too many operators"),
    "matrices while loading": (matmuls, "longer than"),
    "matrices while running": (lambda: matmuls(3000, hidden=True), "longer than"),
    "8 GB while running": (lambda: filled(2**31), "too much memory"),
    "8 EB while running": (lambda: filled(2**31, 2**31), "onnxruntime"),
    "images of 2 GB": (lambda: huge("N", 64, 16_384, 512), "images that are too large"),
    "batches of 2 GB": (lambda: linear(images=(2**29, 1, 2, 2)), "images that are too large"),
    "metadata not UTF-8": (lambda: not_utf8(), "is not"),
    "an operator not UTF-8": (lambda: not_utf8("operator"), "is not"),
    "a name not UTF-8": (lambda: not_utf8("tensor"), "is not"),
}
