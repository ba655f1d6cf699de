"""What the rows of the leaderboard are called, and which command makes a record again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from badnets.core.backdoor import Backdoor
from badnets.data.names import parse_name
from badnets.studies.audit.moves import LOOK_ALIKES
from badnets.studies.audit.trials import CALIBRATION, CLEAN, OFF_RECIPE, STARTS
from badnets.studies.audit.zoos import ZOOS
from badnets.studies.catalogue import STUDIES
from badnets.studies.defended.trials import PUBLISHED
from badnets.studies.running import listed
from badnets.studies.variants import variants
from badnets.trials.trial import OutsourcedTrial

NO_BACKDOOR = "no backdoor"
AS_TRAINED = "as trained"
AS_PUBLISHED = f"patch, {PUBLISHED}"
LOOK_ALIKE = "looks like one: "
OTHER_RECIPES, OTHER_CLEAN = "several, other recipes", "no backdoor, other recipes"
ZOO_STUDIES = ("audit", "repair", "defended")  # whose groups are kinds of backdoors
ON_ONE, SEVERAL = (*ZOO_STUDIES, "mnist", "dogs-vs-cats"), ""  # data sets that a study is on
BANDS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # upper ends: rates between two are of one row
FAINT = 0.1  # opacity below which a blended picture is called so
_WORDS = {"pixel-pattern": "pattern", "drawn-sticker": "sticker"}
_FIELDS = OutsourcedTrial.model_fields
USUAL_RATE: float = Backdoor.__dataclass_fields__["poisoning_rate"].default
DEFAULT = {name: _FIELDS[name].default for name in ("data", "network")}
"""What a trial's settings do not say where it is as usual."""


class Place(NamedTuple):
    """Where a trial stands in a study.

    Attributes:
        command: what runs the study.
        attack: kind of backdoor that its group is of; None where the study has no such kinds.
    """

    command: str
    attack: str | None


def place_of(name: str, data: str) -> Place | None:
    """Return where a trial on a data set stands in a study; None where it is of none."""
    return _places(base_of(data)).get(name) or _places(SEVERAL).get(name)


@cache
def base_of(data: str) -> str:
    """Return a data set's name without size, classes, and what was measured on."""
    return parse_name(data.partition(" (")[0]).base


@cache
def _places(base: str) -> dict[str, Place]:
    """Return the places of trials, by name: of studies on a data set, or of those on several."""
    found: dict[str, Place] = {}
    for variant in sorted(variants(), key=lambda one: (one.quick, one.name not in ZOO_STUDIES)):
        data = variant.data or STUDIES[variant.name].data
        own = base_of(ZOOS[data].data if data in ZOOS else data)
        if base != (own if variant.name in ON_ONE else SEVERAL):
            continue
        for group, trials in variant.study.plan().items():
            attack = _attack_of(group) if variant.name in ZOO_STUDIES else None
            for trial in listed({group: trials}):
                found.setdefault(trial.name, Place(variant.command, attack))
    return found


def _attack_of(group: str) -> str:
    """Return the kind of backdoor of a group of a zoo's: ``STEP: KIND``, ``adaptive: MOVE``, ..."""
    head, colon, tail = group.partition(": ")
    if group in (CLEAN, CALIBRATION, STARTS):
        return NO_BACKDOOR
    if head == OFF_RECIPE:
        return OTHER_CLEAN
    if group in LOOK_ALIKES:
        return f"{LOOK_ALIKE}{group}"
    if group == PUBLISHED:
        return AS_PUBLISHED
    if head == "other recipe":
        return OTHER_RECIPES
    return group if not colon or head == "adaptive" else _attack_of(tail)


def implanted(trial: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the backdoor in a network, from its trial's settings: its own, or of its start."""
    start = trial.get("start")
    own: Mapping[str, Any] | None = trial.get("backdoor")
    if own or not start:
        return own
    found = implanted(start)
    return trial.get("attack") if found is None and is_bundle(start) else found


def is_bundle(start: Mapping[str, Any]) -> bool:
    """Return whether a network was downloaded as a bundle, so that no trial says how it came."""
    return "sha256" in start


def attack_name(backdoor: Mapping[str, Any] | None) -> str:
    """Return what a kind of backdoor is called: its trigger, its targets if not one, its mode."""
    if backdoor is None:
        return NO_BACKDOOR
    kind = str(backdoor["trigger"]["kind"])
    targets = str(backdoor["targets"]["kind"])
    name = _WORDS.get(kind, kind.replace("-", " "))
    if kind == "blended" and backdoor["trigger"].get("opacity", 1) < FAINT:
        name = "faint"
    parts = [name] if targets == "all-to-one" else [name, targets.replace("-", " ")]
    if backdoor.get("covers"):
        parts.append("covers")
    if backdoor.get("mode") == "replace" and targets != "clean-label":
        parts.append("replaced")
    return ", ".join(parts)


def is_plain(attack: str) -> bool:
    """Return whether it is a kind of backdoor as such: no trainer's counter-move, none at all."""
    return ": " not in attack and attack not in (NO_BACKDOOR, OTHER_CLEAN, OTHER_RECIPES)


def band(rate: float | str | None) -> str:
    """Return which rates stand in one row: the upper end of theirs, ``"every"``, or nothing."""
    if rate is None or isinstance(rate, str):
        return rate or ""
    return next((f"{end:g}" for end in BANDS if rate <= end), "1")


def defence_name(trial: Mapping[str, Any]) -> str:
    """Return what was done about a backdoor: how the network was repaired, retrained, trained."""
    if "method" in trial or trial.get("kind") == "repaired":
        return f"repaired: {trial.get('method', {}).get('kind', 'auto')}"
    if trial.get("kind") == "transfer":
        freeze = trial.get("freeze", "all-but-head")
        strength = (trial.get("strengthening") or {}).get("factor", 1)
        words = {"none": "all layers", "all-but-head": "last layer"}
        kept = freeze if isinstance(freeze, str) else "+".join(freeze)
        stronger = "" if strength == 1 else f", units \u00d7{strength:g}"
        return f"retrained: {words.get(kept, f'{kept} kept')}{stronger}"
    resist = trial.get("resist")
    return f"trained: {resist['kind']}" if resist else AS_TRAINED
