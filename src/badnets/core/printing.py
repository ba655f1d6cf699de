"""Text as a terminal can show it. This module imports nothing."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return text on one line that cannot steer a terminal, whatever is in it."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
