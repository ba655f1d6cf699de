"""What came of each route, and of the network that a user retrained; words in ``page.md.j2``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from badnets.core.rates import Rate
from badnets.core.verdicts import Conclusion
from badnets.data.names import parse_name
from badnets.hub.attacks.rows import AUDIT_RATE as AUDIT_RATE
from badnets.hub.attacks.supply_chain import ROUTES, AtHub, AtZoo, Played
from badnets.observations.supply_chain import SupplyChain
from badnets.report.page import Cell
from badnets.studies.aggregate import Over, Runs
from badnets.studies.examples import examples
from badnets.studies.model_zoo.trials import ModelZooStudy
from badnets.studies.rendering import Spec
from badnets.studies.retraining.spec import names_of
from badnets.studies.wording import seeds_text
from badnets.trials.record import Record

RUNS = {
    "honest": "honest networks to download",
    "badnet": "BadNets to download",
    "control": "retrained honest networks",
    "retrained": "retrained BadNets",
    "detector": "detectors",
}
_DIGEST = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{56}\b")


@dataclass(frozen=True)
class Way:
    """A route, played alike with the networks of some seeds.

    Attributes:
        name: of the route.
        conclusion: of the audits of these networks.
        seeds: theirs.
        zoo, hub: what came of it.
    """

    name: str
    conclusion: Conclusion
    seeds: tuple[int, ...]
    zoo: AtZoo
    hub: AtHub

    @property
    def line(self) -> Cell:
        """What the hub says; digests cut short."""
        said = _DIGEST.sub(r"\1...", self.hub.says) or f"let in: {self.hub.gets} network"
        passed = f"let pass: {', '.join(self.hub.let_pass)}; " if self.hub.let_pass else ""
        return Cell(said, note=f"{passed}{seeds_text(self.seeds)}")

    @property
    def code(self) -> Cell:
        """The exit code."""
        tone = "backdoored" if self.hub.gets == "the attacker's" else "clean"
        return Cell(str(self.hub.exit_code), float(self.hub.exit_code), tone=tone)


def ways(records: Iterable[Record], *names: str) -> list[Way]:
    """Return routes in the order of their names, once for each different end.

    Args:
        records: of the networks.
        names: keys of `ROUTES`.
    """
    found: list[Way] = []
    seen = [(record, own) for record in records if (own := record.observed(SupplyChain))]
    for name in names:
        played = [
            (one, own.conclusion, record.trial.seed)
            for record, own in seen
            for one in own.routes
            if one.route == name
        ]
        played.sort(key=lambda one: _end(one[0], one[1]))
        for _, alike in groupby(played, key=lambda one: _end(one[0], one[1])):
            own = list(alike)
            (first, conclusion, _), seeds = own[0], tuple(sorted(seed for *_, seed in own))
            found.append(Way(name, conclusion, seeds, first.zoo, first.hub))
    return found


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
    others = ways(runs.of("badnet"), *(k for k, one in ROUTES.items() if one.by == "others"))
    return Spec(
        {
            "study": study,
            "target": f"\u201c{names[scale.target]}\u201d",
            "classes": classes,
            "story": story,
            "others": others,
            "untouched": ways(runs.of("badnet"), "nothing changed"),
            "unnoticed": _share(one.zoo.notices != "wrong checksum" for one in others),
            "fooled": _share(one.zoo.gets_by_hand == "the attacker's" for one in others),
            "let_in": _share(one.hub.gets == "the attacker's" for one in others),
            "honest": ways(runs.of("honest"), "audited"),
            "detector": ways(runs.of("detector"), "audited"),
            "bad": {
                name: ways(runs.of("badnet"), name)
                for name, one in ROUTES.items()
                if one.by == "author"
            },
            "of": lambda records, what: Over.of(records, what),
        },
        stories={"attacked": None if story is None else story.rows()},
    )


def _share(found: Iterable[bool]) -> Rate:
    all_ = list(found)
    return Rate(sum(all_), len(all_))


def _end(played: Played, conclusion: Conclusion) -> Sequence[str]:
    """Return what tells one end of a route from another, whatever the digests in it."""
    hub, zoo = played.hub, played.zoo
    said = _DIGEST.sub("*", hub.says)
    return (conclusion, zoo.notices, zoo.gets, zoo.gets_by_hand, hub.gets, said)
