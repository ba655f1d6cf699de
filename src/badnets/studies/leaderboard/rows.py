"""Rows of the leaderboard: networks of one kind of attack and one defence, together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from badnets.bundles.digests import sha256_bytes
from badnets.core.rates import Rate
from badnets.observations.depth import DepthResult
from badnets.studies.aggregate import Over
from badnets.studies.leaderboard.entries import Entry, is_clean
from badnets.studies.leaderboard.naming import AS_TRAINED, band, is_plain, place_of
from badnets.studies.outcomes import WORKS
from badnets.trials.differences import headings_of, setting_text, stored_that_differ

FIRST = ("digits", "mnist", "gtsrb", "cifar10-jpeg")


class Key(NamedTuple):
    """What the networks of a row have in common.

    Attributes:
        data: data set.
        network: architecture.
        attack: kind of backdoor.
        rates: which poisoning rates; see `badnets.studies.leaderboard.naming.band`.
        defence: what was done about it.
        share: of the user's training set that it was done with.
    """

    data: str
    network: str
    attack: str
    rates: str
    defence: str
    share: float

    @classmethod
    def of(cls, entry: Entry) -> Key:
        """Return that of a record."""
        own = entry.family
        return cls(own.data, own.network, entry.attack, band(own.rate), own.defence, own.share)

    @property
    def name(self) -> str:
        """Eight hex digits: the same row has the same in every page."""
        return sha256_bytes("\x1f".join(map(str, self)).encode())[:8]


class Pooled(NamedTuple):
    """What a row has together, besides seeds.

    Attributes:
        settings: how many, of networks outside studies.
        differ_in: the names of those that differ.
        words: what they are, by the identity of a family.
    """

    settings: int
    differ_in: tuple[str, ...]
    words: Mapping[int, tuple[str | None, ...]]

    @property
    def said(self) -> str:
        """Their number, where they differ."""
        return f"{self.settings:,} settings" if self.differ_in else ""

    @property
    def note(self) -> str:
        """What they differ in."""
        return f"settings differ in {', '.join(self.differ_in)}" if self.differ_in else ""


@dataclass(frozen=True, eq=False)
class Row:
    """Networks that differ in seeds, and in what a kind of backdoor leaves open.

    Attributes:
        key: what they have in common.
        counted: those that every number is about.
        fallen: those that collapsed: they give nearly always the same answer.
        weak: those whose backdoor hardly worked before something was done about it.
        before: their accuracy before that, by record name, where it is known.
        depths: how soon a few poisoned images bring the backdoor back, where that was looked at.
    """

    key: Key
    counted: Sequence[Entry]
    fallen: Sequence[Entry] = ()
    weak: Sequence[Entry] = ()
    before: Mapping[str, Rate] = field(default_factory=dict)
    depths: Mapping[str, DepthResult] = field(default_factory=dict)

    @property
    def every(self) -> list[Entry]:
        """All of them."""
        return [*self.counted, *self.fallen, *self.weak]

    @property
    def has_scenes(self) -> bool:
        """Whether objects are counted: those of a scene are alike, so there is no interval."""
        return any(one.family.has_scenes for one in self.every)

    @cached_property
    def clean(self) -> Over:
        """Clean accuracy."""
        return self._over(lambda one: one.clean)

    @cached_property
    def success(self) -> Over:
        """Attack success."""
        return self._over(lambda one: one.success)

    @cached_property
    def robust(self) -> Over:
        """Triggered images that are named rightly."""
        return self._over(lambda one: one.robust)

    @cached_property
    def control(self) -> Over:
        """A clean network's attack success on the same images."""
        return self._over(lambda one: one.control)

    @cached_property
    def again(self) -> Over:
        """Attack success after a few poisoned images were learned again."""
        return self._over(lambda one: self._depth(one, "success"))

    @cached_property
    def again_control(self) -> Over:
        """That of a clean network that learned from the same images."""
        return self._over(lambda one: self._depth(one, "control"))

    @cached_property
    def losses(self) -> list[float]:
        """Clean accuracy that was lost by each of which it is known, in [-1, 1]."""
        known = ((self.before.get(one.name), one.clean) for one in self.counted)
        return [was.value - now.value for was, now in known if was is not None]

    @cached_property
    def pooled(self) -> Pooled:
        """How many settings its networks outside studies have, and what these differ in."""
        families = {
            id(one.family): one.family.trial
            for one in self.every
            if place_of(one.name, one.family.data) is None
        }
        if len(families) < 2:
            return Pooled(len(families), (), {})
        own = [{**trial, "control": None} for trial in families.values()]
        differing = stored_that_differ(own)
        words = zip(*(map(setting_text, values) for values in differing.values()), strict=True)
        return Pooled(
            len(families),
            tuple(headings_of(differing)),
            dict(zip(families, words, strict=True)) if differing else {},
        )

    def _depth(self, entry: Entry, what: str) -> Rate | None:
        found = self.depths.get(entry.name)
        rate: Rate | None = getattr(found, what) if found and found.images else None
        return rate

    def _over(self, of: Callable[[Entry], Rate | None]) -> Over:
        return Over.pairs((of(one), one.seed) for one in self.counted)


class Before(NamedTuple):
    """What is known of a network before something was done about its backdoor."""

    clean: Rate | None
    success: Rate | None


class Origins:
    """Finds the network that another one was before.

    Args:
        known: every record.
    """

    def __init__(self, known: Iterable[Entry]) -> None:
        self._trained = {
            (one.family.origin, one.start): one for one in known if one.family.defence == AS_TRAINED
        }
        self._controls = {
            (one.family.origin, one.start, one.family.data): one.control
            for one in known
            if one.control is not None
        }

    def controlled(self, entry: Entry) -> Entry:
        """Return it with a clean network's rate on the same images, where any record has that."""
        if entry.control is not None or is_clean(entry):
            return entry
        held = self._controls.get((entry.family.origin, entry.start, entry.family.data))
        return entry if held is None else entry._replace(control=held)

    def before(self, entry: Entry) -> Before:
        """Return what is known of it; of a network as it was trained nothing."""
        if entry.family.defence == AS_TRAINED:
            return Before(None, None)
        was = self._trained.get((entry.family.origin, entry.start))
        same = was is not None and was.family.data == entry.family.data
        clean, success = entry.clean_before, entry.success_before
        return Before(
            clean or (was.clean if was and same else None),
            success or (was.success if was else None),
        )


def rows(known: Sequence[Entry], depths: Mapping[str, DepthResult]) -> Iterator[Row]:
    """Yield the rows, ordered by data set, network, attack and defence.

    Args:
        known: every record.
        depths: how deep backdoors were taken out, by record name.
    """
    groups: dict[Key, list[Entry]] = {}
    for one in known:
        groups.setdefault(Key.of(one), []).append(one)
    origins = Origins(known)
    for key in sorted(groups, key=order):
        own = [origins.controlled(one) for one in groups[key]]
        fallen = [one for one in own if one.outcome == "collapsed"]
        stood = [one for one in own if one.outcome != "collapsed"]
        before = {one.name: origins.before(one) for one in stood}
        weak = [one for one in stood if is_weak(one, before[one.name].success)]
        left_out = {one.name for one in weak}
        yield Row(
            key,
            [one for one in stood if one.name not in left_out],
            fallen,
            weak,
            {name: was.clean for name, was in before.items() if was.clean is not None},
            {one.name: depths[one.name] for one in own if one.name in depths},
        )


def is_weak(entry: Entry, before: Rate | None) -> bool:
    """Return whether a backdoor hardly worked before something was done about it."""
    return not is_clean(entry) and before is not None and before.value < WORKS


def order(key: Key) -> tuple[object, ...]:
    """Return what rows are ordered by: plain kinds first, networks as they were trained first."""
    kinds = (is_plain(key.attack), ": " in key.attack)
    attack = (kinds.index(True) if any(kinds) else len(kinds), key.attack, key.rates)
    return (data_rank(key.data), key.network, *attack, key.defence != AS_TRAINED, key.defence)


def data_rank(data: str) -> tuple[int, str]:
    """Return what data sets are ordered by: those that most people know come first."""
    return (FIRST.index(data) if data in FIRST else len(FIRST), data)
