"""The extras of the distribution: what each brings, and whether it is there. Imports none of it."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

EXTRAS: dict[str, tuple[str, ...]] = {
    "train": (
        "captum",
        "jinja2",
        "matplotlib",
        "numpy",
        "PIL",
        "pycocotools",
        "safetensors",
        "sklearn",
        "timm",
        "torch",
        "torchmetrics",
        "torchvision",
    ),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
}
"""Extra -> the modules that it brings."""


@cache
def missing(extra: str) -> tuple[str, ...]:
    """Return the modules of an extra that are not installed; none is imported."""
    return tuple(module for module in EXTRAS[extra] if find_spec(module) is None)


def installed(extra: str) -> bool:
    """Return whether all modules of an extra are there."""
    return not missing(extra)


def install_line(error: ImportError) -> str:
    """Return the line to type where an import failed for want of an extra, else nothing."""
    module = (error.name or "").partition(".")[0]
    extra = next((extra for extra, modules in EXTRAS.items() if module in modules), None)
    return "" if extra is None else f"pip install 'badnets[{extra}]'"
