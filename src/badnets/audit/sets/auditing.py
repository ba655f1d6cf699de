"""The audit of a training set: which images stand out from clean ones, and how many that makes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from badnets.audit.auditing import verdict_of
from badnets.audit.deadline import Deadline
from badnets.audit.sets.base import DATA_METHODS, Points
from badnets.audit.sets.checks import Patch, repeated_patches, under_two_labels
from badnets.audit.sets.placing import Placed
from badnets.audit.sets.reading import FEWEST, Given, features, given, trained
from badnets.audit.sets.results import (
    ClassCount,
    Conclusion,
    DataVerdict,
    Repetition,
    SetScore,
    Share,
    Suspicious,
    TwoLabels,
)
from badnets.audit.suspects import unfit
from badnets.core.errors import DataError, SettingError
from badnets.core.lookup import shortened
from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.core.results import Measured
from badnets.core.verdicts import NotCovered
from badnets.data import ImageSet
from badnets.data.layouts import listing_state
from badnets.models.subject import Subject, capabilities

SHOWN = 20  # images that a verdict lists by rank
RANKING = "spectral-signatures"  # the method that ranks without clean images
WRONG_LABELS = "images with wrong labels are flagged too: look at them (--sheet, --list)"
UNSEEN = NotCovered(
    what="poison that keeps right labels, or hides among the features of its label's clean images",
    why="images are compared with clean ones of their own label",
)


class AuditedData(NamedTuple):
    """What an audit of a training set gives.

    Attributes:
        verdict: its answer.
        given: the images, what they are called, and the network.
        order: ``(N,)`` int64 rows, most suspicious first.
        flagged: ``(N,)`` bool.
        scores: ``(N,)`` float32 of the method that ranks; NaN: not scored.
    """

    verdict: DataVerdict
    given: Given
    order: Tensor
    flagged: Tensor
    scores: Tensor

    @property
    def kept(self) -> Tensor:
        """``(n,)`` int64 rows of the images that are not flagged: ``images.take(audited.kept)``."""
        return (~self.flagged).nonzero()[:, 0]


class _Looked(NamedTuple):
    scores: dict[str, Tensor]
    methods: tuple[SetScore, ...]
    expected: Rate | None  # held-out clean images above the threshold of the method that decides
    apart: tuple[float, float]  # its interval of what is flagged beyond these
    lost: list[NotCovered]


def audit_data(
    suspects: ImageSet | Path | str,
    model: Subject | Path | str | None = None,
    clean: ImageSet | Path | str | None = None,
    *,
    method: str = "mahalanobis",
    max_fpr: float = 0.01,
    epochs: int | None = None,
    allow_code: bool = False,
    data_root: Path | str | None = None,
    seed: int = 0,
    progress: Listener | None = None,
) -> AuditedData:
    """Return which images of a training set are likely to be poisoned, with the evidence.

    Args:
        suspects: the set: an `ImageSet`; the name of a data set, whose training part is taken; or a
            folder of pictures, whose training part is, all of it. Of frames, what lies in boxes.
        model: a classifier that was trained on the set, or its bundle; None: one is trained, as is
            usual for the set.
        clean: images with right labels that are not in the set, of its classes or some of them; or
            the name of a data set, whose test part is taken, or a folder. None: images are ranked,
            and none is flagged by the network's features.
        method: the one that decides: a key of `DATA_METHODS`.
        max_fpr: the share of clean images that may be flagged, in (0, 1).
        epochs: of training where no model is given; None: as is usual.
        allow_code: whether code that a bundle names may be run.
        data_root: where data sets lie; None: the usual place.
        seed: everything random follows from it.
        progress: told of training and of images that were looked at.

    Raises:
        BundleError, DataError, SettingError, ShapeError: something cannot be read, does not fit the
            rest, or was changed while it was read.
        TrialError: training diverged.
    """
    begun = time.perf_counter()
    decides = DATA_METHODS[method]
    if not 0 < max_fpr < 1:
        raise SettingError(f"max_fpr must be in (0, 1), got {max_fpr}")
    found = given(suspects, model, clean, data_root, allow_code=allow_code, seed=seed)
    state = None if found.folder is None else listing_state(found.folder)
    images, how = found.images, None
    patches = repeated_patches(images, seed=seed)
    twice = under_two_labels(images, found.names, found.folder, progress)
    if found.subject is None:
        subject, how = trained(images, epochs, seed=seed, progress=progress)
        found = found._replace(subject=subject)
    looked, named = _looked(found, method, max_fpr, seed, progress)
    if found.folder is not None and listing_state(found.folder) != state:
        raise DataError(f"{found.folder} was changed while it was read: audit it again")
    ranks = method if method in looked.scores else RANKING
    scores = looked.scores.get(ranks, torch.full((len(images),), torch.nan))
    threshold = next((one.threshold for one in looked.methods if one.method == method), None)
    above = scores > (float("inf") if threshold is None else threshold)
    share = flagged_share = None
    if looked.expected is not None:
        flagged_share = Rate(int(above.sum()), int((~scores.isnan()).sum()))
        share = Share.of(flagged_share, looked.expected, decides.finds, looked.apart)
    flagged = above.clone()
    for one in patches:
        flagged[one.rows] = True
    order = scores.nan_to_num(-float("inf")).argsort(descending=True, stable=True)
    order = order[flagged[order].logical_not().long().argsort(stable=True)]
    conclusion: Conclusion = "not checked" if share is None else "nothing found"
    if patches or (share is not None and share.low > 0):
        conclusion = "poisoning likely"
    notes = tuple(_notes(found, patches, flagged, conclusion, threshold))
    lost = looked.lost
    verdict = DataVerdict(
        conclusion=conclusion,
        data=found.called,
        images=len(images),
        poisoned_share=share,
        flagged=Measured.maybe(flagged_share),
        clean_flagged=Measured.maybe(looked.expected),
        max_fpr=max_fpr,
        method=ranks if looked.scores else None,
        network=how or found.subject.architecture,
        named_as_labelled=Measured.maybe(named),
        notes=notes,
        noted="; ".join(notes) or None,
        methods=looked.methods,
        classes=_classes(images, flagged),
        repetitions=tuple(
            Repetition(
                name=images.classes[one.label],
                images=one.images,
                row=one.row,
                column=one.column,
                elsewhere=one.elsewhere,
            )
            for one in patches
        ),
        two_labels=tuple(
            TwoLabels(paths=paths, where=", ".join(paths), why=why) for paths, why in twice
        ),
        suspicious=_suspicious(found, order, flagged, scores),
        flagged_images=tuple(found.names[row] for row in order[: int(flagged.sum())].tolist()),
        coverage=(*lost, UNSEEN),
        seconds=round(time.perf_counter() - begun, 3),
    )
    return AuditedData(verdict, found, order, flagged, scores)


data = verdict_of(audit_data, "data", "DataVerdict")


def _looked(
    found: Given, decides: str, max_fpr: float, seed: int, progress: Listener | None
) -> tuple[_Looked, Rate | None]:
    """Return what methods say of the features, and how many images are named as labelled."""
    subject, images, count = found.subject, found.images, found.images.num_classes
    why = unfit(subject, images.take(range(min(len(images), 1000))), Deadline())
    if why is None and "features" not in capabilities(subject):
        why = "no fully connected layer makes the network's logits, or it gives answers alone"
    if why is not None:
        lacking = NotCovered(what="features of the network", why=why)
        return _Looked({}, (), None, (0.0, 0.0), [lacking]), None
    points = Points(features(subject, images, progress), images.labels.cpu(), count)
    with torch.inference_mode():
        predicted = subject.head.cpu()(points.features).argmax(1)
    named = Rate(int((predicted == points.labels).sum()), len(images))
    clean, lost = None, list[NotCovered]()
    if found.clean is not None:
        rows, lost = _enough(found.clean, images)
        if len(rows):
            own = found.clean.take(rows)
            clean = Points(features(subject, own), own.labels.cpu(), count)
    scores, methods, expected, apart = dict[str, Tensor](), list[SetScore](), None, (0.0, 0.0)
    for kind in DATA_METHODS:
        method, start = DATA_METHODS[kind](), time.perf_counter()
        if method.needs_clean and clean is None:
            reason = "no clean images were given" if found.clean is None else "there are too few"
            lost.append(
                NotCovered(what=f"what {kind} finds", why=f"it needs clean images: {reason}")
            )
            continue
        place = Placed.by(method, points, clean, seed=seed)
        scores[kind], (threshold, above) = place.scores, place.threshold(max_fpr)
        if kind == decides and above is not None:
            expected, apart = above, place.interval(max_fpr, seed)
        own_flags = scores[kind] > threshold if threshold is not None else None
        scored = int((~scores[kind].isnan()).sum())
        methods.append(
            SetScore(
                method=kind,
                version=method.version,
                threshold=threshold,
                flagged=None
                if own_flags is None
                else Measured.of(Rate(int(own_flags.sum()), scored)),
                decides=kind == decides and threshold is not None,
                seconds=round(time.perf_counter() - start, 3),
            )
        )
    if clean is not None and expected is None:
        least = round(1 / max_fpr)
        reason = f"{len(clean.labels)} clean images cannot vouch for a rate of {100 * max_fpr:g} %"
        lost.append(NotCovered(what="a threshold", why=f"{reason}: give {least} or more"))
    return _Looked(scores, tuple(methods), expected, apart, lost), named


def _enough(clean: ImageSet, images: ImageSet) -> tuple[Tensor, list[NotCovered]]:
    """Return the rows of clean images of classes that have enough, and what is lost."""
    few = [k for k, count in enumerate(clean.counts) if count < FEWEST and images.counts[k]]
    labels = clean.labels.cpu()
    rows = (~torch.isin(labels, torch.tensor(few, dtype=torch.int64))).nonzero()[:, 0]
    if not few:
        return rows, []
    names = shortened([images.classes[label] for label in few])
    why = f"there are fewer than {FEWEST} clean images of each"
    return rows, [NotCovered(what=f"images of the classes {names}", why=why)]


def _notes(
    found: Given,
    patches: Sequence[Patch],
    flagged: Tensor,
    conclusion: Conclusion,
    threshold: float | None,
) -> list[str]:
    notes = []
    if found.clean is None:
        notes.append(
            "without clean images there is no threshold: images are ranked alone (--clean)"
        )
    if patches:
        notes.append(
            "the same patch lies at the same place in many images of a class; a logo or a date "
            "that belongs to one does so too"
        )
    if conclusion == "poisoning likely" and threshold is not None:
        counts = found.images.labels.cpu()[flagged].bincount()
        most, label = (int(one) for one in counts.max(0))
        notes.append(
            f"{most} of {int(flagged.sum())} flagged images are of class "
            f"{found.images.classes[label]}"
        )
        notes.append(WRONG_LABELS)
    return notes


def _classes(images: ImageSet, flagged: Tensor) -> tuple[ClassCount, ...]:
    counts = images.labels.cpu()[flagged].bincount(minlength=images.num_classes).tolist()
    told = zip(images.classes, images.counts, counts, strict=True)
    return tuple(ClassCount(name=name, images=n, flagged=own) for name, n, own in told)


def _suspicious(
    found: Given, order: Tensor, flagged: Tensor, scores: Tensor
) -> tuple[Suspicious, ...]:
    return tuple(
        Suspicious(
            rank=rank,
            image=str(found.names[row]),
            name=found.images.classes[int(found.images.labels[row])],
            score=round(float(scores[row]), 4),
            flagged=bool(flagged[row]),
        )
        for rank, row in enumerate(order[:SHOWN].tolist(), start=1)
        if not bool(scores[row].isnan())
    )
