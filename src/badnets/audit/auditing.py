"""The audit of a model: raw tables, where they stand among clean models, and a verdict."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar

from badnets.audit.base import AUDITS, AuditTables, Tier, tables_of
from badnets.audit.calibration import Calibration, fitting
from badnets.audit.combining import COMBINED, Ruling, ruling_of
from badnets.audit.deadline import Deadline
from badnets.audit.evidence import (
    method_score,
    names,
    reach_score,
    transferability_score,
    trigger_of,
)
from badnets.audit.files import beside, lint_of
from badnets.audit.methods.transfer import PerturbationTransfer
from badnets.audit.recovery import Recovered
from badnets.audit.suspects import Suspect, digest_of, named_itself, unfit, without_labels
from badnets.core.results import Measured
from badnets.core.verdicts import NotCovered, Verdict, in_words
from badnets.hub.linting.findings import LintReport
from badnets.models.subject import Subject

P = ParamSpec("P")
V = TypeVar("V", covariant=True)
SHORTCUT = 0.5  # of other classes' images: a trigger that turns so many is a working one
UNSEEN = NotCovered(
    what="triggers made for one image alone, and triggers larger than those that are sought",
    why="no method looks for them",
)
ON_CLEAN = NotCovered(
    what="triggers on the clean images that were given",
    why="one with a trigger, labelled as the trigger asks, passes for a clean image of that class",
)


class _HasVerdict(Protocol[V]):
    @property
    def verdict(self) -> V: ...


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
        linted: errors and warnings of `badnets lint` about its files; None: it is given in Python.
    """

    verdict: Verdict
    found: AuditTables
    recovered: Recovered | None
    calibration: Calibration | None
    ruling: Ruling
    subject: Subject
    clean: Any
    linted: LintReport | None = None


def audit(
    suspect: Subject | Path | str,
    clean: Any = None,
    *,
    data: str | None = None,
    calibration: Calibration | Path | str | None = None,
    max_fpr: float = 0.05,
    budget: float | None = None,
    tier: Tier = "standard",
    allow_code: bool = False,
    data_root: Path | str | None = None,
    seed: int = 0,
) -> Audited:
    """Return whether a backdoor in a model is likely, with the evidence.

    Beside the verdict on a file or folder stands what `badnets lint` says of it, which changes no
    conclusion: see `badnets.audit.files.FileVerdict`.

    Args:
        suspect: a subject, or a bundle or ONNX file; of a detector the answer is 'not checked'.
        clean: an `ImageSet` of clean images with right labels, of some of the model's classes or
            all; or the name of a data set, whose test part is taken, or a folder as a path or
            ``folder:PATH``. Pictures that lie in no folders for classes are labelled by the model.
            None: methods that need none look alone.
        data: name of the data set that the model is for, which picks among packaged calibrations;
            None: that of the clean images.
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
    deadline = Deadline(budget)
    subject, clean, data, is_labelled = Suspect.of(
        suspect, clean, data, data_root, allow_code=allow_code
    )
    linted = lint_of(suspect)
    if isinstance(calibration, str | Path):
        calibration = Calibration.read(calibration)
    why_not, late = unfit(subject, clean, deadline), list[NotCovered]()
    if why_not:
        lost = NotCovered(what="all backdoors", why=why_not)
        found = AuditTables(tables={}, coverage=(lost,))
    else:
        if not is_labelled:
            clean, late = named_itself(subject, clean, deadline)
        found = tables_of(subject, clean, seed=seed, budget=deadline, tier=tier)
        found = found if is_labelled else without_labels(found, late)
    fit = (calibration,) if calibration else fitting(subject, data)
    ruling = Ruling.unknown(why_not) if why_not else ruling_of(subject, found, fit, max_fpr)
    if ruling.place is not None and clean is None and data is None and not calibration:
        guess = (
            f"nothing says that it is for {fit[0].data} as the clean models are, though its "
            "network is theirs: give clean images, or --calibration"
        )
        ruling = ruling._replace(conclusion="not checked", notes=(*ruling.notes, guess))
    place, notes = ruling.place, list(ruling.notes)
    p_value, smallest_fpr = (place.p_value, place.smallest_fpr) if place else (None, None)
    scores = [method_score(subject, kind, found, ruling.methods.get(kind)) for kind in found.tables]
    if place is None and subject.num_classes == 2 and PerturbationTransfer.kind in found.tables:
        scores += transferability_score(subject, clean, deadline)
    elif place is None:
        scores += reach_score(found)
    likely = place is not None and place.p_value <= max_fpr
    first = next(iter(place.methods.values())) if place and likely else None
    recovered, why = None, ""
    if first is not None:
        recovered, why = trigger_of(subject, clean, first, found, seed, deadline)
    if recovered is not None and recovered.effect.value >= SHORTCUT:
        notes.append(
            "from the model alone a backdoor cannot be told from a natural shortcut, such as a "
            "logo on most training images of one class"
        )
    elif recovered is not None:
        notes.append("no trigger was recovered that works on most other images")
    elif why:
        notes.append(f"no trigger was sought: {why}")
    meant = [kind for kind in COMBINED if AUDITS[kind]().applies(subject.input.shape)]
    looked = [kind for kind in meant if kind in found.tables]
    if place is not None and 0 < len(looked) < len(meant):
        notes.append(
            f"of the {len(meant)} methods that make a full verdict {len(looked)} looked at it: "
            f"{', '.join(looked)}"
        )
    suspected = first.targets if first and ruling.conclusion == "backdoor likely" else ()
    each = "several, by source class: " if len(suspected) > 1 else ""
    source = () if not suspected or not first or first.source is None else (first.source,)
    known = fit[0] if place else None
    verdict = Verdict(
        conclusion=ruling.conclusion,
        suspected=f"{each}{names(subject, suspected)}" if suspected else None,
        suspected_source=names(subject, source),
        max_fpr=max_fpr,
        p_value=p_value,
        smallest_fpr=smallest_fpr,
        null=known.kind if known else None,
        null_digests=tuple(one.digest for one in known.nulls) if known else (),
        compared_with=known.title if known else None,
        **in_words(p_value, smallest_fpr, max_fpr, scores),
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
        bundle=digest_of(suspect),
        clean_images=None if clean is None else len(clean.labels),
    )
    verdict = beside(verdict, linted)
    return Audited(verdict, found, recovered, known, ruling, subject, clean, linted)


def verdict_of(audited: Callable[P, _HasVerdict[V]], name: str, said: str) -> Callable[P, V]:
    """Return what takes the same as an audit, and gives its verdict alone."""

    def alone(*given: P.args, **named: P.kwargs) -> V:
        return audited(*given, **named).verdict

    own = signature(audited).replace(return_annotation=said)
    alone.__signature__ = own  # type: ignore[attr-defined]
    alone.__name__ = alone.__qualname__ = name
    alone.__doc__ = (
        f"Return the verdict of `{audited.__name__}`, which gives all that this rests on.\n\n"
        "    Takes what it takes, and raises what it raises.\n    "
    )
    return alone


model = verdict_of(audit, "model", "Verdict")
