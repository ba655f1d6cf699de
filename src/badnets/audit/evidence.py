"""What is shown of a model: a score of each method, and the trigger of what is suspected."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from badnets.audit.base import AUDITS, AuditTables, TriggerMethod
from badnets.audit.calibration import MARGIN
from badnets.audit.combining import reach
from badnets.audit.deadline import Deadline, OutOfTime
from badnets.audit.methods.inversion import AdditiveInversion
from badnets.audit.methods.transfer import transferability
from badnets.audit.recovery import Recovered, recover
from badnets.audit.suspects import named_right
from badnets.core.lookup import shortened
from badnets.core.nulls import MethodPlace, Table, measured
from badnets.core.outliers import anomaly_index
from badnets.core.verdicts import REACH, TRANSFERABILITY, MethodScore
from badnets.models.subject import Subject

OVER = "the time was over"


def names(subject: Subject, targets: tuple[int, ...]) -> str | None:
    """Return the names of targets; None: there are none."""
    return shortened([subject.classes[target] for target in targets]) if targets else None


def method_score(
    subject: Subject, kind: str, found: AuditTables, place: MethodPlace | None
) -> MethodScore:
    """Return what a method says: its place among clean models, else an outlier within the model."""
    score, targets = (place.score, place.targets) if place else _within(found.tables[kind])
    return MethodScore(
        method=kind,
        version=found.versions[kind],
        score=score,
        p_value=place.p_value if place else None,
        targets=targets,
        points_at=names(subject, targets),
        seconds=found.seconds[kind],
    )


def _within(table: Table) -> tuple[float | None, tuple[int, ...]]:
    """Return how far one target of a model lies above its others: uncalibrated evidence."""
    columns = measured(zip(*table, strict=True))
    means = {k: sum(column) / len(column) for k, column in enumerate(columns) if column}
    if len(means) < 3:
        return None, ()
    largest, target = max(
        zip(anomaly_index([*means.values()]), means, strict=True), key=itemgetter(0)
    )
    return (None, ()) if largest in (0, float("inf")) else (largest, (target,))


def reach_score(found: AuditTables) -> list[MethodScore]:
    """Return how far shared triggers reach: evidence without any other model."""
    table, margin = found.tables.get(AdditiveInversion.kind, ()), found.quantities.get(MARGIN, 0.0)
    known = [row for row in table if any(cell is not None for cell in row)]
    if len(known) < 3 or margin <= 0:  # of two classes, or of targets alone
        return []
    return [MethodScore(method=REACH, score=round(reach(tuple(known), margin), 4))]


def transferability_score(subject: Subject, clean: Any, deadline: Deadline) -> list[MethodScore]:
    """Return what can be said of two classes, of which none lies above the others."""
    begun = deadline.elapsed
    try:
        with deadline.kept_by(subject) as timed:
            found = transferability(timed, named_right(timed, clean, [0, 1]))
    except OutOfTime:
        return []
    if found is None:
        return []
    score, target = found
    return [
        MethodScore(
            method=TRANSFERABILITY,
            score=round(score, 4),
            targets=(target,),
            points_at=names(subject, (target,)),
            seconds=round(deadline.elapsed - begun, 3),
        )
    ]


def trigger_of(
    subject: Any, clean: Any, place: MethodPlace, found: AuditTables, seed: int, deadline: Deadline
) -> tuple[Recovered | None, str]:
    """Return the trigger of what is suspected, or why none was sought."""
    looked = {kind for kind in found.tables if issubclass(AUDITS[kind], TriggerMethod)}
    if len(place.targets) != 1:
        return None, "there are several targets"
    if deadline.is_over:
        return None, OVER
    if clean is None:
        return None, "no clean images were given"
    if not looked:
        return None, "no method that makes one could look"
    target, source = place.targets[0], place.source
    sources = [k for k in range(subject.num_classes) if k != target and source in (None, k)]
    try:
        with deadline.kept_by(subject) as timed:
            right = named_right(timed, clean, sources)
            made = right and recover(timed, right, target, source=source, seed=seed)
    except OutOfTime:
        return None, OVER
    return made, "" if made else "too few clean images of other classes are named right"
