"""Packages that export lazily, so that ``import badnets`` and ``--help`` import no torch."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any


def exports(
    package: str, eager: Sequence[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package that loads on first use.

    The one list of its public names is its block ``if TYPE_CHECKING:``, as type checkers read it:
    ``from module import Name as Name``, where ``Name`` may be a submodule.

    Args:
        package: its ``__name__``.
        eager: names that it has from the start, for ``__dir__`` and ``__all__``.
    """
    where: dict[str, str] = {}
    for block in ast.parse(inspect.getsource(sys.modules[package])).body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            lines = [line for line in block.body if isinstance(line, ast.ImportFrom)]
            where = {one.name: line.module or "" for line in lines for one in line.names}

    def get(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            value = _found(package, where[name], name)
        except ModuleNotFoundError as error:
            from badnets.core.extras import missing_extra

            raise missing_extra(error) or error from None
        setattr(sys.modules[package], name, value)
        return value

    names = sorted({*where, *eager})
    return get, lambda: names, names


def _found(package: str, path: str, name: str) -> object:
    module = importlib.import_module(path)
    if path == package or not hasattr(module, name):
        return importlib.import_module(f"{path}.{name}")
    value: object = getattr(module, name)
    return value
