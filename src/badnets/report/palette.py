"""Colours by what they say: one for 'clean', one for 'backdoored', on light and on dark ground.

Both accents keep their difference for people who confuse red and green, and in grey print: they
are the blue and the vermilion of Okabe and Ito's palette, deepened so that text in them can be
read (WCAG contrast of 4.5 and more on their ground).
"""

from __future__ import annotations

from dataclasses import dataclass

from badnets.report.page import Tone


@dataclass(frozen=True)
class Colour:
    """A colour as ``#rrggbb`` on light and on dark ground."""

    light: str
    dark: str


COLOURS: dict[str, Colour] = {
    "ground": Colour("#ffffff", "#15181d"),
    "panel": Colour("#f6f7f9", "#1d2127"),
    "ink": Colour("#1c2127", "#e7e9ec"),
    "muted": Colour("#58616c", "#a4adb8"),
    "line": Colour("#d8dce2", "#353c46"),
    "clean": Colour("#0067a5", "#67b7f2"),
    "backdoored": Colour("#bd4b00", "#ff9255"),
    "published": Colour("#596069", "#a5aeb9"),
}

# matplotlib's map of that name in equal steps, for the scales of pages and stories
MAGMA = ("#000004", "#3b0f70", "#8c2981", "#de4968", "#fe9f6d", "#fcfdbf")

TONES: dict[Tone, str] = {
    "plain": "ink",
    "clean": "clean",
    "backdoored": "backdoored",
    "published": "published",
    "muted": "muted",
}


def light(tone: Tone) -> str:
    """Return a tone's colour on light ground: what drawings are made with."""
    return COLOURS[TONES[tone]].light


def contrast(first: str, second: str) -> float:
    """Return the WCAG contrast ratio of two ``#rrggbb`` colours, in 1..21."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
