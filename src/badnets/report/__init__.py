"""Figures, tables and the page, from records alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.report.html import to_html, write_html
    from badnets.report.markdown import to_markdown, write_markdown
    from badnets.report.page import (
        Answer,
        Block,
        Cell,
        Column,
        Figure,
        Folded,
        Gallery,
        Note,
        Number,
        Numbers,
        Page,
        Picture,
        Section,
        Story,
        StoryRow,
        Table,
        Tag,
    )

_PARTS = (
    "Answer", "Block", "Cell", "Column", "Figure", "Folded", "Gallery", "Note", "Number",
    "Numbers", "Page", "Picture", "Section", "Story", "StoryRow", "Table", "Tag",
)  # fmt: skip

__getattr__, __dir__ = exports(
    __name__,
    dict.fromkeys(_PARTS, ".page")
    | {
        "to_html": ".html",
        "to_markdown": ".markdown",
        "write_html": ".html",
        "write_markdown": ".markdown",
    },
)

__all__ = [
    "Answer",
    "Block",
    "Cell",
    "Column",
    "Figure",
    "Folded",
    "Gallery",
    "Note",
    "Number",
    "Numbers",
    "Page",
    "Picture",
    "Section",
    "Story",
    "StoryRow",
    "Table",
    "Tag",
    "to_html",
    "to_markdown",
    "write_html",
    "write_markdown",
]
