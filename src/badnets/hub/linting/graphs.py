"""ONNX graphs: where they keep weights, and which of their operators stand out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from badnets.core.errors import BundleError
from badnets.hub.linting.archives import leads_out
from badnets.hub.linting.findings import Found
from badnets.hub.linting.protobuf import Field, Reader

_BRANCHING = frozenset(("If", "Loop", "Scan"))
_DOMAINS = ("", "ai.onnx", "com.microsoft")  # and what lies below them
_OWN = ("ai.onnx.contrib", "com.microsoft.extensions")  # which run Python and other code
_DEEPEST = 16
SizeOf = Callable[[str], int | None]
"""Bytes of the file of this name in the model's folder; None where there is none to read."""


@dataclass
class _Node:
    """An operator, with what those inside of it read."""

    kind: str = ""
    domain: str = ""
    reads: set[str] = field(default_factory=set)
    gives: list[str] = field(default_factory=list)
    branches: bool = False


@dataclass
class _Graph:
    nodes: list[_Node] = field(default_factory=list)
    takes: set[str] = field(default_factory=set)
    constants: set[str] = field(default_factory=set)


class OnnxModel:
    """What an ONNX file says, without its weights.

    Args:
        file: the file.
        check: called now and then; raises where time is up.

    Raises:
        BundleError: it is no ONNX file, or too large.
    """

    def __init__(self, file: BinaryIO, check: Callable[[], None]) -> None:
        self._reader = Reader(file, check)
        self._external: dict[str, int] = {}  # file -> bytes that are asked of it
        self._graph = _Graph()
        self._functions: dict[tuple[str, str], _Graph] = {}
        self._branching: dict[tuple[str, str], bool] = {}  # function -> whether it does
        known = False
        for one in self._reader.fields(0, self._reader.size):
            if one.number == 7 and one.end > one.start:
                self._graph, known = self._read_graph(one), True
            elif one.number == 20:
                for part in self._reader.fields(one.start, one.end):
                    if part.number in (1, 2):
                        self._read_graph(part)
            elif one.number == 25:
                self._read_function(one)
        if not known:
            raise BundleError("no graph in it")

    def said(self, size_of: SizeOf) -> Iterator[Found]:
        """Yield what is to be said of it.

        Args:
            size_of: tells of files in its folder.
        """
        for name, needed in self._external.items():
            if leads_out(name) or not name:
                yield Found("external-data", f"weights in {name!r}, outside of its folder")
            elif (size := size_of(name)) is None:
                yield Found("external-data", f"weights in {name!r}, which is no file that is there")
            elif size < needed:
                yield Found("external-data", f"{needed:,} bytes of {name!r}, which has {size:,}")
        own = {domain for domain, _ in self._functions}
        nodes = [*self._graph.nodes, *(n for one in self._functions.values() for n in one.nodes)]
        foreign = {(n.domain, n.kind) for n in nodes if n.domain not in own and _foreign(n.domain)}
        for domain, kind in sorted(foreign)[:20]:
            yield Found("foreign-operators", f"operator {kind!r} of {domain!r}")
        reached = [node.kind for node in self._reached() if self._branches(node, 0)]
        if reached:
            kinds = ", ".join(sorted(set(reached)))
            yield Found("control-flow", f"{kinds} on the way from the input, {len(reached)} in all")

    def _reached(self) -> list[_Node]:
        """Return the operators that the input has a part in."""
        readers: dict[str, list[_Node]] = defaultdict(list)
        for node in self._graph.nodes:
            for name in node.reads:
                readers[name].append(node)
        left = list(self._graph.takes - self._graph.constants)
        seen, reached = set(left), dict[int, _Node]()
        while left:
            for node in readers.get(left.pop(), ()):
                if reached.setdefault(id(node), node) is node:
                    left += [name for name in node.gives if name not in seen]
                    seen.update(node.gives)
        return list(reached.values())

    def _branches(self, node: _Node, depth: int) -> bool:
        if node.branches or node.kind in _BRANCHING:
            return True
        key = node.domain, node.kind
        if key in self._functions and key not in self._branching:
            if depth > _DEEPEST:
                raise BundleError("functions nested too deep")
            self._branching[key] = False  # while it is looked at: it may call itself
            inner = self._functions[key].nodes
            self._branching[key] = any(self._branches(one, depth + 1) for one in inner)
        return self._branching.get(key, False)

    def _read_graph(self, where: Field, depth: int = 0) -> _Graph:
        if depth > _DEEPEST:
            raise BundleError("graphs nested too deep")
        graph, reader = _Graph(), self._reader
        for one in reader.fields(where.start, where.end):
            if one.number == 1:
                graph.nodes.append(self._read_node(one, depth))
            elif one.number == 5:
                graph.constants.add(self._read_tensor(one))
            elif one.number == 15:
                for part in reader.fields(one.start, one.end):
                    if part.number in (1, 2):
                        self._read_tensor(part)
            elif one.number == 11:
                graph.takes |= {
                    reader.text(f) for f in reader.fields(one.start, one.end) if f.number == 1
                }
        return graph

    def _read_node(self, where: Field, depth: int) -> _Node:
        node, reader = _Node(), self._reader
        for one in reader.fields(where.start, where.end):
            if one.number == 1:
                node.reads.add(reader.text(one))
            elif one.number == 2:
                node.gives.append(reader.text(one))
            elif one.number == 4:
                node.kind = reader.text(one)
            elif one.number == 7:
                node.domain = reader.text(one)
            elif one.number == 5:
                self._read_attribute(one, node, depth)
        return node

    def _read_attribute(self, where: Field, node: _Node, depth: int) -> None:
        for one in self._reader.fields(where.start, where.end):
            if one.number in (5, 10):
                self._read_tensor(one)
            elif one.number in (6, 11) and one.end > one.start:
                graph = self._read_graph(one, depth + 1)
                given = {name for inner in graph.nodes for name in inner.gives}
                for inner in graph.nodes:
                    node.reads |= inner.reads - given - graph.takes - graph.constants
                    node.branches |= inner.branches or inner.kind in _BRANCHING
            elif one.number in (22, 23):
                for part in self._reader.fields(one.start, one.end):
                    if part.number in (1, 2):
                        self._read_tensor(part)

    def _read_tensor(self, where: Field) -> str:
        name, said, reader = "", dict[str, str](), self._reader
        external = False
        for one in reader.fields(where.start, where.end):
            if one.number == 8:
                name = reader.text(one)
            elif one.number == 14:
                external = one.value == 1
            elif one.number == 13:
                entry = {f.number: reader.text(f) for f in reader.fields(one.start, one.end)}
                said[entry.get(1, "")] = entry.get(2, "")
        if external or said:
            numbers = [said.get(key, "0") for key in ("offset", "length")]
            needed = sum(
                int(n) if n.isascii() and n.isdigit() and len(n) < 20 else 0 for n in numbers
            )
            location = said.get("location", "")
            self._external[location] = max(self._external.get(location, 0), needed)
        return name

    def _read_function(self, where: Field) -> None:
        graph, names = _Graph(), {1: "", 10: ""}
        for one in self._reader.fields(where.start, where.end):
            if one.number in names:
                names[one.number] = self._reader.text(one)
            elif one.number == 7:
                graph.nodes.append(self._read_node(one, 0))
        self._functions[names[10], names[1]] = graph


def _foreign(domain: str) -> bool:
    known = domain in _DOMAINS or domain.startswith(tuple(f"{one}." for one in _DOMAINS[1:]))
    return not known or domain in _OWN
