"""The paper's tables and figures: trials in, a page out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.studies.catalogue import STUDIES
    from badnets.studies.running import make_study, recorded, run_study

__getattr__, __dir__ = exports(
    __name__,
    {
        "STUDIES": ".catalogue",
        "make_study": ".running",
        "recorded": ".running",
        "run_study": ".running",
    },
)

__all__ = ["STUDIES", "make_study", "recorded", "run_study"]
