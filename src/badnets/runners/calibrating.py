"""Calibrations: clean models are trained, and what the audit methods say of them is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from badnets.audit.calibration import Calibration
from badnets.audit.combining import rounded
from badnets.core.errors import SettingError
from badnets.data.catalogue import entry_of
from badnets.ledger import Ledger
from badnets.observations.audit import Audit
from badnets.runners.display import Display
from badnets.runners.running import run_all
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace


def calibrated(
    trials: Sequence[Trial],
    workspace: Workspace,
    ledger: Ledger,
    *,
    workers: int | None = None,
    data_root: Path | str | None = None,
    display: Display | None = None,
) -> Calibration:
    """Return what the audit methods say of the networks of honest trials, after running them.

    Networks that the user would not accept are left out: nobody would be given one.

    Args:
        trials: honest ones on one data set and of one architecture, with ``observe: [audit]``.
        workspace, ledger, workers, data_root, display: as for `badnets.runners.run_all`.

    Raises:
        SettingError: a trial is another, or too few networks are accepted.
        TrialError: trials failed.
    """
    for trial in trials:
        if not trial.is_clean or "audit" not in trial.observe:
            raise SettingError(
                f"a calibration is made of honest trials with `observe: [audit]`, and "
                f"{trial.title} is none"
            )
    first = trials[0]
    if any(
        (one.data, one.network, one.architecture) != (first.data, first.network, first.architecture)
        for one in trials
    ):
        raise SettingError("a calibration is of one data set and one network: split the recipe")
    records = run_all(
        trials, workspace, ledger, workers=workers, data_root=data_root, display=display
    )
    kept = {name: one.observed(Audit) for name, one in records.items() if one.outcome == "accepted"}
    return rounded(
        Calibration.of(
            {trial.name: found for trial in trials if (found := kept.get(trial.name)) is not None},
            kind="approximate",
            data=first.data,
            architecture=str(first.network),
            settings=first.architecture,
            shape=entry_of(first.data).shape,
        )
    )
