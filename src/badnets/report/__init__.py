"""Figures, tables and the page, from records alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.report.audits import audit_page as audit_page
    from badnets.report.explanations import explain_page as explain_page
    from badnets.report.html import to_html as to_html
    from badnets.report.html import write_html as write_html
    from badnets.report.markdown import to_markdown as to_markdown
    from badnets.report.markdown import write_markdown as write_markdown
    from badnets.report.page import Answer as Answer
    from badnets.report.page import Block as Block
    from badnets.report.page import Cell as Cell
    from badnets.report.page import Column as Column
    from badnets.report.page import Figure as Figure
    from badnets.report.page import Folded as Folded
    from badnets.report.page import Gallery as Gallery
    from badnets.report.page import Note as Note
    from badnets.report.page import Number as Number
    from badnets.report.page import Numbers as Numbers
    from badnets.report.page import Page as Page
    from badnets.report.page import Picture as Picture
    from badnets.report.page import Section as Section
    from badnets.report.page import Story as Story
    from badnets.report.page import StoryRow as StoryRow
    from badnets.report.page import Table as Table
    from badnets.report.page import Tag as Tag
    from badnets.report.sarif_log import sarif as sarif
    from badnets.report.sarif_log import sarif_of_findings as sarif_of_findings

__getattr__, __dir__, __all__ = exports(__name__)
