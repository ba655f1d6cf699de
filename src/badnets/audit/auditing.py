"""The audit of a model: raw tables, where they stand among clean models, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from badnets.audit.base import (
    ALL_PAIRS,
    AUDITS,
    MOST,
    MOST_PER_CLASS,
    AuditTables,
    Tier,
    answers,
    check_images,
    tables_of,
)
from badnets.audit.calibration import MARGIN, Calibration, fitting
from badnets.audit.cells import as_float, spread
from badnets.audit.combining import COMBINED, ERROR, Ruling, judged, reach
from badnets.audit.deadline import Deadline, OutOfTime
from badnets.audit.methods.inversion import AdditiveInversion, PairInversion
from badnets.audit.methods.transfer import PerturbationTransfer, transferability
from badnets.audit.recovery import Recovered, recover
from badnets.core.lookup import shortened
from badnets.core.nulls import MethodPlace, Table
from badnets.core.outliers import anomaly_index
from badnets.core.results import Measured
from badnets.core.seeds import generator
from badnets.core.verdicts import (
    REACH,
    TRANSFERABILITY,
    MethodScore,
    NotCovered,
    Verdict,
    in_words,
)
from badnets.data.names import FOLDER
from badnets.evaluate.fitting import fitted_to, loaded, task_of_bundle
from badnets.models import load_detector
from badnets.models.subject import Subject, capabilities

OVER = "the time was over"
PROBED = 2  # drawn images, and clean ones, that a model must not answer all alike
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
        suspect: a subject, or a bundle or ONNX file; of a detector the answer is 'not checked'.
        clean: an `ImageSet` of clean images with right labels, of some of the model's classes or
            all; or the name of a data set, whose test part is taken, or a folder as a path or
            ``folder:PATH``. Pictures that lie in no folders for classes are labelled by the model.
            None: methods that need none look alone.
        calibration: clean models to compare with, or their file; None: those of this kind that are
            packaged.
        max_fpr: the share of clean models that may be called backdoored, in (0, 1).
        budget: stop after so many seconds, in the middle of a method too; None: never.
        tier: methods that take longer than this tier's are left out.
        allow_code: whether code that a bundle names may be run.
        data_root: where data sets lie; None: the usual place.
        seed: everything random follows from it.

    Raises:
        BundleError, DataError, SettingError: a file cannot be read, or does not fit the others.
    """
    deadline, name, labelled = Deadline.of(budget), None, True
    path = Path(suspect) if isinstance(suspect, str | Path) else None
    subject: Any = suspect
    if path is not None and task_of_bundle(path) == "detection":
        subject, clean = load_detector(path), None
    elif path is not None:
        subject = loaded(path, allow_code=allow_code)
    if isinstance(clean, Path):
        clean = f"{FOLDER}{clean}"
    if isinstance(clean, str):
        name, read = clean, fitted_to(subject, clean, data_root, path=path, any_pictures=True)
        subject, clean, labelled = read.subject, read.images, read.is_labelled
    if isinstance(calibration, str | Path):
        calibration = Calibration.read(calibration)
    return audit(
        subject,
        clean,
        data=name,
        is_labelled=labelled,
        calibration=calibration,
        max_fpr=max_fpr,
        budget=deadline,
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
    is_labelled: bool = True,
    calibration: Calibration | None = None,
    max_fpr: float = 0.05,
    budget: float | Deadline | None = None,
    tier: Tier = "standard",
    seed: int = 0,
) -> Audited:
    """Return whether a backdoor is likely, with the evidence.

    Args:
        subject: the model.
        clean: an `ImageSet` of clean images with right labels, of some of the model's classes or
            all; None: methods that need none look.
        data: name of the data set that the model is for, which picks among packaged calibrations.
        is_labelled: whether the labels are others' than the model's own.
        calibration: clean models to compare with; None: those of this kind that are packaged.
        max_fpr: the share of clean models that may be called backdoored, in (0, 1).
        budget: stop after so many seconds, in the middle of a method too; None: never.
        tier: methods that take longer than this tier's are left out.
        seed: everything random follows from it.
    """
    deadline = Deadline.of(budget)
    if clean is not None and set(clean.classes) <= set(subject.classes):
        clean = clean.among(subject.classes)
    unfit = _unfit(subject, clean, deadline)
    if clean is not None and not is_labelled and not unfit:
        clean = _named_itself(subject, clean, deadline)
    found = (
        AuditTables(tables={}, coverage=(NotCovered(what="all backdoors", why=unfit),))
        if unfit
        else tables_of(subject, clean, seed=seed, budget=deadline, tier=tier)
    )
    if not is_labelled and not unfit:
        found = _without_labels(found)
    compared = calibration or fitting(subject, data)
    ruling = Ruling.unknown(unfit) if unfit else _ruling(subject, found, compared, max_fpr)
    place, notes = ruling.place, list(ruling.notes)
    scores = [_score(subject, kind, found, ruling.methods.get(kind)) for kind in found.tables]
    if place is None and subject.num_classes == 2 and PerturbationTransfer.kind in found.tables:
        scores += _transferability(subject, clean, deadline)
    elif place is None:
        scores += _reach(found)
    likely = place is not None and place.p_value <= max_fpr
    first = next(iter(place.methods.values())) if place and likely else None
    recovered, why = None, ""
    if first is not None:
        recovered, why = _evidence(subject, clean, first, found, seed, deadline)
    if recovered is not None and recovered.effect.value >= SHORTCUT:
        notes.append("from the model alone a backdoor cannot be told from a natural shortcut")
    elif recovered is not None:
        notes.append("no trigger was recovered that works on most other images")
    elif why:
        notes.append(f"no trigger was sought: {why}")
    looked, wanted = sum(kind in found.tables for kind in COMBINED), len(COMBINED)
    if place is not None and 0 < looked < wanted:
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
        scores=tuple(scores),
        sought=f"recovered by {recovered.family}, put on other images than it was made from"
        if recovered
        else None,
        effect=Measured.of(recovered.effect) if recovered else None,
        before=Measured.of(recovered.before) if recovered else None,
        coverage=(*found.coverage, UNSEEN, *(() if clean is None else (ON_CLEAN,))),
        notes=tuple(notes),
        noted="; ".join(notes) or None,
        seconds=round(deadline.elapsed, 3),
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


def _unfit(subject: Any, clean: Any, deadline: Deadline) -> str | None:
    """Return why it cannot be audited, as where it answers all images alike; None: it can be."""
    if "boxes" in capabilities(subject):
        return "it is a detector, and detectors are not audited yet"
    if subject.num_classes < 2:
        return f"it knows {subject.num_classes} class: there is no other to take for it"
    if "logits" not in capabilities(subject):
        return "it gives no logits"
    check_images(subject, clean)
    images = torch.rand(PROBED, *subject.input.shape, generator=generator(0, "noise"))
    if clean is not None:
        own = as_float(clean.images_at(spread(clean.labels, PROBED))).cpu()
        images = torch.cat([images, own])
    try:
        with deadline.kept_by(subject) as timed:
            logits = timed.logits(images)
    except OutOfTime:
        return None
    if not bool(logits.isfinite().all()):
        return "it answers images with numbers that are not finite"
    if bool((logits == logits[0]).all()):
        return "it answers every image alike: it has collapsed"
    return None


def _named_itself(subject: Any, clean: Any, deadline: Deadline) -> Any:
    """Return clean images with the labels that the model gives them; None: there was no time."""
    most = min(len(clean), max(MOST, MOST_PER_CLASS * min(ALL_PAIRS, clean.num_classes)))
    clean = clean.take(range(most))
    with deadline.kept_by(subject) as timed:
        labels = answers(timed, clean, deadline).argmax(1).to(clean.labels.device)
    return replace(clean.take(range(len(labels))), labels=labels) if len(labels) else None


def _without_labels(found: AuditTables) -> AuditTables:
    """Return tables that were made with images that the model named itself."""
    why = "the clean images came without labels: the model's own names were taken"
    lost = NotCovered(what="whether the model names clean images right", why=why)
    known = {name: value for name, value in found.quantities.items() if name != ERROR}
    return found.model_copy(update={"quantities": known, "coverage": (*found.coverage, lost)})


def _reach(found: AuditTables) -> list[MethodScore]:
    """Return how far shared triggers reach: evidence without any other model."""
    table, margin = found.tables.get(AdditiveInversion.kind, ()), found.quantities.get(MARGIN, 0.0)
    known = [row for row in table if any(cell is not None for cell in row)]
    if len(known) < 3 or margin <= 0:  # of two classes, or of targets alone
        return []
    return [MethodScore(method=REACH, score=round(reach(tuple(known), margin), 4))]


def _transferability(subject: Subject, clean: Any, deadline: Deadline) -> list[MethodScore]:
    """Return what can be said of two classes, of which none lies above the others."""
    begun = deadline.elapsed
    try:
        with deadline.kept_by(subject) as timed:
            found = transferability(timed, _right(timed, clean, [0, 1]))
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
            points_at=_names(subject, (target,)),
            seconds=round(deadline.elapsed - begun, 3),
        )
    ]


def _right(subject: Any, clean: Any, labels: Sequence[int]) -> Any:
    """Return the clean images of some classes that a model names right; None: there are none."""
    rows = torch.isin(clean.labels, torch.tensor(labels, device=clean.labels.device)).nonzero()[
        :, 0
    ]
    rows = rows[spread(clean.labels[rows], MOST)].sort().values
    predicted = subject.predict(clean.images_at(rows)).to(rows.device) if len(rows) else rows
    rows = rows[predicted == clean.labels[rows]]
    return clean.take(rows) if len(rows) else None


def _evidence(
    subject: Any,
    clean: Any,
    place: MethodPlace,
    found: AuditTables,
    seed: int,
    deadline: Deadline,
) -> tuple[Recovered | None, str]:
    """Return the trigger of what is suspected, or why none was sought."""
    inverted = {kind for kind in found.tables if issubclass(AUDITS[kind], PairInversion)}
    if len(place.targets) != 1:
        return None, "there are several targets"
    if deadline.is_over:
        return None, OVER
    if clean is None:
        return None, "no clean images were given"
    if not inverted:
        return None, "no method that makes one could look"
    target, source = place.targets[0], place.source
    sources = [k for k in range(subject.num_classes) if k != target and source in (None, k)]
    try:
        with deadline.kept_by(subject) as timed:
            right = _right(timed, clean, sources)
            made = right and recover(timed, right, target, source=source, seed=seed)
    except OutOfTime:
        return None, OVER
    return made, "" if made else "too few clean images of other classes are named right"
