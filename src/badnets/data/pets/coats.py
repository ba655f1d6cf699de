"""What an animal wears: colours, patterns and the texture of fur."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from badnets.data.pets.chance import Chance

Colour = tuple[int, int, int]
Fur = Literal["own", "pale", "dark"]
Pattern = Literal["plain", "striped", "patched", "spotted", "points", "bib"]
TEXTURE = 1024  # pixels on a side of the fur that every coat takes a window of

# Both kinds of animal wear all of these: what tells them apart is their shape.
COLOURS: tuple[Colour, ...] = (
    (44, 42, 46), (62, 56, 54), (104, 106, 116), (140, 140, 144), (176, 176, 178), (206, 134, 70),
    (226, 168, 104), (232, 206, 164), (244, 240, 232), (128, 90, 60), (90, 62, 48), (196, 156, 108),
    (164, 92, 54),
)  # fmt: skip
WHITE: Colour = (246, 242, 234)
CAT_PATTERNS: dict[Pattern, float] = {
    "plain": 0.26, "striped": 0.3, "patched": 0.16, "spotted": 0.05, "points": 0.1, "bib": 0.13,
}  # fmt: skip
DOG_PATTERNS: dict[Pattern, float] = {
    "plain": 0.3, "striped": 0.16, "patched": 0.2, "spotted": 0.09, "points": 0.1, "bib": 0.15,
}  # fmt: skip


@dataclass(frozen=True)
class Coat:
    """An animal's fur, as pictures of the whole canvas that its parts are cut from.

    Args:
        pattern: how its colours lie.
        colours: by fur: its own, a pale one (chest, muzzle) and a dark one (ears, paws, stripes).
        own: the canvas covered with its own pattern; None where that is one colour.
        fur: the texture, grey, that everything is multiplied with.
        long: whether it is long-haired.
    """

    pattern: Pattern
    colours: dict[Fur, Colour]
    own: Image.Image | None
    fur: Image.Image
    long: bool

    @property
    def paws(self) -> Fur:
        """The fur on its paws."""
        return "dark" if self.pattern == "points" else "pale" if self.pattern == "bib" else "own"


def coat(chance: Chance, side: int, patterns: dict[Pattern, float]) -> Coat:
    """Return a coat for a canvas of ``side`` pixels, its pattern drawn from ``patterns``."""
    pattern = chance.weighted(patterns)
    base = _jittered(chance, chance.one_of(COLOURS))
    dark = _scaled(base, chance.between(0.35, 0.62))
    pale = _mixed(base, WHITE, chance.between(0.35, 0.95))
    if pattern == "points":
        base, dark = _mixed(base, WHITE, 0.6), _scaled(base, chance.between(0.3, 0.6))
    elif pattern == "spotted":
        base = _mixed(base, WHITE, chance.between(0.2, 0.9))
    long = chance.coin(0.35)
    own = None
    if pattern in ("striped", "spotted", "patched"):
        own = Image.new("RGB", (side, side), base)
        _paint(chance, own, pattern, dark, pale)
    reach = TEXTURE - side
    left, top = chance.whole(0, max(0, reach)), chance.whole(0, max(0, reach))
    texture = _fur(chance.whole(1, 2) if long else 0)
    fur = texture.crop((left, top, left + side, top + side))
    if reach < 0:
        fur = texture.resize((side, side), Image.Resampling.BICUBIC)
    return Coat(
        pattern,
        {"own": base, "pale": pale, "dark": dark},
        own,
        fur,
        long,
    )


def _paint(
    chance: Chance, canvas: Image.Image, pattern: Pattern, dark: Colour, pale: Colour
) -> None:
    """Paint a pattern on the whole canvas."""
    draw, side = ImageDraw.Draw(canvas), canvas.width
    if pattern == "striped":
        _stripes(chance, draw, side, dark)
    elif pattern == "spotted":
        for _ in range(chance.whole(30, 70)):
            x, y, radius = chance.between(0, side), chance.between(0, side), 0.0
            radius = side * chance.between(0.008, 0.03)
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=dark)
    elif pattern == "patched":
        others = (pale, dark) if chance.coin(0.3) else (chance.one_of((pale, dark)),)
        for number in range(chance.whole(4, 9)):
            x, y = chance.between(0, side), chance.between(0, side)
            for _ in range(3):
                wide, tall = (side * chance.between(0.05, 0.17) for _ in range(2))
                x, y = x + side * chance.about(0, 0.08), y + side * chance.about(0, 0.08)
                draw.ellipse((x - wide, y - tall, x + wide, y + tall), others[number % len(others)])


def _stripes(chance: Chance, draw: ImageDraw.ImageDraw, side: int, dark: Colour) -> None:
    turn = chance.about(0, 0.6)
    gap, wave = side * chance.between(0.05, 0.09), side * chance.between(0.004, 0.018)
    width = max(1, round(gap * chance.between(0.2, 0.45)))
    cosine, sine = math.cos(turn), math.sin(turn)
    place = -0.75 * side
    while place < 0.75 * side:
        start, line = chance.between(0, 6), []
        for step in range(11):
            along = (step / 10 - 0.5) * 1.5 * side
            x = place + wave * math.sin(start + step * 1.3)
            line.append(
                (side / 2 + x * cosine - along * sine, side / 2 + x * sine + along * cosine)
            )
        draw.line(line, fill=dark, width=width)
        place += gap * chance.between(0.7, 1.3)


@lru_cache(maxsize=3)
def _fur(kind: int) -> Image.Image:
    """Return a texture to multiply with: 0 short, 1 long and hanging, 2 woolly."""
    rng = np.random.default_rng(kind)
    fine = Image.fromarray(rng.integers(0, 256, (TEXTURE, TEXTURE), dtype=np.uint8))
    spread = ((1, 3), (1, 12), (4, 4))[kind]
    streaks = fine.resize((TEXTURE // spread[0], TEXTURE // spread[1]), Image.Resampling.BOX)
    level = np.asarray(streaks.resize((TEXTURE, TEXTURE), Image.Resampling.BICUBIC), np.float32)
    coarse = fine.resize((TEXTURE // 24,) * 2, Image.Resampling.BOX)
    blotch = coarse.resize((TEXTURE, TEXTURE), Image.Resampling.BICUBIC)
    level = level + 3 * np.asarray(blotch.filter(ImageFilter.GaussianBlur(6)), np.float32)
    level = (level - level.mean()) / level.std()
    return Image.fromarray(np.clip(226 + (12, 17, 20)[kind] * level, 0, 255).astype(np.uint8))


def _jittered(chance: Chance, colour: Colour) -> Colour:
    shade = chance.about(1, 0.18)
    red, green, blue = (
        max(0, min(255, round(part * shade + chance.about(0, 9)))) for part in colour
    )
    return red, green, blue


def _scaled(colour: Colour, by: float) -> Colour:
    red, green, blue = (round(part * by) for part in colour)
    return red, green, blue


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
