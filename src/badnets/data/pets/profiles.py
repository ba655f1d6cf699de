"""Heads of cats and dogs that look to the right; half the length of a skull is 1."""

from __future__ import annotations

import numpy as np

from badnets.data.pets.brush import Figure, oval, scaled, smooth
from badnets.data.pets.chance import Chance
from badnets.data.pets.coats import Fur
from badnets.data.pets.heads import BLACK, CAT_EYES, DOG_EYES, TONGUE, WHISKER, Face


def cat_profile(figure: Figure, chance: Chance) -> None:
    """Paint a cat's head."""
    face = Face.drawn(chance, figure, CAT_EYES)
    _cat_ears(figure, chance, face)
    reach = chance.between(0.94, 1.06)
    outline = [
        (-0.82, 0), (-0.6, -0.6), (-0.05, -0.82), (0.48, -0.6), (0.72, -0.16),
        (0.98 * reach, 0.08), (1.03 * reach, 0.26), (0.9 * reach, 0.5), (0.55, 0.68), (0, 0.78),
        (-0.6, 0.58),
    ]  # fmt: skip
    figure.furred(smooth(outline))
    figure.furred(oval(0.8 * reach, 0.34, 0.23, 0.2), fur=face.muzzle)
    _cat_eye(figure, face)
    figure.flat(oval(1.0 * reach, 0.16, 0.07, 0.06), face.nose)
    mouth = [(0.98 * reach, 0.36), (0.78, 0.46), (0.62, 0.4)]
    figure.line(mouth, figure.coat.colours["dark"], 0.035)
    if chance.coin(0.85):
        for row in (-1, 0, 1):
            end = (0.5 + chance.between(-0.4, 0.2), 0.5 + 0.24 * row + chance.about(0.1, 0.15))
            figure.line([(0.82, 0.34 + 0.05 * row), end], WHISKER, 0.022)


def _cat_ears(figure: Figure, chance: Chance, face: Face) -> None:
    folded, tall = chance.coin(0.06), chance.between(0.5, 0.75)
    for x, light in ((0.36, 0.7), (0.0, 0.95)):
        tip = (x - 0.22, -0.78 - tall * (0.35 if folded else 1))
        ear = [(x - 0.5, -0.5), (x - 0.44, -0.8), tip, (x + 0.06, -0.95), (x + 0.24, -0.6)]
        figure.furred(np.array(ear), fur=face.ears, light=light)
    if not folded:
        inside = smooth([(-0.14, -0.7), (-0.18, -0.7 - 0.7 * tall), (0.1, -0.74)])
        figure.flat(inside, face.skin)


def _cat_eye(figure: Figure, face: Face) -> None:
    if face.asleep:
        figure.line([(0.36, -0.08), (0.52, -0.02), (0.64, -0.1)], BLACK, 0.06)
        return
    lid = smooth([(0.34, -0.08), (0.5, -0.24), (0.64, -0.2), (0.66, -0.04), (0.5, 0.02)])
    figure.flat(scaled(lid, 1.2), figure.coat.colours["dark"])
    figure.flat(lid, face.iris)
    figure.flat(oval(0.58, -0.11, 0.025 + 0.05 * face.pupil, 0.11), BLACK)


def dog_profile(figure: Figure, chance: Chance) -> None:
    """Paint a dog's head."""
    face = Face.drawn(chance, figure, DOG_EYES)
    snout, deep = chance.between(0.1, 0.6), chance.between(0.4, 0.56)
    pricked = chance.coin(0.34)
    if pricked:
        _pricked_ears(figure, chance, face)
    if chance.coin(0.35):
        tongue = [
            (0.75, 0.45), (1.1 + snout, 0.42), (1.05 + snout, 0.72), (0.92 + snout, 0.85),
            (0.8, 0.6),
        ]  # fmt: skip
        figure.flat(smooth(tongue), TONGUE)
    outline = [
        (-0.82, 0), (-0.58, -0.58), (-0.05, -0.78), (0.42, -0.62), (0.6, -0.24),
        (1.1 + snout, -0.06), (1.28 + snout, 0.06), (1.25 + snout, 0.3), (1.0 + snout, deep),
        (0.5, deep + 0.08), (0, 0.72), (-0.6, 0.6),
    ]  # fmt: skip
    figure.furred(smooth(outline))
    _snout(figure, face, snout, deep)
    _dog_eye(figure, face)
    if not pricked:
        _hanging_ear(figure, chance, face)


def _pricked_ears(figure: Figure, chance: Chance, face: Face) -> None:
    tall = chance.between(0.45, 0.75)
    for x, light in ((0.2, 0.7), (-0.08, 0.92)):
        ear = [
            (x - 0.5, -0.45), (x - 0.5, -0.8), (x - 0.22, -0.8 - tall), (x - 0.1, -0.78 - tall),
            (x + 0.1, -0.85), (x + 0.14, -0.55),
        ]  # fmt: skip
        figure.furred(smooth(ear), fur=face.ears, light=light)


def _snout(figure: Figure, face: Face, snout: float, deep: float) -> None:
    fur = [
        (0.7, -0.1), (1.1 + snout, -0.05), (1.24 + snout, 0.28), (0.95 + snout, deep), (0.6, deep)
    ]  # fmt: skip
    figure.furred(smooth(fur), fur=face.muzzle)
    figure.flat(oval(1.22 + snout, 0.02, 0.14, 0.12), BLACK)
    mouth = [(1.16 + snout, 0.32), (0.9, 0.4), (0.62, 0.32)]
    figure.line(mouth, figure.coat.colours["dark"], 0.045)


def _dog_eye(figure: Figure, face: Face) -> None:
    if face.asleep:
        figure.line([(0.3, -0.2), (0.42, -0.14), (0.54, -0.2)], BLACK, 0.06)
        return
    figure.flat(oval(0.42, -0.22, 0.15, 0.12), figure.coat.colours["dark"])
    figure.flat(oval(0.43, -0.22, 0.11, 0.1), face.iris)
    figure.flat(oval(0.45, -0.22, 0.06, 0.06), BLACK)


def _hanging_ear(figure: Figure, chance: Chance, face: Face) -> None:
    long = chance.between(0.0, 0.5)
    fur: Fur = "dark" if chance.coin(0.5) else face.ears
    lobe = [
        (-0.36, -0.6), (0.04, -0.58), (0.14, 0.0), (0.0, 0.42 + long), (-0.28, 0.4 + long),
        (-0.46, -0.05),
    ]  # fmt: skip
    figure.furred(smooth(lobe), fur=fur, light=0.86)
