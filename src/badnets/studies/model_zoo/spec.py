"""What came of each route, and of the network that a user retrained; words in ``page.md.j2``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from badnets.core.rates import Rate
from badnets.core.verdicts import Conclusion
from badnets.data.names import parse_name
from badnets.hub.attacks.routes import AtHub, AtZoo, By
from badnets.hub.attacks.rows import AUDIT_RATE as AUDIT_RATE
from badnets.observations.supply_chain import SupplyChain
from badnets.report.page import Cell, Tone
from badnets.studies import reading
from badnets.studies.aggregate import Runs
from badnets.studies.examples import examples
from badnets.studies.model_zoo.trials import ModelZooStudy
from badnets.studies.rendering import Spec
from badnets.studies.retraining.spec import names_of
from badnets.studies.wording import seeds_text
from badnets.trials.record import Record

TOLD = ("hash swapped with the file", "tampered in transit", "own, not audited", "own, audited")
"""Routes that stand for the others where there is room for few."""
RUNS = {
    "honest": "honest networks to download",
    "badnet": "BadNets to download",
    "control": "retrained honest networks",
    "retrained": "retrained BadNets",
    "detector": "detectors",
}


@dataclass(frozen=True)
class Way:
    """A route, played alike with the networks of some seeds.

    Attributes:
        name: of the route.
        conclusion: of the audits of these networks.
        seeds: theirs.
        zoo, hub: what came of it.
        backdoored: whether these networks are.
    """

    name: str
    conclusion: Conclusion
    seeds: tuple[int, ...]
    zoo: AtZoo
    hub: AtHub
    backdoored: bool

    @property
    def line(self) -> Cell:
        """What the hub says."""
        passed = f"let pass: {', '.join(self.hub.let_pass)}; " if self.hub.let_pass else ""
        return Cell(self.hub.says or "let in", note=f"{passed}{seeds_text(self.seeds)}")

    @property
    def code(self) -> Cell:
        """The exit code."""
        tone: Tone = "backdoored" if self.backdoored and self.hub.gets == "it" else "clean"
        return Cell(str(self.hub.exit_code), float(self.hub.exit_code), tone=tone)


def ways(records: Iterable[Record], by: By) -> list[Way]:
    """Return the routes of an attacker in their order, once for each different end.

    Args:
        records: of the networks.
        by: who attacks.
    """
    ends: dict[str, dict[tuple[str, ...], list[Way]]] = {}
    for record in records:
        if (seen := record.observed(SupplyChain)) is None:
            continue
        bad, seeds = reading.backdoor(record) is not None, (record.trial.seed,)
        for one in seen.routes:
            if one.by == by:
                way = Way(one.route, seen.conclusion, seeds, one.zoo, one.hub, bad)
                end = (seen.conclusion, one.hub.says, *map(str, one.zoo))
                ends.setdefault(one.route, {}).setdefault(end, []).append(way)
    return [
        replace(alike[0], seeds=tuple(seed for one in alike for seed in one.seeds))
        for of_route in ends.values()
        for alike in of_route.values()
    ]


def spec(study: ModelZooStudy, runs: Runs) -> Spec:
    """Return what the page is made of."""
    scale = study.scale
    names = names_of(study.data)
    classes = tuple(names[label] for label in parse_name(scale.user).classes)
    shown = runs.of("retrained")
    story = next(
        (
            found
            for one in shown
            if (found := examples(
                runs, one, "attacked", classes, scale.label, by=("honest", "BadNet")
            ))
        ),
        None,
    )  # fmt: skip
    others = ways(runs.of("badnet"), "others")
    return Spec(
        {
            "study": study,
            "target": f"\u201c{names[scale.target]}\u201d",
            "classes": classes,
            "story": story,
            "others": others,
            "untouched": ways(runs.of("badnet"), "nobody"),
            "unnoticed": _share(one.zoo.notices != "wrong checksum" for one in others),
            "fooled": _share(one.zoo.gets_by_hand == "it" for one in others),
            "let_in": _share(one.hub.gets == "it" for one in others),
            "own": {
                name: ways(runs.of(name), "author") for name in ("honest", "badnet", "detector")
            },
        },
        stories={"attacked": None if story is None else story.rows()},
    )


def _share(found: Iterable[bool]) -> Rate:
    all_ = list(found)
    return Rate(sum(all_), len(all_))
