"""The zoo: clean and backdoored networks in disjoint parts, for whoever judges the audit.

- *development*: what methods and their settings were chosen on;
- *calibration*: the clean networks that all others are compared with;
- *evaluation*: what is reported. The names of its trials are in ``docs/results/audit/evaluation``,
  committed before one of them was trained.

The parts share no seed, and no trigger at the same place and size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import cycle
from typing import TYPE_CHECKING, Any

from badnets.studies.audit.backdoors import Backdoors
from badnets.studies.audit.moves import FINE_TUNED, TAINTED, look_alikes, moves
from badnets.studies.audit.photographs import PhotographBackdoors
from badnets.studies.audit.zoos import ZOOS, Part, Zoo
from badnets.studies.catalogue import Groups, Study
from badnets.trials.trial import OutsourcedTrial

if TYPE_CHECKING:
    from badnets.core.backdoor import Backdoor
    from badnets.trials.record import Record

STARTS = "networks to start from"
CALIBRATION, CLEAN = "calibration", "clean"
OFF_RECIPE = "clean, other recipe"
TAINT = 0.05  # of the clean images


@dataclass(frozen=True)
class AuditStudy(Study):
    """Audits a zoo, whose calibration part is the null of all others.

    Args:
        zoo: how its networks are trained.
        part: the name of the part that is judged.
    """

    zoo: Zoo
    part: str = "evaluation"

    def groups(self, records: Mapping[str, Record]) -> Groups:
        """Return the calibration part and the judged one; see `Study`.

        Groups: ``calibration``, ``clean``, each kind of backdoor by its name, ``clean, other
        recipe: NAME`` and ``other recipe: NAME``, ``adaptive: MOVE``, and the look-alikes.
        """
        return {
            CALIBRATION: [self._trial(recipe, seed) for seed, recipe in self._seeded(CALIBRATION)],
            **({STARTS: starts} if (starts := self._starts()) else {}),
            **self.judged,
        }

    def _starts(self) -> list[OutsourcedTrial]:
        """Return the clean networks that others are copies of."""
        trials = (one for own in self.judged.values() for one in own)
        return [one.start for one in trials if isinstance(one, OutsourcedTrial) and one.start]

    @property
    def _backdoors(self) -> Backdoors:
        return (PhotographBackdoors if self.zoo.side else Backdoors)(self.zoo, self.part)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of backdoors, by name: of networks whose recipes are the null's."""
        return self.zoo.kinds or tuple(self._backdoors.makers())

    @cached_property
    def judged(self) -> Groups:
        """The groups of the part that is judged."""
        part, recipes = self.zoo.parts[self.part], cycle(self.zoo.recipes)
        own = self._backdoors
        groups: dict[str, Sequence[OutsourcedTrial]] = {
            CLEAN: [self._trial(recipe, seed) for seed, recipe in self._seeded(self.part)]
        }
        kinds = own.kinds()
        for place, kind in enumerate(self.kinds):
            more = self.zoo.loud.get(kind, {})
            groups[kind] = [
                self._trial({**recipe, **more}, part.seed + 200 + 10 * place + number, backdoor)
                for number, (backdoor, recipe) in enumerate(zip(kinds[kind], recipes, strict=False))
            ]
        for place, (name, recipe) in enumerate(self.zoo.others.items()):
            seeds = [part.seed + 500 + 10 * place + number for number in range(part.others)]
            groups[f"{OFF_RECIPE}: {name}"] = [self._trial(recipe, seed) for seed in seeds]
            groups[f"other recipe: {name}"] = [
                self._trial(recipe, seed, backdoor)
                for seed, backdoor in zip(seeds, cycle(own.plain()), strict=False)
            ]
        for place, (move, made) in enumerate(moves(own).items()):
            groups[f"adaptive: {move}"] = [
                self._trial(
                    recipe,
                    part.seed + 700 + 10 * place + number,
                    backdoor,
                    **({"start": self._start(number)} if move == FINE_TUNED else {}),
                    **({"tainted_clean": TAINT} if move == TAINTED else {}),
                )
                for number, (recipe, backdoor) in enumerate(made)
            ]
        for place, (kind, made) in enumerate(look_alikes(own).items()):
            groups[kind] = [
                self._trial(recipe, part.seed + 900 + 40 * place + number, backdoor)
                for number, (recipe, backdoor) in enumerate(made)
            ]
        return {name: own for name, own in groups.items() if own}

    def _seeded(self, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
        part, recipes = self.zoo.parts[name], self.zoo.recipes
        for number in range(part.clean):
            for place, recipe in enumerate(recipes):
                yield part.seed + number + part.apart * place * part.clean, recipe

    def _start(self, number: int) -> OutsourcedTrial:
        """Return the clean network that a copy is made of."""
        return self._trial({}, self.zoo.parts[self.part].seed + 890 + number, observe=())

    def _trial(
        self, recipe: Mapping[str, Any], seed: int, backdoor: Backdoor | None = None, **more: Any
    ) -> OutsourcedTrial:
        return self.zoo.trial(seed, backdoor, recipe, **{"observe": ("audit",)} | more)


def make(data: str, *, quick: bool = False) -> AuditStudy:
    """Return the study of a zoo.

    Args:
        data: a key of `ZOOS`.
        quick: a small part of it.
    """
    zoo = ZOOS[data]
    if quick:
        small = {
            name: Part(part.seed, min(part.clean, 1), min(part.backdoored, 1), apart=part.apart)
            for name, part in zoo.parts.items()
        }
        zoo = replace(zoo, parts=small)
    return AuditStudy(zoo)
