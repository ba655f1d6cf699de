"""Which tensor of a file is which of a network: by name, after a prefix, or by order and shape."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from badnets.core.errors import SettingError
from badnets.models.weights import some_of

COUNTER = "num_batches_tracked"  # of normalisation: no answer depends on it, and many leave it out
Shapes = Mapping[str, tuple[int, ...]]
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Naming:
    """How the tensors of a file were matched to a network.

    Args:
        theirs: name in the network -> name in the file.
        how: in words.
        unexpected: names in the file that the network has not.
    """

    theirs: Mapping[str, str]
    how: str
    unexpected: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it in words, for people."""
        said = f"{len(self.theirs)} tensors matched {self.how}"
        return f"{said}; not needed: {some_of(self.unexpected)}" if self.unexpected else said


def named(own: Shapes, given: Shapes, *, inner: str = "") -> Naming:
    """Return which tensor of a file is which of a network.

    Names that are the same count first, then names that are after what all have before them
    (``module.``, ``model.``). Else shape and last part of the name (``weight``, ``running_mean``)
    decide, and among those that share both, the numbers in their names, if they differ in nothing
    else. What that leaves open is refused: nothing is guessed.

    Args:
        own: the network's tensors.
        given: the file's.
        inner: what the network's names begin with and those of files do not.

    Raises:
        SettingError: the file lacks a tensor, has one in another shape, or two ways fit.
    """
    plain = {name.removeprefix(inner): name for name in own}
    shapes = {name: own[full] for name, full in plain.items()}
    needed = [name for name in shapes if not name.endswith(COUNTER)]
    if not needed:
        raise SettingError("the network has no tensors")
    for prefix in ("", *_prefixes(needed, given)):
        if all(prefix + name in given for name in needed):
            theirs = {name: prefix + name for name in shapes if prefix + name in given}
            _check_shapes(shapes, given, theirs)
            how = f"after {prefix!r}" if prefix else "by name"
            return _naming(plain, theirs, how, given)
    if (partly := _nearest(needed, given)) is not None:
        raise SettingError(partly)
    theirs = _by_shape(shapes, given, needed)
    return _naming(plain, theirs, "by order and shape", given)


def _naming(plain: Mapping[str, str], theirs: Mapping[str, str], how: str, given: Shapes) -> Naming:
    left = tuple(sorted(given.keys() - theirs.values()))
    return Naming({plain[name]: their for name, their in theirs.items()}, how, left)


def _prefixes(needed: list[str], given: Shapes) -> list[str]:
    """Return what may stand before all names, ending in a dot; refuses two that fit."""
    first = needed[0]
    ends = f".{first}"
    found = [name.removesuffix(first) for name in given if name.endswith(ends)]
    fit = [one for one in found if all(one + name in given for name in needed)]
    if len(fit) > 1:
        raise SettingError(
            f"the file holds the network {len(fit)} times, under "
            f"{' and '.join(map(repr, fit[:3]))}: keep one of them"
        )
    return fit


def _check_shapes(shapes: Shapes, given: Shapes, theirs: Mapping[str, str]) -> None:
    other = [name for name in theirs if given[theirs[name]] != shapes[name]]
    if other:
        raise SettingError(
            f"{len(other)} tensor{'s' * (len(other) > 1)} of another shape: {other[0][:80]} is "
            f"{given[theirs[other[0]]]} in the file, {shapes[other[0]]} in the network"
        )


def _nearest(needed: list[str], given: Shapes) -> str | None:
    """Return what is missing, where half of the names are there: it is this network, in part."""
    wanted, prefixes = set(needed), Counter[str]()
    for name in given:
        parts = name.split(".")
        for start in range(len(parts)):
            if ".".join(parts[start:]) in wanted:
                prefixes[name.removesuffix(".".join(parts[start:]))] += 1
    best = max(prefixes, key=prefixes.__getitem__, default="")
    missing = tuple(name for name in needed if best + name not in given)
    if 2 * len(missing) > len(needed):
        return None
    return (
        f"it has not all weights of the network: {len(missing)} of {len(needed)} are missing: "
        f"{some_of(missing)}"
    )


def _by_shape(shapes: Shapes, given: Shapes, needed: list[str]) -> dict[str, str]:
    """Return names by shape and last part, where these leave nothing open."""
    left = [name for name in given if not name.endswith(COUNTER)]
    own, other = _groups(shapes, needed), _groups(given, left)
    for kind in sorted(own.keys() | other.keys(), key=str):
        here, there = len(own.get(kind, ())), len(other.get(kind, ()))
        if here != there:
            leaf, shape = kind
            raise SettingError(
                f"its names are not those of the network, and it has {there} tensors {leaf!r} of "
                f"shape {shape} where the network has {here}"
            )
    found: dict[str, str] = {}
    for kind, names in own.items():
        found |= dict(zip(_in_order(names), _in_order(other[kind]), strict=True))
    counters = {_module(ours): _module(theirs) for ours, theirs in found.items()}
    for name in shapes:
        their = f"{counters.get(_module(name))}.{COUNTER}"
        if name.endswith(COUNTER) and given.get(their) == shapes[name]:
            found[name] = their
    return found


def _groups(shapes: Shapes, names: list[str]) -> dict[tuple[str, tuple[int, ...]], list[str]]:
    groups: dict[tuple[str, tuple[int, ...]], list[str]] = defaultdict(list)
    for name in names:
        groups[name.rpartition(".")[2], shapes[name]].append(name)
    return groups


def _in_order(names: list[str]) -> list[str]:
    """Return names that differ in numbers alone in the order of these; refuses any others."""
    if len({_NUMBER.sub("#", name) for name in names}) > 1:
        one, other = sorted(names, key=lambda name: _NUMBER.sub("#", name))[:: len(names) - 1]
        raise SettingError(
            f"its names are not those of the network, and nothing says which is which of "
            f"{one[:80]} and {other[:80]}, which have the same shape: rename them in the file"
        )
    return sorted(names, key=lambda name: [int(number) for number in _NUMBER.findall(name)])


def _module(name: str) -> str:
    return name.rpartition(".")[0]
