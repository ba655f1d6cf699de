"""Records as the leaderboard reads them: columns, and of the summary what they lack.

No document is parsed for it: a ledger of 100,000 records has a page in seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from badnets.core.rates import Rate
from badnets.repair.standing import AS_IT_CAME
from badnets.studies.leaderboard.naming import (
    DEFAULT,
    NO_BACKDOOR,
    OTHER_CLEAN,
    USUAL_RATE,
    attack_name,
    defence_name,
    implanted,
    is_bundle,
    place_of,
)

if TYPE_CHECKING:
    from badnets.trials.record import Record

_ROBUST = re.compile(r'"robust_accuracy":\{"hits":(\d+),"total":(\d+)')
_values = itemgetter(
    *("name", "seed", "outcome", "family", "summary"),
    *(f"{name}_{part}" for name in ("clean", "success", "control") for part in ("hits", "total")),
)
LIKELY = "backdoor likely"


class Family(NamedTuple):
    """What records share that differ in their seeds alone.

    Attributes:
        data: the data set, and whether it was measured on held-back training images.
        network: the architecture.
        attack: the kind of backdoor, in words.
        rate: the asked poisoning rate; None without a backdoor.
        defence: what was done about it.
        share: of the user's training set that was used.
        origin: settings of the training that the network comes from, as text.
        is_derived: whether it was repaired or retrained.
        observe: kinds of what was looked at.
        has_scenes: whether what is counted are objects, of which those of a scene are alike.
        trial: all settings that are not the defaults.
    """

    data: str
    network: str
    attack: str
    rate: float | str | None
    defence: str
    share: float
    origin: str
    is_derived: bool
    observe: frozenset[str]
    has_scenes: bool
    trial: Mapping[str, Any]


class Entry(NamedTuple):
    """One record.

    Attributes:
        name: of the record.
        seed: of the trial.
        outcome: the user's decision.
        family: what it shares with its like.
        attack: the kind of backdoor: the study's word where it has one.
        clean: accuracy.
        success: of the attack, after what was done about it.
        robust: triggered images that are named rightly.
        control: a clean network's answers to the same images.
        start: the seed of the training that put the backdoor in.
        clean_before: accuracy before a repair, on the same images.
        success_before: of the attack before a repair or a retraining.
        called: what an audit said before a repair, and of the network that was kept.
    """

    name: str
    seed: int
    outcome: str
    family: Family
    attack: str
    clean: Rate
    success: Rate | None
    robust: Rate | None
    control: Rate | None
    start: int
    clean_before: Rate | None = None
    success_before: Rate | None = None
    called: tuple[str | None, str | None] = (None, None)


def from_rows(rows: Iterable[Mapping[Any, Any]]) -> Iterator[Entry]:
    """Yield what rows of `badnets.ledger.Ledger.rows` say."""
    families: dict[str, Family] = {}
    for row in rows:
        name, seed, outcome, key, summary, *counts = _values(row)
        plain: dict[str, Any] | None = None
        family = families.get(key or name)
        if family is None:
            plain = json.loads(summary)
            family = _family(row, plain["trial"], has_scenes="frames" in plain)
            families[key or name] = family
        clean, success, control = (
            Rate(hits or 0, total) if total else None
            for hits, total in zip(counts[::2], counts[1::2], strict=True)
        )
        found = None if family.is_derived else _ROBUST.search(summary)
        robust = Rate(int(found[1]), int(found[2])) if found else None
        attack, held = _attack(name, family), clean or Rate(0, 0)
        rates = (held, success, robust, control)
        entry = Entry(name, seed, outcome, family, attack, *rates, start=seed)
        yield _derived(entry, plain or json.loads(summary)) if family.is_derived else entry


def from_records(records: Iterable[Record]) -> Iterator[Entry]:
    """Yield what whole records say."""
    families: dict[str, Family] = {}
    for record in records:
        trial, attack, left = record.trial, record.attack, record.survival
        family = families.get(trial.family)
        if family is None:
            plain = trial.model_dump(mode="json", exclude_defaults=True)
            family = _family(trial.__dict__, plain, has_scenes=record.objects is not None)
            families[trial.family] = family
        robust = attack.robust if attack else left.triggered if left else None
        if attack is None and record.triggered is not None:  # of a detector that was retrained
            robust = Rate(sum(record.triggered.right), len(record.triggered.right))
        entry = Entry(
            name=record.name,
            seed=trial.seed,
            outcome=record.outcome,
            family=family,
            attack=_attack(record.name, family),
            clean=record.clean.accuracy,
            success=_counted(attack.success if attack else None),
            robust=_counted(robust),
            control=_counted(attack.control if attack else None),
            start=trial.seed,
        )
        if family.is_derived:
            before = record.repair.attack if record.repair else None
            was = before.success if before else left.before if left else None
            entry = entry._replace(
                start=getattr(trial.start, "seed", 0),
                clean_before=record.repair.clean.accuracy if record.repair else None,
                success_before=_counted(was),
                called=_called([one.model_dump() for one in record.repair.steps])
                if record.repair
                else (None, None),
            )
        yield entry


def _attack(name: str, family: Family) -> str:
    place = place_of(name, family.data)
    return place.attack if place and place.attack else family.attack


def _derived(entry: Entry, plain: Mapping[str, Any]) -> Entry:
    """Return a repaired or retrained network, with what is known of it before."""
    trial, repair = plain["trial"], plain.get("repair") or {}
    attack = repair.get("attack") or {}
    return entry._replace(
        robust=_measured(plain, "robust_accuracy") or _measured(plain, "triggered_accuracy"),
        start=(trial.get("start") or {}).get("seed", 0),
        clean_before=Rate(*repair["clean"]["accuracy"]) if repair else None,
        success_before=(
            Rate(*attack["success"]) if attack else _measured(plain, "attack_success_rate_before")
        ),
        called=_called(repair.get("steps") or ()),
    )


def _called(steps: Sequence[Mapping[str, Any]]) -> tuple[str | None, str | None]:
    came = [one.get("conclusion") for one in steps if one["what"] == AS_IT_CAME]
    kept = [one.get("conclusion") for one in steps if one.get("kept", True)]
    return (came[0] if came else None, kept[0] if kept else None)


def _family(at: Mapping[Any, Any], trial: Mapping[str, Any], *, has_scenes: bool) -> Family:
    """Return what a trial shares with its like.

    Args:
        at: its data, network, and what it was measured on.
        trial: its settings that are not the defaults.
        has_scenes: see `Family`.
    """
    start = trial.get("start")
    is_derived = trial.get("kind", "outsourced") != "outsourced"
    backdoor = implanted(trial)
    known = backdoor is not None and "targets" in backdoor and backdoor is not trial.get("attack")
    held = "" if at["evaluate_on"] == "test" else f" ({at['evaluate_on']})"
    return Family(
        data=f"{at['data']}{held}",
        network=at["network"],
        attack=attack_name(backdoor),
        rate=backdoor.get("poisoning_rate", USUAL_RATE) if backdoor and known else None,
        defence=defence_name(trial),
        share=trial.get("share", 1.0),
        origin=_origin(start if is_derived and start else trial),
        is_derived=is_derived,
        observe=frozenset(trial.get("observe", ())),
        has_scenes=has_scenes,
        trial=trial,
    )


def _origin(trial: Mapping[str, Any]) -> str:
    """Return the settings of a training: what networks share that began alike."""
    if is_bundle(trial):
        return str(trial["sha256"])
    names = ("architecture", "training", "backdoor", "train_limit", "evaluate_on")
    own = [trial.get(name, DEFAULT[name]) for name in DEFAULT]
    return json.dumps([*own, *(trial.get(name) for name in names)], sort_keys=True)


def _counted(rate: Rate | None) -> Rate | None:
    return rate if rate and rate.total else None


def _rate(hits: int | None, total: int | None) -> Rate | None:
    return Rate(hits or 0, total) if total else None


def _measured(plain: Mapping[str, Any], name: str) -> Rate | None:
    found = plain.get(name)
    return _rate(found["hits"], found["total"]) if found else None


def is_clean(entry: Entry) -> bool:
    """Return whether a network holds no backdoor."""
    return entry.attack in (NO_BACKDOOR, OTHER_CLEAN)
