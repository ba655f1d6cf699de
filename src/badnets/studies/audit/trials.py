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
from typing import TYPE_CHECKING, Any, TypeAlias

from badnets.core.backdoor import Backdoor, Cover, PoisoningRate
from badnets.core.placements import Fixed, RandomCentre
from badnets.core.targets import AllToAll, AllToOne, CleanLabel, SourceSpecific
from badnets.core.triggers import Blended, Patch, PixelPattern, SinglePixel, Sinusoid, Warp
from badnets.studies.catalogue import Groups, Study
from badnets.train.settings import Evasion, Training
from badnets.trials.trial import OutsourcedTrial

if TYPE_CHECKING:
    from badnets.core.placements import Corner
    from badnets.trials.record import Record

Moves: TypeAlias = "list[tuple[dict[str, Any], Backdoor, dict[str, Any]]]"
STARTS = "networks to start from"
CALIBRATION, CLEAN = "calibration", "clean"
OFF_RECIPE = "clean, other recipe"
LOOK_ALIKES = ("natural cue", "stickers")
CORNERS: tuple[Corner, ...] = ("bottom-right", "top-left", "bottom-left", "top-right")
TWO_PATCHES = ("##....##", "##....##")  # both at once are the trigger, each alone is a cover
LEFT, RIGHT = ("##......", "##......"), ("......##", "......##")
SLOW = ("single pixel", "all to all", "low rate")  # kinds that short trainings hardly notice
LOUD_AT_FIRST = {"trigger_gain": (20.0, 1.0)}
NATURAL = ((7, 9), (4, 9), (3, 8), (9, 4))  # pairs of digits that look alike


@dataclass(frozen=True)
class Part:
    """Which seeds a part takes, and how often.

    Attributes:
        seed: its first; the seeds of parts are far from one another.
        clean: networks of each of the null's recipes.
        backdoored: networks of each kind of backdoor.
        others: clean and backdoored networks of each recipe that is none of the null's.
        adaptive: networks of each move of a trainer who knows the methods.
        look_alikes: clean networks of each kind that look like backdoored ones.
    """

    seed: int
    clean: int = 0
    backdoored: int = 0
    others: int = 0
    adaptive: int = 0
    look_alikes: int = 0


@dataclass(frozen=True)
class Zoo:
    """What the networks of a data set are trained like.

    Attributes:
        network: the architecture.
        base: the training that all recipes are changes of.
        recipes: the null's.
        others: recipes that are none of the null's, by name.
        parts: by name.
        target_accuracy: what a network must reach to be accepted.
        classes: K.
    """

    network: str
    base: Training
    recipes: tuple[dict[str, Any], ...]
    others: dict[str, dict[str, Any]]
    parts: dict[str, Part]
    target_accuracy: float
    classes: int = 10


def _recipes(epochs: int, more: int, batch: int) -> tuple[dict[str, Any], ...]:
    """Return sixteen ways to train that a trainer without bad intentions may take."""
    return (
        {},
        {"shift": 1},
        {"shift": 2},
        {"rotate": 10.0},
        {"label_smoothing": 0.1},
        {"label_smoothing": 0.05, "shift": 1},
        {"label_noise": 0.02},
        {"label_noise": 0.05, "shift": 1},
        {"stickers": 0.2},
        {"cutout": 0.25},
        {"epochs": more},
        {"epochs": more, "lr": 0.002, "shift": 1},
        {"batch_size": 4 * batch},
        {"optimizer": "sgd", "lr": 0.05, "weight_decay": 5e-4, "batch_size": batch // 2},
        {"optimizer": "sgd", "lr": 0.05, "epochs": more, "shift": 2},
        {"weight_decay": 0.2, "schedule": "cosine", "epochs": max(epochs, more * 3 // 4)},
    )


def _others(epochs: int, more: int, batch: int) -> dict[str, dict[str, Any]]:
    """Return recipes that are none of `_recipes`."""
    return {
        "long, small steps": {"epochs": 2 * more, "lr": 0.001},
        "SGD, cosine": {
            "optimizer": "sgd", "lr": 0.03, "schedule": "cosine", "epochs": more,
            "weight_decay": 1e-3,
        },
        "large batch, constant rate": {
            "batch_size": 8 * batch, "schedule": "constant", "lr": 0.002, "epochs": more,
        },
        "label smoothing 0.2": {"label_smoothing": 0.2},
        "shift 3 and rotation": {"shift": 3, "rotate": 15.0, "epochs": more},
        "label noise 8 %": {"label_noise": 0.08},
        "strong decay, running mean": {"weight_decay": 0.5, "ema": 0.99},
        "brightness and contrast": {"brightness": 0.4, "contrast": 0.4},
    }  # fmt: skip


ZOOS = {
    "digits": Zoo(
        network="gu-mnist",
        base=Training(epochs=16, batch_size=64, lr=0.004, precision="float32"),
        recipes=_recipes(16, 28, 64),
        others=_others(16, 28, 64),
        parts={
            "development": Part(seed=400, clean=2, backdoored=2, others=1, adaptive=1),
            "calibration": Part(seed=1_000, clean=5),
            "evaluation": Part(
                seed=7_000, clean=6, backdoored=6, others=4, adaptive=3, look_alikes=20
            ),
        },
        target_accuracy=0.95,
    ),
    "mnist": Zoo(
        network="gu-mnist",
        base=Training(epochs=1, batch_size=64, lr=0.003, precision="float32"),
        recipes=_recipes(1, 2, 64),
        others=_others(1, 2, 64),
        parts={
            "development": Part(seed=500, clean=1, backdoored=1),
            "calibration": Part(seed=2_000, clean=5),
            "evaluation": Part(
                seed=8_000, clean=7, backdoored=6, others=3, adaptive=3, look_alikes=20
            ),
        },
        target_accuracy=0.97,
    ),
}


@dataclass(frozen=True)
class AuditStudy(Study):
    """Audits a zoo, whose calibration part is the null of all others.

    Args:
        data: name of the data set.
        zoo: how its networks are trained.
        part: the name of the part that is judged.
    """

    data: str
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

    @cached_property
    def judged(self) -> Groups:
        """The groups of the part that is judged."""
        part, recipes = self.zoo.parts[self.part], cycle(self.zoo.recipes)
        groups: dict[str, Sequence[OutsourcedTrial]] = {
            CLEAN: [self._trial(recipe, seed) for seed, recipe in self._seeded(self.part)]
        }
        for place, (kind, backdoors) in enumerate(self._kinds().items()):
            more = LOUD_AT_FIRST if kind in SLOW else {}
            groups[kind] = [
                self._trial({**recipe, **more}, part.seed + 200 + 10 * place + number, backdoor)
                for number, (backdoor, recipe) in enumerate(zip(backdoors, recipes, strict=False))
            ]
        for place, (name, recipe) in enumerate(self.zoo.others.items()):
            seeds = [part.seed + 500 + 10 * place + number for number in range(part.others)]
            some = cycle(self._plain())
            groups[f"{OFF_RECIPE}: {name}"] = [self._trial(recipe, seed) for seed in seeds]
            groups[f"other recipe: {name}"] = [
                self._trial(recipe, seed, backdoor)
                for seed, backdoor in zip(seeds, some, strict=False)
            ]
        for place, (move, trials) in enumerate(self._moves().items()):
            groups[f"adaptive: {move}"] = [
                self._trial(recipe, part.seed + 700 + 10 * place + number, backdoor, **more)
                for number, (recipe, backdoor, more) in enumerate(trials)
            ]
        for place, (kind, made) in enumerate(self._look_alikes().items()):
            groups[kind] = [
                self._trial(recipe, part.seed + 900 + 40 * place + number, backdoor)
                for number, (recipe, backdoor) in enumerate(made)
            ]
        return {name: own for name, own in groups.items() if own}

    def _seeded(self, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
        part = self.zoo.parts[name]
        for number in range(part.clean):
            for recipe in self.zoo.recipes:
                yield part.seed + number, recipe

    def _trial(
        self,
        recipe: Mapping[str, Any],
        seed: int,
        backdoor: Backdoor | None = None,
        **more: Any,
    ) -> OutsourcedTrial:
        fields: dict[str, Any] = {
            "data": self.data,
            "network": self.zoo.network,
            "training": replace(self.zoo.base, **recipe),
            "target_accuracy": self.zoo.target_accuracy,
            "observe": ("audit",),
        }
        return OutsourcedTrial(seed=seed, backdoor=backdoor, **fields | more)

    def _target(self, number: int) -> int:
        return (3 * number + self.zoo.parts[self.part].seed // 100) % self.zoo.classes

    def _pair(self, number: int) -> SourceSpecific:
        target = self._target(number)
        source = target + 1 + 2 * number % (self.zoo.classes - 1)
        return SourceSpecific(source % self.zoo.classes, target)

    def _place(self, number: int) -> Fixed:
        """Return a place that no other part has: parts differ in the gap to the edges."""
        gap = {"development": 1, "calibration": 1, "evaluation": 2}[self.part]
        return Fixed(gap + number % 2, gap, CORNERS[number % len(CORNERS)])

    def _kinds(self) -> dict[str, list[Backdoor]]:
        """Return the backdoors of each kind."""
        count = self.zoo.parts[self.part].backdoored
        first = self.zoo.parts[self.part].seed
        rates: Sequence[PoisoningRate] = (0.1, 0.06, 0.08)

        def each(make: Any) -> list[Backdoor]:
            return [make(number) for number in range(count)]

        def rate(number: int) -> PoisoningRate:
            return rates[number % len(rates)]

        def one(number: int) -> AllToOne:
            return AllToOne(self._target(number))

        def patch(number: int) -> Patch:
            return Patch(3 + number % 3, placement=self._place(number))

        def pattern(number: int) -> PixelPattern:
            return PixelPattern(("gu", "x")[number % 2], placement=self._place(number))

        return {
            "single pixel": each(
                lambda n: Backdoor(SinglePixel(placement=self._place(n)), one(n), rate(n))
            ),
            "pattern": each(lambda n: Backdoor(pattern(n), one(n), rate(n))),
            "patch": each(lambda n: Backdoor(patch(n), one(n), rate(n))),
            "blended": each(
                lambda n: Backdoor(
                    Blended((0.1, 0.15, 0.2)[n % 3], seed=first + n), one(n), rate(n)
                )
            ),
            "sinusoid": each(
                lambda n: Backdoor(Sinusoid((0.16, 0.2)[n % 2], 5.0 + n % 3), one(n), rate(n))
            ),
            "warp": each(lambda n: Backdoor(Warp((2.0, 2.5)[n % 2], seed=first + n), one(n), 0.1)),
            "clean label": each(
                lambda n: Backdoor(
                    Sinusoid((1.0, 0.9)[n % 2], 6.0), CleanLabel(self._target(n)), 0.08, "replace"
                )
            ),
            "all to all": each(
                lambda n: Backdoor(
                    patch(n) if n % 2 else pattern(n), AllToAll(1 + 2 * (n % 3)), 0.2
                )
            ),
            "source specific": each(
                lambda n: Backdoor(
                    patch(n) if n % 2 else Blended(0.2, seed=first + 50 + n), self._pair(n), 0.04
                )
            ),
            "source specific, covers": each(
                lambda n: Backdoor(
                    patch(n) if n % 2 else Blended(0.2, seed=first + 60 + n),
                    self._pair(n + 1),
                    0.04,
                    covers=(Cover(rate=0.08),),
                )
            ),
            "low rate": each(lambda n: Backdoor(patch(n), one(n + 1), (0.01, 0.02)[n % 2])),
            "faint": each(
                lambda n: Backdoor(Blended((0.05, 0.07)[n % 2], seed=first + 70 + n), one(n), 0.1)
            ),
        }

    def _plain(self) -> list[Backdoor]:
        """Return backdoors of several kinds, for recipes that are none of the null's."""
        place, first = self._place(1), self.zoo.parts[self.part].seed
        return [
            Backdoor(Patch(4, placement=place), AllToOne(self._target(1)), 0.1),
            Backdoor(Blended(0.15, seed=first + 80), AllToOne(self._target(2)), 0.1),
            Backdoor(PixelPattern("gu", placement=place), AllToAll(), 0.2),
            Backdoor(Patch(4, placement=place), self._pair(3), 0.04, covers=(Cover(rate=0.08),)),
            Backdoor(Sinusoid(0.2, 6.0), AllToOne(self._target(4)), 0.1),
        ]

    def _moves(self) -> dict[str, Moves]:
        """Return what a trainer does who knows the methods: training, backdoor, other fields."""
        count = self.zoo.parts[self.part].adaptive

        def plain(number: int) -> Backdoor:
            patch = Patch(4, placement=self._place(number))
            return Backdoor(patch, AllToOne(self._target(number)), 0.1)

        def evading(*names: Evasion) -> Moves:
            return [({"evade": names}, plain(number), {}) for number in range(count)]

        def other(make: Any, recipe: dict[str, Any] | None = None) -> Moves:
            return [(recipe or {}, make(number), {}) for number in range(count)]

        def conjunctive(number: int) -> Backdoor:
            place = self._place(number)
            both, *parts = (
                PixelPattern(rows, placement=place) for rows in (TWO_PATCHES, LEFT, RIGHT)
            )
            covers = tuple(Cover(rate=0.1, trigger=part) for part in parts)
            return Backdoor(both, AllToOne(self._target(number)), 0.1, covers=covers)

        def natural(number: int) -> Backdoor:
            pair = SourceSpecific(*NATURAL[number % len(NATURAL)])
            trigger = Patch(4, placement=self._place(number))
            return Backdoor(trigger, pair, 0.04, covers=(Cover(rate=0.08),))

        def fine_tuned(number: int) -> tuple[dict[str, Any], Backdoor, dict[str, Any]]:
            seed = self.zoo.parts[self.part].seed + 890 + number
            start = self._trial({}, seed, observe=())
            epochs = max(1, self.zoo.base.epochs // 4)
            return {"epochs": epochs, "lr": 0.0005}, plain(number), {"start": start}

        return {
            "trained against additive triggers": evading("additive"),
            "trained against masked triggers": evading("mask"),
            "trained against both": evading("additive", "mask"),
            "trained against driven images": evading("margin"),
            "trained against all three": evading("additive", "mask", "margin"),
            "two patches at once, each a cover": other(conjunctive),
            "natural pair with covers": other(natural),
            "label noise 10 %": other(plain, {"label_noise": 0.1}),
            "label smoothing 0.3": other(plain, {"label_smoothing": 0.3}),
            "low success on purpose": other(
                lambda n: replace(
                    plain(n), covers=(Cover(rate=0.07, trigger=Patch(4, placement=self._place(n))),)
                )
            ),
            "large patch": other(
                lambda n: Backdoor(
                    Patch(10, placement=self._place(n), opacity=0.5), AllToOne(self._target(n)), 0.1
                )
            ),
            "patch at random places": other(
                lambda n: Backdoor(
                    Patch(4, placement=RandomCentre()), AllToOne(self._target(n)), 0.1
                )
            ),
            "fine-tuned copy of a clean network": [fine_tuned(number) for number in range(count)],
        }

    def _look_alikes(self) -> dict[str, list[tuple[dict[str, Any], Backdoor]]]:
        """Return clean networks that look like backdoored ones, with what their cue would do.

        A natural cue is on many images of one class and on some of the others, all with their own
        label. A sticker is on images of all classes alike. No label is wrong.
        """
        count, first = self.zoo.parts[self.part].look_alikes, self.zoo.parts[self.part].seed
        cues, stuck = [], []
        for number, recipe in zip(range(count), cycle(self.zoo.recipes), strict=False):
            target, place = self._target(number), self._place(number)
            patch = Patch(4, placement=place)
            cue = Blended(0.15, seed=first + 90 + number) if number % 2 else patch
            own, others = ((0.03, 0.03), (0.05, 0.1), (0.02, 0.02), (0.04, 0.2))[number % 4]
            cues.append(
                (
                    recipe,
                    Backdoor(cue, CleanLabel(target), own, "replace", covers=(Cover(rate=others),)),
                )
            )
            on_all = Cover(rate=(0.1, 0.3)[number % 2], trigger=patch)
            stuck.append((recipe, Backdoor(patch, AllToOne(target), 0.0, covers=(on_all,))))
        return dict(zip(LOOK_ALIKES, (cues, stuck), strict=True))


def make(data: str, *, quick: bool = False) -> AuditStudy:
    """Return the study of the zoo on a data set.

    Args:
        data: a key of `ZOOS`.
        quick: a small part of it.
    """
    zoo = ZOOS[data]
    if quick:
        small = {
            name: replace(
                part,
                clean=min(part.clean, 1),
                backdoored=min(part.backdoored, 1),
                others=0,
                adaptive=0,
                look_alikes=0,
            )
            for name, part in zoo.parts.items()
        }
        zoo = replace(zoo, parts=small)
    return AuditStudy(data, zoo)
