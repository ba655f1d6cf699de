"""The paper's tables and figures: trials in, a page out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.studies.catalogue import STUDIES as STUDIES
    from badnets.studies.running import make_study as make_study
    from badnets.studies.running import recorded as recorded
    from badnets.studies.running import run_study as run_study

__getattr__, __dir__, __all__ = exports(__name__)
