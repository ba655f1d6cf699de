"""The audit of a model: raw tables, where they stand among clean models, and a verdict."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

from badnets.audit.base import AUDITS, AuditTables, tables_of
from badnets.audit.calibration import Calibration, fitting
from badnets.audit.methods.inversion import PairInversion
from badnets.audit.recovery import Recovered, recover
from badnets.core.nulls import MethodPlace, Null, Table, placed
from badnets.core.outliers import anomaly_index
from badnets.core.results import Measured
from badnets.core.verdicts import MethodScore, NotCovered, Verdict, conclusion_from, in_words
from badnets.data import load
from badnets.data.names import FOLDER
from badnets.evaluate.fitting import fitted, loaded
from badnets.models.subject import Subject

SHORTCUT = 0.5  # of other classes' images: a trigger that turns so many is a working one
UNSEEN = (
    NotCovered(
        what="triggers made for one image alone, and triggers larger than those that are sought",
        why="no method looks for them",
    ),
)


def model(
    suspect: Subject | Path | str,
    clean: Any = None,
    *,
    calibration: Calibration | Path | str | None = None,
    max_fpr: float = 0.05,
    budget: float | None = None,
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
        seed=seed,
    )


class Audited(NamedTuple):
    """What an audit gives.

    Attributes:
        verdict: its answer.
        found: the raw tables.
        recovered: the trigger of what is suspected, where one could be sought.
        calibration: the clean models that it was compared with.
        nulls: of those methods whose tables were compared; empty where none were.
        subject: the model.
        clean: the images that it was looked at with; None: none.
    """

    verdict: Verdict
    found: AuditTables
    recovered: Recovered | None
    calibration: Calibration | None
    nulls: tuple[Null, ...]
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
        seed: everything random follows from it.
    """
    begun = time.perf_counter()
    found = tables_of(subject, clean, seed=seed, budget=budget)
    compared = calibration or fitting(subject, data)
    nulls, notes = _nulls(subject, found, compared)
    place = (
        placed({one.method: found.tables[one.method] for one in nulls}, nulls) if nulls else None
    )
    methods = place.methods if place else {}
    p_value = place.p_value if place else None
    smallest = place.smallest_fpr if place else None
    wanted = nulls[0].quantities if nulls else {}
    unknown = [name for name in wanted if name not in found.quantities]
    if unknown:
        notes.append(f"its {' and '.join(unknown)} could not be measured")
    elif nulls and (outside := nulls[0].outside(found.quantities)):
        notes.append(
            f"its {' and '.join(outside)} lies outside the range of the clean models: it is none "
            "of their kind, and the p-value says nothing"
        )
    if smallest is not None and smallest > max_fpr:
        notes.append(f"{len(nulls[0].tables)} clean models cannot vouch for a rate of {max_fpr:g}")
    conclusion = conclusion_from(p_value, smallest, max_fpr) if not notes else "not checked"
    scores = tuple(_score(subject, kind, found, methods.get(kind)) for kind in found.tables)
    first = next(iter(methods), None)
    targets = methods[first].targets if first else ()
    coverage = (*found.coverage, *UNSEEN)
    recovered = None
    late = budget is not None and time.perf_counter() - begun > budget
    if conclusion == "backdoor likely" and len(targets) == 1 and not late:
        recovered = _evidence(subject, clean, targets[0], found, seed)
    if recovered is not None and recovered.effect.value >= SHORTCUT:
        notes.append("from the model alone a backdoor cannot be told from a natural shortcut")
    elif recovered is not None:
        notes.append("no trigger was recovered that works on most other images")
    elif conclusion == "backdoor likely":
        why = (
            "there are several targets"
            if len(targets) != 1
            else "the time was over"
            if late
            else "no clean images were given"
            if clean is None
            else "no method that makes one could look"
        )
        notes.append(f"no trigger was sought: {why}")
    suspected = targets if conclusion == "backdoor likely" else ()
    verdict = Verdict(
        conclusion=conclusion,
        suspected=_names(subject, suspected),
        max_fpr=max_fpr,
        p_value=p_value,
        smallest_fpr=smallest,
        null=compared.kind if nulls and compared else None,
        null_digests=tuple(one.digest for one in nulls),
        compared_with=compared.title if nulls and compared else None,
        **in_words(p_value, smallest, max_fpr),
        targets=suspected,
        scores=scores,
        sought=f"recovered by {recovered.family}, put on other images than it was made from"
        if recovered
        else None,
        effect=Measured.of(recovered.effect) if recovered else None,
        before=Measured.of(recovered.before) if recovered else None,
        coverage=coverage,
        notes=tuple(notes),
        noted="; ".join(notes) or None,
        seconds=round(time.perf_counter() - begun, 3),
    )
    return Audited(verdict, found, recovered, compared, tuple(nulls), subject, clean)


def _nulls(
    subject: Subject, found: AuditTables, calibration: Calibration | None
) -> tuple[list[Null], list[str]]:
    """Return the nulls of those methods that looked, and why there are none."""
    if not found.tables:
        return [], ["no method could look at it"]
    if calibration is None or not calibration.fits(subject):
        given = f": the {calibration.title} are others" if calibration else ""
        return [], [f"there are no clean models of its kind to compare it with{given}"]
    known = {one.method: one for one in calibration.nulls}
    notes = [
        f"{method}: {difference}"
        for method, version in found.versions.items()
        if method in known
        for difference in known[method].differences(method, version)
    ]
    nulls = [known[method] for method in found.tables if method in known]
    if notes or not nulls:
        return [], notes or ["the clean models were looked at by none of the methods that could"]
    if not found.quantities:  # without clean images there is nothing to compare but the tables
        nulls = [one.model_copy(update={"quantities": {}}) for one in nulls]
    return nulls, []


def _names(subject: Subject, targets: tuple[int, ...]) -> str | None:
    return ", ".join(subject.classes[target] for target in targets) or None


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
    subject: Any, clean: Any, target: int, found: AuditTables, seed: int
) -> Recovered | None:
    """Return the trigger for a target, where the images for it are there."""
    inverted = {kind for kind in found.tables if issubclass(AUDITS[kind], PairInversion)}
    if clean is None or not inverted:
        return None
    right = clean.take((subject.predict(clean.images) == clean.labels).nonzero()[:, 0])
    return recover(subject, right, target, seed=seed)
