"""The extras of the distribution: what each brings, and whether it is there. Imports none of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec

from badnets.core.errors import MissingExtraError

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
        "torchvision",
    ),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "hf": ("transformers",),
    "ray": ("fsspec", "ray"),
    "postgres": ("psycopg",),
    "mlflow": ("alembic", "mlflow"),
}
"""Extra -> the modules that it brings."""


@cache
def missing(extra: str) -> tuple[str, ...]:
    """Return the modules of an extra that are not installed; none is imported."""
    return tuple(module for module in EXTRAS[extra] if find_spec(module) is None)


def installed(extra: str) -> bool:
    """Return whether all modules of an extra are there."""
    return not missing(extra)


def missing_extra(error: ModuleNotFoundError) -> MissingExtraError | None:
    """Return the line to type where a module was not found; None where no extra brings it."""
    module = (error.name or "").partition(".")[0]
    for extra, modules in EXTRAS.items():
        if module in modules:
            line = f"this needs {module}, which is not installed: pip install 'badnets[{extra}]'"
            return MissingExtraError(line, name=error.name)
    return None


@contextmanager
def named_extras() -> Iterator[None]:
    """Turn the want of an extra within the block into a `MissingExtraError`."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise missing_extra(error) or error from None
