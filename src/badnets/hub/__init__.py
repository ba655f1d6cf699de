"""Models of others: what is to be known of a folder before it is loaded. Imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.hub.linting.findings import Finding as Finding
    from badnets.hub.linting.findings import LintReport as LintReport
    from badnets.hub.linting.linting import lint as lint
    from badnets.hub.linting.rules import RULES as RULES

__getattr__, __dir__, __all__ = exports(__name__)
