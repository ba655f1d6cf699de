"""What looking says: audits of models and of training sets, and guards of inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from badnets.core.errors import LedgerError
from badnets.core.rates import Rate, pooled
from badnets.observations.base import ArrayRef
from badnets.observations.data_audit import DataAuditResult
from badnets.observations.guard import GuardResult
from badnets.observations.verdict import VerdictResult
from badnets.studies.aggregate import Runs
from badnets.studies.audit.trials import AuditStudy
from badnets.studies.leaderboard.entries import LIKELY, Entry, is_clean
from badnets.studies.leaderboard.naming import (
    AS_TRAINED,
    LOOK_ALIKE,
    NO_BACKDOOR,
    OTHER_CLEAN,
    OTHER_RECIPES,
)
from badnets.studies.leaderboard.rows import Key, Origins, is_weak, order
from badnets.studies.outcomes import WORKS
from badnets.trials.record import Record

ZOO_AUDIT = "audit of the model"
AUDIT = "audit of the model, packaged null"
DATA_AUDIT = "audit of the training set"
GUARD = "guard of inputs"
NONE = Rate(0, 0)


class Glance(NamedTuple):
    """What looking at one network, or at its training set, says.

    Attributes:
        entry: of the network.
        look: what looked.
        state: what had been done about the network.
        called: whether it is called backdoored, or poisoned; None: that is not said.
        found: poisoned or triggered images that are flagged.
        wronged: other images that are.
        passed: triggered images that get the attacker's answer and are not flagged.
    """

    entry: Entry
    look: str
    state: str
    called: bool | None = None
    found: Rate = NONE
    wronged: Rate = NONE
    passed: Rate = NONE


@dataclass(frozen=True, eq=False)
class Look:
    """What was said of networks of a kind, beside what is said of clean ones.

    Attributes:
        key: what the networks have in common; its defence is what had been done about them.
        look: what looked.
        own: what was said of each.
        clean: of clean networks of the same data and architecture.
    """

    key: Key
    look: str
    own: Sequence[Glance]
    clean: Sequence[Glance]

    @property
    def name(self) -> str:
        """Eight hex digits: the same row has the same in every page."""
        return self.key._replace(attack=f"{self.key.attack}\x1f{self.look}").name

    @property
    def is_bad(self) -> bool:
        """Whether the networks hold a backdoor; else all that is called so is a false alarm."""
        return not self.key.attack.startswith(LOOK_ALIKE)

    @property
    def called(self) -> Rate:
        """Networks, or training sets, with a backdoor that are called so."""
        return _share(self.own) if self.is_bad else NONE

    @property
    def alarms(self) -> Rate:
        """Those without one that are."""
        return _share(self.clean if self.is_bad else self.own)

    def images(self, what: str) -> Rate:
        """Return ``"found"``, ``"wronged"`` or ``"passed"`` over all their images together."""
        return pooled(getattr(one, what) for one in self.own)


def looks(glances: Iterable[Glance]) -> Iterator[Look]:
    """Yield what was said, by data set, network, attack, and what looked."""
    groups: dict[tuple[str, Key], list[Glance]] = {}
    clean: dict[tuple[str, Key], list[Glance]] = {}
    for one in glances:
        key = Key.of(one.entry)._replace(defence=one.state, share=1.0)
        if is_clean(one.entry):
            clean.setdefault((one.look, key._replace(rates="")), []).append(one)
        else:
            groups.setdefault((one.look, key), []).append(one)
    for look, key in sorted(groups, key=lambda one: (one[0], order(one[1]))):
        attack = OTHER_CLEAN if key.attack == OTHER_RECIPES else NO_BACKDOOR
        beside = clean.get((look, key._replace(attack=attack, rates="")), ())
        yield Look(key, look, groups[look, key], beside)


def from_repairs(known: Sequence[Entry]) -> Iterator[Glance]:
    """Yield what audits said around repairs: of the network as it came, and of what was kept."""
    origins, seen = Origins(known), set[tuple[str, int]]()
    for one in known:
        came, kept = one.called
        if one.outcome == "collapsed" or is_weak(one, origins.before(one).success):
            continue
        start = (one.family.origin, one.start)
        if came is not None and start not in seen:  # several repairs begin with the same network
            seen.add(start)
            yield Glance(one, AUDIT, AS_TRAINED, came == LIKELY)
        if kept is not None:
            yield Glance(one, AUDIT, one.family.defence, kept == LIKELY)


def from_zoo(
    study: AuditStudy, records: Mapping[str, Record], known: Mapping[str, Entry]
) -> Iterator[Glance]:
    """Yield what an audit says of the networks of a zoo, judged as its study judges them."""
    from badnets.studies.audit.spec import JudgedZoo

    runs = Runs.of_study(study.groups(records), study.plan(), records, _no_array)
    zoo = JudgedZoo.of(runs, study.zoo.classes, study.kinds)
    if zoo is None:
        return
    for row in (
        zoo.clean, *zoo.kinds, *zoo.other_clean, *zoo.other_bad, *zoo.adaptive, *zoo.look_alikes
    ):  # fmt: skip
        for one in row.judged:
            entry = known[one.record.name]
            yield Glance(entry, ZOO_AUDIT, AS_TRAINED, one.conclusion == LIKELY)


def from_observations(entry: Entry, found: Mapping[str, Any]) -> Iterator[Glance]:
    """Yield what was observed of one network that did not collapse.

    Args:
        entry: its record.
        found: results of observations, by kind.
    """
    state = entry.family.defence
    working = is_clean(entry) or state != AS_TRAINED or _works(entry)
    verdict, data, guard = (found.get(kind) for kind in ("verdict", "data-audit", "guard"))
    if isinstance(verdict, VerdictResult) and working:
        yield Glance(entry, AUDIT, state, verdict.verdict.conclusion == LIKELY)
    if isinstance(data, DataAuditResult):
        called = data.conclusion == "poisoning likely"
        yield Glance(entry, DATA_AUDIT, state, called, data.found, data.false_alarms)
    if isinstance(guard, GuardResult) and not guard.why_not and working:
        own = (guard.stopped, guard.false_rejections, guard.passed)
        yield Glance(entry, GUARD, state, None, *own)


def _works(entry: Entry) -> bool:
    return entry.success is not None and entry.success.value >= WORKS


def _share(glances: Sequence[Glance]) -> Rate:
    said = [one.called for one in glances if one.called is not None]
    return Rate(sum(said), len(said))


def _no_array(ref: ArrayRef) -> Any:
    raise LedgerError(f"array {ref.sha256} is not read: an audit is judged without any")
