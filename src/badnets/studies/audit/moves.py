"""Trainers who know the methods, and clean networks that look like backdoored ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from typing import Any, TypeAlias

from badnets.core.backdoor import Backdoor, Cover
from badnets.core.placements import RandomCentre
from badnets.core.targets import CleanLabel, SourceSpecific
from badnets.core.triggers import Blended, Patch, PixelPattern
from badnets.studies.audit.backdoors import Backdoors
from badnets.train.settings import Evasion

Made: TypeAlias = "list[tuple[dict[str, Any], Backdoor]]"
"""Changes of the base recipe, and the backdoor: of each network."""

FINE_TUNED = "fine-tuned copy of a clean network"
TAINTED = "trigger on 5 % of the clean images"  # that the audit is given
LOOK_ALIKES = ("natural cue", "stickers")
TWO_PATCHES = ("##....##", "##....##")  # both at once are the trigger, each alone is a cover
LEFT, RIGHT = ("##......", "##......"), ("......##", "......##")
NATURAL = ((7, 9), (4, 9), (3, 8), (9, 4))  # pairs of digits that look alike


def moves(own: Backdoors) -> dict[str, Made]:
    """Return what a trainer does who knows the methods: by move."""
    count = own.part.adaptive

    def patch(number: int) -> Patch:
        return Patch(4, placement=own.place(number))

    def plain(number: int) -> Backdoor:
        return Backdoor(patch(number), own.one(number), 0.1)

    def evading(*names: Evasion) -> Made:
        return [({"evade": names}, plain(number)) for number in range(count)]

    def other(make: Any, recipe: dict[str, Any] | None = None) -> Made:
        return [(recipe or {}, make(number)) for number in range(count)]

    def conjunctive(number: int) -> Backdoor:
        place = own.place(number)
        both, *parts = (PixelPattern(rows, placement=place) for rows in (TWO_PATCHES, LEFT, RIGHT))
        covers = tuple(Cover(rate=0.1, trigger=part) for part in parts)
        return Backdoor(both, own.one(number), 0.1, covers=covers)

    def natural(number: int) -> Backdoor:
        pair = SourceSpecific(*NATURAL[number % len(NATURAL)])
        return Backdoor(patch(number), pair, 0.04, covers=(Cover(rate=0.08),))

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
            lambda n: replace(plain(n), covers=(Cover(rate=0.07, trigger=patch(n)),))
        ),
        "large patch": other(
            lambda n: Backdoor(Patch(10, placement=own.place(n), opacity=0.5), own.one(n), 0.1)
        ),
        "patch at random places": other(
            lambda n: Backdoor(Patch(4, placement=RandomCentre()), own.one(n), 0.1)
        ),
        FINE_TUNED: other(plain, {"epochs": max(1, own.zoo.base.epochs // 4), "lr": 0.0005}),
        TAINTED: [({}, plain(number)) for number in range(own.part.tainted)],
    }


def look_alikes(own: Backdoors) -> dict[str, Made]:
    """Return clean networks that look like backdoored ones, with what their cue would do.

    A natural cue is on many images of one class and on some of the others, all with their own
    label. A sticker is on images of all classes alike. No label is wrong.
    """
    count, first = own.part.look_alikes, own.part.seed
    cues, stuck = [], []
    for number, recipe in zip(range(count), cycle(own.zoo.recipes), strict=False):
        target, place = own.target(number), own.place(number)
        patch = Patch(4, placement=place)
        cue = Blended(0.15, seed=first + 90 + number) if number % 2 else patch
        share, others = ((0.03, 0.03), (0.05, 0.1), (0.02, 0.02), (0.04, 0.2))[number % 4]
        on_others, on_all = Cover(rate=others), Cover(rate=(0.1, 0.3)[number % 2], trigger=patch)
        natural = Backdoor(cue, CleanLabel(target), share, "replace", covers=(on_others,))
        cues.append((recipe, natural))
        stuck.append((recipe, Backdoor(patch, own.one(number), 0.0, covers=(on_all,))))
    return dict(zip(LOOK_ALIKES, (cues, stuck), strict=True))
