"""The audit of a model: raw tables, where they stand among clean models, and a verdict."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

from badnets.audit.base import AUDITS, AuditTables, Tier, tables_of
from badnets.audit.calibration import Calibration, fitting
from badnets.audit.combining import COMBINED, Ruling, judged
from badnets.audit.methods.inversion import PairInversion
from badnets.audit.recovery import Recovered, recover
from badnets.core.lookup import shortened
from badnets.core.nulls import MethodPlace, Table
from badnets.core.outliers import anomaly_index
from badnets.core.results import Measured
from badnets.core.verdicts import MethodScore, NotCovered, Verdict, in_words
from badnets.data import load
from badnets.data.names import FOLDER
from badnets.evaluate.fitting import fitted, loaded
from badnets.models.subject import Subject

SHORTCUT = 0.5  # of other classes' images: a trigger that turns so many is a working one
UNSEEN = NotCovered(
    what="triggers made for one image alone, and triggers larger than those that are sought",
    why="no method looks for them",
)
ON_CLEAN = NotCovered(
    what="triggers on the clean images that were given",
    why="one that has the label which its trigger asks for counts as a clean image of that class",
)


def model(
    suspect: Subject | Path | str,
    clean: Any = None,
    *,
    calibration: Calibration | Path | str | None = None,
    max_fpr: float = 0.05,
    budget: float | None = None,
    tier: Tier = "standard",
    allow_code: bool = False,
    data_root: Path | str | None = None,
    seed: int = 0,
) -> Verdict:
    """Return whether a backdoor in a model is likely; `audit_of` gives all that this rests on.

    Takes what `audit_of` takes, and raises what it raises.
    """
    return audit_of(
        suspect,
        clean,
        calibration=calibration,
        max_fpr=max_fpr,
        budget=budget,
        tier=tier,
        allow_code=allow_code,
        data_root=data_root,
        seed=seed,
    ).verdict


def audit_of(
    suspect: Subject | Path | str,
    clean: Any = None,
    *,
    calibration: Calibration | Path | str | None = None,
    max_fpr: float = 0.05,
    budget: float | None = None,
    tier: Tier = "standard",
    allow_code: bool = False,
    data_root: Path | str | None = None,
    seed: int = 0,
) -> Audited:
    """Return whether a backdoor in a model is likely, with the evidence.

    Args:
        suspect: a subject, or a bundle or ONNX file of a classifier.
        clean: an `ImageSet` of clean images with right labels; or the name of a data set, whose
            test part is taken, or a folder as a path or ``folder:PATH``; None: methods that need
            none look alone.
        calibration: clean models to compare with, or their file; None: those of this kind that are
            packaged.
        max_fpr: the share of clean models that may be called backdoored, in (0, 1).
        budget: begin nothing further after so many seconds.
        tier: methods that take longer than this tier's are left out.
        allow_code: whether code that a bundle names may be run.
        data_root: where data sets lie; None: the usual place.
        seed: everything random follows from it.

    Raises:
        BundleError, DataError, SettingError: a file cannot be read, or does not fit the others.
    """
    name = None
    if isinstance(clean, Path):
        clean = f"{FOLDER}{clean}"
    if isinstance(clean, str):
        name = clean
        if isinstance(suspect, str | Path):
            read = fitted(suspect, clean, data_root, allow_code=allow_code)
            suspect, clean = read.subject, read.images
        else:
            clean = load(clean, data_root).test
    elif isinstance(suspect, str | Path):
        suspect = loaded(Path(suspect), allow_code=allow_code)
    if isinstance(calibration, str | Path):
        calibration = Calibration.read(calibration)
    return audit(
        suspect,
        clean,
        data=name,
        calibration=calibration,
        max_fpr=max_fpr,
        budget=budget,
        tier=tier,
        seed=seed,
    )


class Audited(NamedTuple):
    """What an audit gives.

    Attributes:
        verdict: its answer.
        found: the raw tables.
        recovered: the trigger of what is suspected, where one could be sought.
        calibration: the clean models that it was compared with.
        ruling: what follows from the tables; what they were compared with.
        subject: the model.
        clean: the images that it was looked at with; None: none.
    """

    verdict: Verdict
    found: AuditTables
    recovered: Recovered | None
    calibration: Calibration | None
    ruling: Ruling
    subject: Subject
    clean: Any


def audit(
    subject: Subject,
    clean: Any = None,
    *,
    data: str | None = None,
    calibration: Calibration | None = None,
    max_fpr: float = 0.05,
    budget: float | None = None,
    tier: Tier = "standard",
    seed: int = 0,
) -> Audited:
    """Return whether a backdoor is likely, with the evidence.

    Args:
        subject: the model.
        clean: an `ImageSet` of clean images with right labels; None: methods that need none look.
        data: name of the data set that the model is for, which picks among packaged calibrations.
        calibration: clean models to compare with; None: those of this kind that are packaged.
        max_fpr: the share of clean models that may be called backdoored, in (0, 1).
        budget: begin nothing further after so many seconds.
        tier: methods that take longer than this tier's are left out.
        seed: everything random follows from it.
    """
    begun = time.perf_counter()
    found = tables_of(subject, clean, seed=seed, budget=budget, tier=tier)
    compared = calibration or fitting(subject, data)
    ruling = _ruling(subject, found, compared, max_fpr)
    place, notes = ruling.place, list(ruling.notes)
    scores = tuple(_score(subject, kind, found, ruling.methods.get(kind)) for kind in found.tables)
    likely = place is not None and place.p_value <= max_fpr
    first = next(iter(place.methods.values())) if place and likely else None
    late = budget is not None and time.perf_counter() - begun > budget
    recovered, why = None, ""
    if first is not None:
        recovered, why = _evidence(subject, clean, first, found, seed, late=late)
    if recovered is not None and recovered.effect.value >= SHORTCUT:
        notes.append("from the model alone a backdoor cannot be told from a natural shortcut")
    elif recovered is not None:
        notes.append("no trigger was recovered that works on most other images")
    elif why:
        notes.append(f"no trigger was sought: {why}")
    looked, wanted = sum(kind in found.tables for kind in COMBINED), len(COMBINED)
    if place is not None and looked < wanted:
        notes.append(f"{looked} of the {wanted} methods that make a full verdict looked at it")
    suspected = first.targets if first and ruling.conclusion == "backdoor likely" else ()
    source = () if not suspected or not first or first.source is None else (first.source,)
    known = compared if place else None
    verdict = Verdict(
        conclusion=ruling.conclusion,
        suspected=_names(subject, suspected),
        suspected_source=_names(subject, source),
        max_fpr=max_fpr,
        p_value=place.p_value if place else None,
        smallest_fpr=place.smallest_fpr if place else None,
        null=known.kind if known else None,
        null_digests=tuple(one.digest for one in known.nulls) if known else (),
        compared_with=known.title if known else None,
        **in_words(
            place.p_value if place else None,
            place.smallest_fpr if place else None,
            max_fpr,
            scores,
        ),
        targets=suspected,
        scores=scores,
        sought=f"recovered by {recovered.family}, put on other images than it was made from"
        if recovered
        else None,
        effect=Measured.of(recovered.effect) if recovered else None,
        before=Measured.of(recovered.before) if recovered else None,
        coverage=(*found.coverage, UNSEEN, *(() if clean is None else (ON_CLEAN,))),
        notes=tuple(notes),
        noted="; ".join(notes) or None,
        seconds=round(time.perf_counter() - begun, 3),
    )
    return Audited(verdict, found, recovered, known, ruling, subject, clean)


def _ruling(
    subject: Subject, found: AuditTables, calibration: Calibration | None, max_fpr: float
) -> Ruling:
    """Return what follows from the tables, or why there is nothing to compare them with."""
    if not found.tables:
        return Ruling.unknown("no method could look at it")
    if calibration is None or not calibration.fits(subject):
        given = f": the {calibration.title} are others" if calibration else ""
        return Ruling.unknown(f"there are no clean models of its kind to compare it with{given}")
    return judged(found, calibration, max_fpr=max_fpr)


def _names(subject: Subject, targets: tuple[int, ...]) -> str | None:
    return shortened([subject.classes[target] for target in targets]) if targets else None


def _score(
    subject: Subject, kind: str, found: AuditTables, place: MethodPlace | None
) -> MethodScore:
    score, targets = (place.score, place.targets) if place else _within(found.tables[kind])
    return MethodScore(
        method=kind,
        version=found.versions[kind],
        score=score,
        p_value=place.p_value if place else None,
        targets=targets,
        points_at=_names(subject, targets),
        seconds=found.seconds[kind],
    )


def _within(table: Table) -> tuple[float | None, tuple[int, ...]]:
    """Return how far one target of a model lies above its others: uncalibrated evidence."""
    columns = [[cell for cell in column if cell is not None] for column in zip(*table, strict=True)]
    means = [sum(column) / len(column) for column in columns if column]
    if len(means) < 3:
        return None, ()
    indices = anomaly_index(means)
    largest = max(indices)
    if largest in (0, float("inf")):
        return None, ()
    return largest, (indices.index(largest),)


def _evidence(
    subject: Any, clean: Any, place: MethodPlace, found: AuditTables, seed: int, *, late: bool
) -> tuple[Recovered | None, str]:
    """Return the trigger of what is suspected, or why none was sought."""
    inverted = {kind for kind in found.tables if issubclass(AUDITS[kind], PairInversion)}
    if len(place.targets) != 1:
        return None, "there are several targets"
    if late:
        return None, "the time was over"
    if clean is None:
        return None, "no clean images were given"
    if not inverted:
        return None, "no method that makes one could look"
    right = clean.take((subject.predict(clean.images) == clean.labels).nonzero()[:, 0])
    return recover(subject, right, place.targets[0], source=place.source, seed=seed), ""
