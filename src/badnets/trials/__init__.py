"""Trial, Record, and running one trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.trials.cohort import cohort_key as cohort_key
    from badnets.trials.cohort import run_cohort as run_cohort
    from badnets.trials.cohort import worthwhile as worthwhile
    from badnets.trials.record import Record as Record
    from badnets.trials.running import run_trial as run_trial
    from badnets.trials.trial import OutsourcedTrial as OutsourcedTrial
    from badnets.trials.trial import RepairedTrial as RepairedTrial
    from badnets.trials.trial import TransferTrial as TransferTrial
    from badnets.trials.trial import Trial as Trial
    from badnets.trials.workspace import Workspace as Workspace

__getattr__, __dir__, __all__ = exports(__name__)
