"""Taking the backdoor out of a model: what is given as a path, a name or as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from badnets.audit.suspects import Suspect
from badnets.core.errors import SettingError
from badnets.core.progress import Listener
from badnets.models.subject import Subject, capabilities
from badnets.repair.base import REPAIRS, Parts, Repair, Repaired
from badnets.repair.standing import audited_after


def repair(
    suspect: Subject | Path | str,
    clean: Any,
    method: Repair | str = "auto",
    *,
    allow_code: bool = False,
    data_root: Path | str | None = None,
    audit: bool = False,
    seed: int = 0,
    progress: Listener | None = None,
) -> Repaired:
    """Return a repaired copy of a classifier, and what was done; the original stays as it is.

    Args:
        suspect: a subject, or a bundle.
        clean: an `ImageSet` of clean images with right labels; or the name of a data set, whose
            test part is taken, or a folder as a path or ``folder:PATH``.
        method: a repair, its name in `REPAIRS`, or its name with settings.
        allow_code: whether code that a bundle names may be run.
        data_root: where data sets lie; None: the usual place.
        audit: whether the model is audited before and after, on the held clean images; ``auto``
            does so by itself.
        seed: everything random follows from it.
        progress: told every few steps of training.

    Raises:
        BundleError, DataError, SettingError: a file cannot be read, or does not fit the others; the
            model cannot do what the repair needs.
        TrialError: training diverged.
    """
    chosen = REPAIRS.parse(method)
    subject, images, _, is_labelled = Suspect.of(
        suspect, clean, None, data_root, allow_code=allow_code
    )
    if "boxes" in capabilities(subject):
        raise SettingError("the model is a detector, and detectors are not repaired yet")
    if lacking := sorted(chosen.needs - capabilities(subject)):
        raise SettingError(
            f"{chosen.kind} needs {', '.join(lacking)}, which the model does not give"
        )
    if not is_labelled:
        raise SettingError(
            "a repair needs clean images with labels: give a folder with a folder for each class"
        )
    parts = Parts.of(images, seed)
    repaired = chosen.repaired(subject, parts, seed=seed, progress=progress)
    return audited_after(repaired, chosen, subject, parts, seed) if audit else repaired


def auto(suspect: Subject | Path | str, clean: Any, **further: Any) -> Any:
    """Return the subject that the repair ``auto`` gives; takes what `repair` takes."""
    return repair(suspect, clean, **further).subject
