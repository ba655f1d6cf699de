"""Text of strangers: characters that a drawing, a page or a table cannot hold are replaced."""

from __future__ import annotations

# neither XML nor a terminal takes these: controls, halves of surrogate pairs, non-characters
_UNPRINTABLE = dict.fromkeys(
    [*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF],
    "\ufffd",
)


def printable(text: str) -> str:
    """Return text with control characters replaced; tabs and line breaks stay."""
    return text if text.isprintable() else text.translate(_UNPRINTABLE)
