"""Small pictures in a terminal: two pixels in a character, or shades of ASCII."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.style import Style
from rich.text import Text

SHADES = " .:-=+*#%@"


def drawn(
    image: NDArray[np.uint8],
    *,
    changed: NDArray[np.bool_] | None = None,
    accent: str = "#ff9255",
    colour: bool = True,
) -> list[Text]:
    """Return a picture as lines of text, half as many as it has rows.

    Args:
        image: ``(H, W)`` uint8, grey; H even.
        changed: ``(H, W)`` bool: pixels to draw in the accent's colour.
        accent: ``#rrggbb``.
        colour: half blocks in shades of grey; else a character for each two pixels, ``@`` where
            one has changed.
    """
    marks = np.zeros(image.shape, dtype=np.bool_) if changed is None else changed
    lines = []
    for top in range(0, image.shape[0] - 1, 2):
        line = Text()
        for column in range(image.shape[1]):
            pair = [int(image[top + below, column]) for below in (0, 1)]
            lit = [bool(marks[top + below, column]) for below in (0, 1)]
            if colour:
                upper, lower = (
                    accent if is_lit else f"#{grey:02x}{grey:02x}{grey:02x}"
                    for grey, is_lit in zip(pair, lit, strict=True)
                )
                line.append("▀", Style.parse(f"{upper} on {lower}"))
            else:
                shade = SHADES[-1] if any(lit) else SHADES[sum(pair) * (len(SHADES) - 2) // 510]
                line.append(shade)
        lines.append(line)
    return lines


def beside(pictures: Sequence[Sequence[Text]], gap: int = 3) -> list[Text]:
    """Return pictures of equal height side by side."""
    space = Text(" " * gap)
    return [space.join(parts) for parts in zip(*pictures, strict=True)]
