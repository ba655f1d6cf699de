"""Text as a terminal or a spreadsheet can show it. This module imports nothing."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return text on one line that cannot steer a terminal, whatever is in it."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def no_formula(text: str) -> str:
    """Return text for a cell of CSV: spreadsheets run text that begins like a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
