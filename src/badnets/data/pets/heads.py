"""Heads of cats and dogs from the front; the half width of a head is 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from badnets.data.pets.brush import Colour, Figure, halves, oval, scaled, smooth, strip
from badnets.data.pets.chance import Chance
from badnets.data.pets.coats import Fur

BLACK: Colour = (22, 20, 22)
PINK: Colour = (206, 140, 136)
TONGUE: Colour = (216, 108, 116)
WHISKER: Colour = (246, 246, 242)
CAT_EYES: tuple[Colour, ...] = (
    (150, 178, 74), (206, 178, 62), (196, 132, 46), (104, 160, 196), (124, 108, 62),
)  # fmt: skip
DOG_EYES: tuple[Colour, ...] = (
    (82, 52, 30), (112, 72, 36), (52, 36, 26), (170, 124, 58), (120, 158, 186),
)  # fmt: skip


@dataclass(frozen=True)
class Face:
    """What is particular about one animal's face.

    Args:
        yaw: how far it looks to its right or left, in [-1, 1].
        iris: colour of the eyes.
        nose: colour of the nose.
        skin: colour inside the ears.
        pupil: how wide the pupils are, in [0, 1].
        asleep: whether the eyes are closed.
        muzzle: the fur around the nose.
        ears: the fur on the ears.
    """

    yaw: float
    iris: Colour
    nose: Colour
    skin: Colour
    pupil: float
    asleep: bool
    muzzle: Fur
    ears: Fur

    @classmethod
    def drawn(cls, chance: Chance, figure: Figure, eyes: tuple[Colour, ...]) -> Face:
        """Return a face that goes with the figure's coat, its eyes of one of the colours."""
        pattern = figure.coat.pattern
        dark = pattern == "points"
        light = pattern == "bib" or chance.coin(0.35)
        return cls(
            yaw=chance.about(0, 0.9),
            iris=chance.one_of(eyes),
            nose=PINK if chance.coin(0.3) else BLACK,
            skin=PINK if chance.coin(0.6) else figure.coat.colours["dark"],
            pupil=chance.unit(),
            asleep=chance.coin(0.07),
            muzzle="dark" if dark else "pale" if light else "own",
            ears="dark" if dark or chance.coin(0.2) else "own",
        )

    def across(self, x: float, depth: float = 1.0) -> float:
        """Return where a feature at ``x`` is seen; the further it sticks out, the more it moves."""
        return x * (1 - 0.14 * abs(self.yaw)) + 0.2 * depth * self.yaw


def cat_head(figure: Figure, chance: Chance) -> None:
    """Paint a cat's head from the front."""
    face = Face.drawn(chance, figure, CAT_EYES)
    _cat_ears(figure, chance, face)
    wide, jaw = chance.between(0.92, 1.08), chance.between(0.82, 1.0)
    cheeks = 0.08 if figure.coat.long else 0.0
    outline = halves(
        [(0, -0.8), (0.5, -0.74), (0.88 * wide, -0.28), ((1 + cheeks) * wide, 0.18),
         (0.82 * wide, 0.58 * jaw), (0.42, 0.86 * jaw), (0, 0.93 * jaw)]
    )  # fmt: skip
    figure.furred(outline)
    if figure.coat.pattern == "striped":
        for x, lean in ((-0.24, 0.06), (0.0, 0.0), (0.24, -0.06)):
            start, end = (face.across(x), -0.72), (face.across(x + lean), -0.38)
            figure.line([start, end], figure.coat.colours["dark"], 0.07)
    middle = face.across(0, 1.2)
    _cat_muzzle(figure, face, middle)
    for side in (-1, 1):
        _cat_eye(figure, face, side)
    if chance.coin(0.85):
        _whiskers(figure, chance, middle)


def _cat_muzzle(figure: Figure, face: Face, middle: float) -> None:
    figure.furred(
        oval(middle - 0.19, 0.44, 0.27, 0.2), oval(middle + 0.19, 0.44, 0.27, 0.2),
        oval(middle, 0.62, 0.2, 0.18), fur=face.muzzle,
    )  # fmt: skip
    nose = [(middle - 0.13, 0.24), (middle + 0.13, 0.24), (middle + 0.03, 0.37), (middle, 0.38)]
    figure.flat(smooth(nose), face.nose)
    for side in (-1, 1):
        mouth = [(middle, 0.36), (middle, 0.48), (middle + 0.2 * side, 0.55)]
        figure.line(mouth, figure.coat.colours["dark"], 0.035)


def _cat_ears(figure: Figure, chance: Chance, face: Face) -> None:
    folded = chance.coin(0.06)
    tall, spread = chance.between(0.5, 0.78), chance.between(-0.08, 0.16)
    for side in (-1, 1):
        far = 1 - 0.22 * face.yaw * side
        outer, inner = (side * 0.93 * far, -0.2), (side * 0.16 * far, -0.74)
        tip = (side * (0.72 + spread) * far, -0.82 - tall * (0.35 if folded else 1))
        bulge = (0.53 * (outer[0] + tip[0]) + 0.03 * side, 0.5 * (outer[1] + tip[1]))
        ear = np.array([outer, bulge, tip, (0.5 * (tip[0] + inner[0]), -0.86 - tall / 3), inner])
        figure.furred(ear, fur=face.ears, light=0.92)
        if not folded:
            figure.flat(scaled(ear, 0.6, 0.03), face.skin)


def _cat_eye(figure: Figure, face: Face, side: int) -> None:
    x, y = face.across(0.43 * side, 0.7), -0.06
    lid = smooth(
        [(x - 0.24 * side, y + 0.09), (x - 0.08 * side, y - 0.13), (x + 0.14 * side, y - 0.17),
         (x + 0.25 * side, y - 0.05), (x + 0.05 * side, y + 0.14)]
    )  # fmt: skip
    if face.asleep:
        figure.line([(x - 0.22, y), (x, y + 0.08), (x + 0.22, y)], BLACK, 0.06)
        return
    figure.flat(scaled(lid, 1.2), figure.coat.colours["dark"])
    figure.flat(lid, face.iris)
    figure.flat(oval(x, y - 0.01, 0.04 + 0.09 * face.pupil, 0.14), BLACK)
    figure.flat(oval(x - 0.06, y - 0.07, 0.04, 0.04), (250, 250, 250))


def _whiskers(figure: Figure, chance: Chance, middle: float, long: float = 1.0) -> None:
    colour = WHISKER if chance.coin(0.75) else (60, 56, 54)
    for side in (-1, 1):
        reach, droop = long * chance.between(0.75, 1.15), chance.between(-0.1, 0.25)
        for row in (-1, 0, 1):
            start = (middle + 0.28 * side, 0.43 + 0.06 * row)
            bend = (middle + (0.28 + 0.5 * reach) * side, 0.4 + 0.12 * row + 0.2 * droop)
            end = (middle + (0.28 + reach) * side, 0.42 + 0.2 * row + droop)
            figure.line([start, bend, end], colour, 0.022)


def dog_head(figure: Figure, chance: Chance) -> None:
    """Paint a dog's head from the front."""
    face = Face.drawn(chance, figure, DOG_EYES)
    kind = chance.weighted({"floppy": 0.56, "pricked": 0.26, "button": 0.18})
    if kind != "floppy":
        _upright_ears(figure, chance, face, button=kind == "button")
    wide, jowl = chance.between(0.82, 0.98), chance.between(0.5, 0.72)
    long = chance.between(0.95, 1.15)
    outline = halves(
        [(0, -0.82), (0.45, -0.78), (0.84 * wide, -0.4), (0.9 * wide, 0.05), (jowl + 0.1, 0.45),
         (jowl, 0.8 * long), (0, long)]
    )  # fmt: skip
    figure.furred(outline)
    if figure.coat.pattern == "bib" and chance.coin(0.6):  # a blaze
        x = face.across(0, 0.8)
        blaze = [(x - 0.1, -0.78), (x + 0.1, -0.78), (x + 0.2, 0.2), (x - 0.2, 0.2)]
        figure.furred(smooth(blaze), fur="pale")
    for side in (-1, 1):
        _dog_eye(figure, chance, face, side)
    _muzzle(figure, chance, face, long)
    if kind == "floppy":
        _hanging_ears(figure, chance, face)
    if chance.coin(0.12):
        _whiskers(figure, chance, face.across(0, 1.4), 0.6)


def _muzzle(figure: Figure, chance: Chance, face: Face, long: float) -> None:
    middle, size = face.across(0, 1.7), chance.between(0.85, 1.1)
    figure.furred(
        oval(middle, 0.38, 0.4 * size, 0.42 * size),
        oval(middle - 0.2 * size, 0.55, 0.28 * size, 0.25 * size),
        oval(middle + 0.2 * size, 0.55, 0.28 * size, 0.25 * size),
        oval(middle, long - 0.25, 0.27, 0.2),
        fur=face.muzzle,
    )
    if chance.coin(0.4):
        figure.flat(oval(middle, 0.82, 0.17, 0.06), (70, 34, 36))
        figure.flat(smooth([(middle - 0.14, 0.78), (middle + 0.14, 0.78), (middle + 0.15, 1.05),
                            (middle, 1.18), (middle - 0.15, 1.05)]), TONGUE)  # fmt: skip
    for side in (-1, 1):
        mouth = [(middle, 0.36), (middle, 0.62), (middle + 0.2, 0.74), (middle + 0.36, 0.66)]
        mouth = [(middle + (x - middle) * side, y) for x, y in mouth]
        figure.line(mouth, figure.coat.colours["dark"], 0.045)
    nose = [(middle - 0.24, 0.2), (middle, 0.12), (middle + 0.24, 0.2), (middle + 0.14, 0.37),
            (middle, 0.41), (middle - 0.14, 0.37)]  # fmt: skip
    figure.flat(smooth(nose), (110, 78, 66) if face.nose == PINK else face.nose)
    figure.flat(oval(middle - 0.06, 0.2, 0.06, 0.03), (150, 146, 148))


def _dog_eye(figure: Figure, chance: Chance, face: Face, side: int) -> None:
    x, y = face.across(0.38 * side, 0.7), -0.2
    if figure.coat.pattern == "bib" and chance.coin(0.4):
        figure.flat(oval(x, y - 0.24, 0.11, 0.07), figure.coat.colours["pale"])
    if face.asleep:
        figure.line([(x - 0.16, y), (x, y + 0.06), (x + 0.16, y)], BLACK, 0.06)
        return
    figure.flat(oval(x, y, 0.19, 0.155, 0.12 * side), figure.coat.colours["dark"])
    figure.flat(oval(x, y, 0.15, 0.12, 0.12 * side), (224, 218, 208))
    figure.flat(oval(x, y, 0.125, 0.125), face.iris)
    figure.flat(oval(x, y, 0.06 + 0.03 * face.pupil, 0.06 + 0.03 * face.pupil), BLACK)
    figure.flat(oval(x - 0.04, y - 0.05, 0.035, 0.035), (250, 250, 250))


def _upright_ears(figure: Figure, chance: Chance, face: Face, *, button: bool) -> None:
    tall, lean = chance.between(0.45, 0.85), chance.between(-0.1, 0.22)
    for side in (-1, 1):
        far = 1 - 0.22 * face.yaw * side
        tip = (side * (0.62 + lean) * far, -0.8 - tall)
        ear = smooth(
            [(side * 0.86 * far, -0.35), (side * (0.86 + 0.6 * lean) * far, -0.75 - 0.4 * tall),
             tip, (tip[0] - 0.14 * side, tip[1] + 0.04), (side * 0.3 * far, -0.78 - 0.35 * tall),
             (side * 0.22 * far, -0.7)]
        )  # fmt: skip
        figure.furred(ear, fur=face.ears, light=0.9)
        if button:  # the tip hangs over
            flap = [(0.26, -0.76 - 0.3 * tall), (0.6, -0.86 - 0.55 * tall),
                    (0.98, -0.7 - 0.3 * tall), (0.8, -0.32)]  # fmt: skip
            over = smooth([(side * x * far, y) for x, y in flap])
            figure.furred(over, fur="dark", light=0.95)
        else:
            figure.flat(scaled(ear, 0.6, 0.03), face.skin)


def _hanging_ears(figure: Figure, chance: Chance, face: Face) -> None:
    long, out = chance.between(0.1, 0.85), chance.between(0.0, 0.25)
    fur: Fur = "dark" if chance.coin(0.5) else face.ears
    for side in (-1, 1):
        far = 1 - 0.16 * face.yaw * side
        lobe = [(0.42, -0.74), (0.8, -0.76), (1.1 + out, -0.3), (1.14 + out, 0.2 + long),
                (0.92 + out, 0.42 + long), (0.72, 0.15 + 0.5 * long), (0.68, -0.3)]  # fmt: skip
        figure.furred(smooth([(side * x * far, y) for x, y in lobe]), fur=fur, light=0.88)


def collar(figure: Figure, chance: Chance, left: float, right: float, y: float) -> None:
    """Paint a collar with a tag below a head."""
    colour = (chance.whole(20, 230), chance.whole(20, 200), chance.whole(20, 220))
    middle = (left + right) / 2
    band = strip([(left, y), (middle, y + 0.16), (right, y)], 0.2, 0.2)
    figure.flat(band, colour)
    if chance.coin(0.6):
        figure.flat(oval(middle, y + 0.32, 0.11, 0.13), (216, 186, 92))
