"""YAML read with distrust, into plain values that still know the lines they came from."""

from __future__ import annotations

import math
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from badnets.bundles.atomic import reason_of
from badnets.core.errors import RecipeError
from badnets.core.settings import quoted

MAX_BYTES = 2**20
MAX_DEPTH = 32
MAX_VALUES = 20_000  # aliases count as often as they are used
MAX_WHOLE = 2**63  # of whole numbers; what is stored has no room for more

Place: TypeAlias = "tuple[str | int, ...]"
"""Keys and indices that lead to a value of a document: ``("trials", 2, "backdoor", "rate")``."""

_STANDARD = "tag:yaml.org,2002:"
_PLAIN = frozenset(
    _STANDARD + kind for kind in ("null", "bool", "int", "float", "str", "map", "seq")
)
_TEXT = frozenset(_STANDARD + kind for kind in ("timestamp", "value", "merge"))  # words to us


class _Loader(yaml.SafeLoader):
    """The safe loader, which also sees a number in ``4e-3``, and stops at nested bombs."""

    depth = nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        self.nodes += 1
        if self.nodes > 2 * MAX_VALUES:  # names of fields are nodes too
            raise yaml.composer.ComposerError(
                None, None, f"more than {MAX_VALUES} values", self._here()
            )
        if self.depth > MAX_DEPTH:
            raise yaml.composer.ComposerError(
                None, None, f"nested deeper than {MAX_DEPTH} levels", self._here()
            )
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def _here(self) -> Any:
        return self.peek_event().start_mark  # type: ignore[no-untyped-call]


_Loader.add_implicit_resolver(
    _STANDARD + "float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


@dataclass
class Lines:
    """Where each value of a document stands.

    Attributes:
        source: what the document is called in messages.
        lines: path of keys and indices -> line, from 1; a field's line is that of its name.
    """

    source: str
    lines: dict[Place, int] = field(default_factory=dict)

    def line(self, path: Place) -> int:
        """Return the line of a value, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def error(self, path: Place, message: str, at: Place | None = None) -> RecipeError:
        """Return the error about the value at ``path``; names file, line and field.

        Args:
            path: the field.
            message: what is wrong.
            at: where its value stands, where that is somewhere else.
        """
        where = f"{self.source}, line {self.line(path if at is None else at)}"
        return RecipeError(f"{where}: {named(path)}: {message}" if path else f"{where}: {message}")


def named(path: Place) -> str:
    """Return a path as people write it: ``trials[2].backdoor.rate``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    return "".join(parts).removeprefix(".")


def read_yaml(path: Path) -> tuple[Any, Lines]:
    """Return the values in a YAML file, and their lines; see `parse_yaml`.

    Raises:
        RecipeError: the file is missing, unreadable, too large, or not valid.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):  # to open a pipe would be to wait for whoever writes to it
            what = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
            raise RecipeError(f"{path} is {what}; a recipe is a YAML file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise RecipeError(
            f"there is no recipe {path}: `badnets recipe new {path}` writes one to start from"
        ) from None
    except RecipeError:
        raise
    except (OSError, ValueError) as error:
        raise RecipeError(f"the recipe {path} cannot be read: {reason_of(error)}") from None
    if len(data) > MAX_BYTES:
        raise RecipeError(f"{path} is larger than the {MAX_BYTES} bytes that a recipe may have")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise RecipeError(f"{path}, line {line}: not UTF-8 text") from None
    return parse_yaml(text, str(path))


def parse_yaml(text: str, source: str) -> tuple[Any, Lines]:
    """Return the plain values in a YAML text (JSON is YAML), and where each stands.

    Values are null, booleans, finite numbers, text, lists, and mappings with text as keys. Nothing
    else is ever constructed.

    Args:
        text: one document.
        source: what to call it in messages.

    Raises:
        RecipeError: not valid YAML, a field twice, another kind of value, nested too deeply, or
            more values than a recipe has (aliases are counted where they are used).
    """
    if text.count(",") + text.count("\n") > 2 * MAX_VALUES:  # at once, not after parsing it all
        raise RecipeError(f"{source}: more than {MAX_VALUES} values")
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            lines = Lines(source)
            if root is None:
                raise RecipeError(f"{source} is empty")
            return _Reading(loader, lines).value(root, ()), lines
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        said = " ".join(part for part in (error.context, error.problem) if part)
        raise RecipeError(f"{source}, line {line}: not valid YAML: {said}") from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise RecipeError(f"{source}, line {line}: not valid YAML: {error.reason}") from None


class _Reading:
    """Nodes to values, counting as it goes."""

    def __init__(self, loader: _Loader, lines: Lines) -> None:
        self.loader = loader
        self.lines = lines
        self.count = 0

    def value(self, node: yaml.Node, path: Place) -> Any:
        self.count += 1
        self.lines.lines.setdefault(path, node.start_mark.line + 1)
        if self.count > MAX_VALUES:
            raise self.lines.error(path, f"more than {MAX_VALUES} values, aliases counted")
        if len(path) > MAX_DEPTH:
            raise self.lines.error(path[:1], f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(node, yaml.MappingNode) and node.tag in _PLAIN:
            return dict(self._fields(node, path))
        if isinstance(node, yaml.SequenceNode) and node.tag in _PLAIN:
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _TEXT:
            return node.value
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _PLAIN:
            tag = node.tag.replace(_STANDARD, "!!")
            raise self.lines.error(path, f"{tag} is not allowed: use plain values")
        return self._scalar(node, path)

    def _fields(self, node: yaml.MappingNode, path: Place) -> Iterator[tuple[str, Any]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _STANDARD + "str":
                written = key_node.value if isinstance(key_node, yaml.ScalarNode) else "a list"
                self.lines.lines[(*path, written)] = line
                raise self.lines.error((*path, written), f"a field needs a name, got {written!r}")
            name = key_node.value
            self._refuse_nul(name, path)
            if name in seen:
                self.lines.lines[(*path, name)] = line
                raise self.lines.error(
                    (*path, name), f"given twice, first in line {seen[name]}: keep one"
                )
            seen[name] = self.lines.lines[(*path, name)] = line
            yield name, self.value(value_node, (*path, name))

    def _scalar(self, node: yaml.ScalarNode, path: Place) -> Any:
        try:
            value = self.loader.construct_object(node)
        except (ValueError, OverflowError):
            raise self.lines.error(
                path, f"not a number that can be read: {node.value[:40]!r}"
            ) from None
        if isinstance(value, str):
            self._refuse_nul(value, path)
        if isinstance(value, int) and abs(value) >= MAX_WHOLE:
            raise self.lines.error(path, f"must be below 2 to the power of 63, got {quoted(value)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise self.lines.error(path, f"must be a finite number, got {node.value}")
        return value

    def _refuse_nul(self, text: str, path: Place) -> None:
        if "\0" in text:
            raise self.lines.error(path, "must not hold the character NUL (\\0)")
