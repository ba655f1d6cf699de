"""Trial, Record, and running one trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.trials.record import Record
    from badnets.trials.running import run_trial
    from badnets.trials.trial import Trial
    from badnets.trials.workspace import Workspace

__getattr__, __dir__ = exports(
    __name__,
    {
        "Record": ".record",
        "Trial": ".trial",
        "Workspace": ".workspace",
        "run_trial": ".running",
    },
)

__all__ = ["Record", "Trial", "Workspace", "run_trial"]
