"""Animals that sit, stand or lie, and animals from close by; the unit is half a head."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from badnets.data.pets.brush import Figure, oval, smooth, strip
from badnets.data.pets.chance import Chance
from badnets.data.pets.coats import CAT_PATTERNS, DOG_PATTERNS, Fur, Pattern
from badnets.data.pets.heads import cat_head, collar, dog_head
from badnets.data.pets.profiles import cat_profile, dog_profile

Paint = Callable[[Figure, Chance], None]
COLLARS = 0.35  # share of animals that wear one


@dataclass(frozen=True)
class Kind:
    """What cats, or dogs, are like.

    Args:
        head: paints it from the front.
        profile: paints it from the side.
        patterns: of coats, and how common each is.
        build: least and greatest width of the body, where 1 is between the two kinds.
        legs: least and greatest length of the legs, in profile.
        tails: lines of tails, from the root outwards.
        tail_widths: at the root and at the tip, for short hair.
    """

    head: Paint
    profile: Paint
    patterns: dict[Pattern, float]
    build: tuple[float, float]
    legs: tuple[float, float]
    tails: tuple[tuple[tuple[float, float], ...], ...]
    tail_widths: tuple[float, float]


CAT = Kind(
    cat_head, cat_profile, CAT_PATTERNS, (0.78, 1.0), (1.1, 1.6),
    (
        ((0, 0), (0.9, 0.1), (1.3, -0.5), (1.1, -1.1)),
        ((0, 0), (0.6, -0.5), (0.7, -1.4), (1.0, -1.9)),
        ((0, 0), (0.8, 0.3), (1.5, 0.3), (1.9, -0.1)),
    ), (0.3, 0.2),
)  # fmt: skip
DOG = Kind(
    dog_head, dog_profile, DOG_PATTERNS, (0.88, 1.16), (1.3, 2.1),
    (
        ((0, 0), (0.5, -0.5), (0.6, -1.0)),
        ((0, 0), (0.6, -0.4), (0.7, -1.1), (0.2, -1.4)),
        ((0, 0), (0.7, 0.2), (1.2, 0.6)),
        ((0, 0), (0.3, -0.2)),
    ), (0.34, 0.12),
)  # fmt: skip
KINDS: dict[str, Kind] = {"cat": CAT, "dog": DOG}


def sitting(figure: Figure, chance: Chance, kind: Kind) -> None:
    """Paint an animal that sits and looks out of the picture; its head is about the origin."""
    wide, tall = chance.between(*kind.build), chance.between(2.7, 3.3)
    paws, side = figure.coat.paws, chance.one_of((-1, 1))
    _tail(figure.inner(0.7 * side * wide, tall - 0.25), chance, kind, side)
    body = [(-0.5, 0.4), (0.5, 0.4), (0.78 * wide, 1.4), (1.0 * wide, 0.75 * tall),
            (0.9 * wide, tall), (-0.9 * wide, tall), (-1.0 * wide, 0.75 * tall),
            (-0.78 * wide, 1.4)]  # fmt: skip
    figure.furred(smooth(body), light=0.86)
    for half in (-1, 1):
        figure.furred(oval(0.72 * half * wide, tall - 0.5, 0.4, 0.55, 0.2 * half), light=0.9)
        figure.furred(oval(0.86 * half * wide, tall, 0.34, 0.16), fur=paws, light=0.9)
    if figure.coat.pattern == "bib" or chance.coin(0.25):
        figure.furred(oval(0, 1.35, 0.42 * wide, 0.75), fur="pale", light=0.94)
    apart = 0.3 * wide + chance.between(0, 0.08)
    for half in (-1, 1):
        leg = strip(
            [(apart * half, 1.5), (apart * half, 2.2), (0.95 * apart * half, tall)], 0.5, 0.4
        )
        figure.furred(leg, light=0.96)
        figure.furred(oval(0.97 * apart * half, tall + 0.04, 0.26, 0.17), fur=paws)
    if chance.coin(COLLARS):
        collar(figure, chance, -0.56, 0.56, 0.78)
    _head(figure, chance, kind)


def close_up(figure: Figure, chance: Chance, kind: Kind) -> None:
    """Paint head and chest; the head is about the origin."""
    wide = chance.between(*kind.build)
    chest = [(-0.55, 0.3), (0.55, 0.3), (1.15 * wide, 1.5), (1.5 * wide, 3.2), (-1.5 * wide, 3.2),
             (-1.15 * wide, 1.5)]  # fmt: skip
    figure.furred(smooth(chest), light=0.86)
    if figure.coat.pattern == "bib" or chance.coin(0.25):
        figure.furred(oval(0, 1.6, 0.5 * wide, 0.9), fur="pale", light=0.92)
    if chance.coin(COLLARS):
        collar(figure, chance, -0.68, 0.68, 0.84)
    _head(figure, chance, kind)


def standing(figure: Figure, chance: Chance, kind: Kind) -> None:
    """Paint an animal that stands and faces right; its head is up right of the origin."""
    legs, long = chance.between(*kind.legs), chance.between(2.3, 3.0)
    _tail(figure.inner(-long, -0.1), chance, kind, -1)
    for x, light in ((0.1, 0.62), (0.45 - long, 0.62), (-0.25, 0.95), (0.1 - long, 0.95)):
        _leg(figure, chance, x, legs, light, hind=x < -1)
    _trunk(figure, chance, long, chance.between(0.62, 0.8))
    figure.furred(oval(0.35 - long, 0.25, 0.52, 0.6), light=0.97)
    _head_aside(figure, chance, kind)


def lying(figure: Figure, chance: Chance, kind: Kind) -> None:
    """Paint an animal that lies and faces right; its head is up right of the origin."""
    long = chance.between(2.3, 3.0)
    _tail(figure.inner(-long, 0.2), chance, kind, -1)
    _trunk(figure, chance, long, 0.85)
    figure.furred(oval(0.45 - long, 0.5, 0.62, 0.5), light=0.97)
    figure.furred(strip([(0.0, 0.8), (0.6, 0.86), (1.1, 0.86)], 0.36, 0.3))
    _head_aside(figure, chance, kind)


def _trunk(figure: Figure, chance: Chance, long: float, deep: float) -> None:
    back = chance.about(-0.5, 0.1)
    body = [(-long - 0.15, 0.1), (-long + 0.2, back - 0.02), (-0.5 * long, back + 0.06),
            (-0.2, back - 0.05), (0.55, -0.2), (0.6, 0.5), (0.1, deep + 0.1), (-0.6 * long, deep),
            (-long + 0.1, deep)]  # fmt: skip
    neck = strip([(-0.1, 0.35), (0.35, -0.3), (0.65, -0.8)], 1.15, 0.85)
    figure.furred(smooth(body), neck, light=0.95)


def _head_aside(figure: Figure, chance: Chance, kind: Kind) -> None:
    """Paint the head of an animal that is seen from the side; it looks there, or at us."""
    head = figure.inner(0.75, -1.0, chance.between(0.86, 1.06), chance.about(0, 0.3))
    if chance.coin(COLLARS):
        collar(head, chance, -0.72, 0.35, 0.62)
    paint = kind.profile if chance.coin(0.6) else kind.head
    paint(head, chance)


def _head(figure: Figure, chance: Chance, kind: Kind) -> None:
    tilt = chance.about(0, 0.35)
    turned = figure.inner(chance.about(0, 0.12), 0, chance.between(0.92, 1.1), tilt)
    kind.head(turned, chance)


def _leg(
    figure: Figure, chance: Chance, x: float, long: float, light: float, *, hind: bool
) -> None:
    step, knee = chance.about(0, 0.3), -0.14 if hind else 0.04
    foot = (x + step, 0.5 + long)
    leg = strip(
        [(x, 0.3), (x + knee + step / 2, 0.5 + 0.5 * long), foot], 0.6 if hind else 0.46, 0.3
    )
    figure.furred(leg, light=light)
    figure.furred(oval(foot[0] + 0.1, foot[1], 0.25, 0.14), fur=figure.coat.paws, light=light)


def _tail(figure: Figure, chance: Chance, kind: Kind, side: int) -> None:
    bend = [(side * x, y) for x, y in chance.one_of(kind.tails)]
    thick = chance.between(0.85, 1.2) * (1.7 if figure.coat.long else 1.0)
    start, end = kind.tail_widths
    fur: Fur = "dark" if figure.coat.pattern == "points" else "own"
    figure.furred(strip(bend, start * thick, end * thick), fur=fur, light=0.84)


POSES: dict[str, Callable[[Figure, Chance, Kind], None]] = {
    "sitting": sitting,
    "close-up": close_up,
    "standing": standing,
    "lying": lying,
}
