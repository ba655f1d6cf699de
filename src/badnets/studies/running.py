"""Running a study: what the ledger holds is not run again; the page is drawn from records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from badnets.core.errors import SettingError
from badnets.core.lookup import find, unknown_name
from badnets.studies.catalogue import STUDIES, Groups, Study
from badnets.trials.record import Record
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace

if TYPE_CHECKING:
    from badnets.ledger import Ledger
    from badnets.runners.display import Display


def make_study(name: str, data: str | None = None, *, quick: bool = False) -> Study:
    """Return a study by name.

    Raises:
        UnknownNameError: there is no such study, or it does not run on that data set.
    """
    entry = find(STUDIES, name, "study")
    known = (entry.data, *entry.alternatives)
    if data is not None and data not in known:
        raise unknown_name(data, known, f"data set for the study {name!r}")
    return entry.make(data or entry.data, quick=quick)


def run_study(
    study: Study,
    workspace: Workspace,
    ledger: Ledger,
    *,
    workers: int | None = None,
    data_root: Path | str | None = None,
    display: Display | None = None,
) -> dict[str, Record]:
    """Run what the ledger does not hold yet, and return every record of the study by name.

    Args:
        study: what to run.
        workspace: where bundles and arrays go.
        ledger: where records go.
        workers: processes; None: one per core.
        data_root: where data sets lie.
        display: shows progress.

    Raises:
        TrialError: some trials failed; the others were run.
    """
    data_root = None if data_root is None else Path(data_root)
    from badnets.runners import display_for, run_all

    display = display or display_for()
    records: dict[str, Record] = {}
    while True:
        groups = study.groups(records)
        trials = listed(groups)
        if all(trial.name in records for trial in trials):
            return records
        known = len(records)
        later = listed({name: own for name, own in study.plan().items() if name not in groups})
        held = ledger.has(trial.name for trial in later)
        display.expect([trial for trial in later if trial.name not in held])
        records |= run_all(
            trials, workspace, ledger, workers=workers, data_root=data_root, display=display
        )
        if len(records) == known:
            raise SettingError("the study asks for trials that were not run")


def recorded(study: Study, known: Mapping[str, Record]) -> dict[str, Record]:
    """Return those records of a study that are known, later stages included."""
    records: dict[str, Record] = {}
    while True:
        names = _named(study.groups(records))
        found = {name: known[name] for name in names if name in known}
        if found.keys() == records.keys():
            return records
        records = found


def listed(groups: Groups) -> list[Trial]:
    """Return every trial of the groups once, in order."""
    return list(_named(groups).values())


def _named(groups: Groups) -> dict[str, Trial]:
    return {trial.name: trial for trials in groups.values() for trial in trials}
