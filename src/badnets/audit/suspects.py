"""What is audited: a model and clean images as they are given, and whether they can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from badnets.audit.base import ALL_PAIRS, MOST, MOST_PER_CLASS, AuditTables, answers, check_clean
from badnets.audit.cells import as_float, spread
from badnets.audit.combining import ERROR
from badnets.audit.deadline import Deadline, OutOfTime
from badnets.core.seeds import generator
from badnets.core.verdicts import NotCovered
from badnets.data.names import FOLDER
from badnets.evaluate.fitting import fitted_to, loaded, task_of_bundle
from badnets.models import load_detector
from badnets.models.description import described
from badnets.models.onnx_file import is_onnx
from badnets.models.subject import capabilities

PROBED = 2  # drawn images, and clean ones, that a model must not answer all alike


class Suspect(NamedTuple):
    """A model, and the images that it is looked at with.

    Attributes:
        subject: the model.
        clean: an `ImageSet`; None: none.
        data: name of the data set that they are of, where it has one.
        is_labelled: whether the labels are others' than the model's own.
    """

    subject: Any
    clean: Any
    data: str | None = None
    is_labelled: bool = True

    @classmethod
    def of(
        cls, suspect: Any, clean: Any, data: str | None, data_root: Any, *, allow_code: bool
    ) -> Suspect:
        """Return what is given as a file or folder, as a name, or as it is; see `audit`.

        Raises:
            BundleError, DataError, SettingError: a file cannot be read, or does not fit the others.
        """
        path, labelled = Path(suspect) if isinstance(suspect, str | Path) else None, True
        subject = suspect
        if path is not None and task_of_bundle(path) == "detection":
            subject = load_detector(path)
        elif path is not None:
            subject = loaded(path, allow_code=allow_code)
        if "boxes" in capabilities(subject):
            clean = None  # no method looks at it
        if isinstance(clean, str | Path):
            name = f"{FOLDER}{clean}" if isinstance(clean, Path) else clean
            read = fitted_to(subject, name, data_root, path=path, any_pictures=True)
            subject, clean, labelled = read.subject, read.images, read.is_labelled
            data = data or name
        data = data or getattr(clean, "data", None)
        if clean is not None and set(clean.classes) <= set(subject.classes):
            clean = clean.among(subject.classes)
        return cls(subject, clean, data, labelled)


def digest_of(suspect: Any) -> str | None:
    """Return what names a bundle, SHA-256 in hex digits; None for what is none."""
    if not isinstance(suspect, str | Path) or is_onnx(suspect):
        return None
    found = described(suspect)
    return None if found.claims is None else found.digest


def unfit(subject: Any, clean: Any, deadline: Deadline) -> str | None:
    """Return why it cannot be audited, as where it answers all images alike; None: it can be."""
    if "boxes" in capabilities(subject):
        return "it is a detector, and detectors are not audited yet"
    if subject.num_classes < 2:
        return f"it knows {subject.num_classes} class: there is no other to take for it"
    if "logits" not in capabilities(subject):
        return "it gives no logits"
    check_clean(subject, clean)
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


def named_itself(subject: Any, clean: Any, deadline: Deadline) -> tuple[Any, list[NotCovered]]:
    """Return clean images with the labels that the model gives them, and what took too long.

    None of them where there was no time.
    """
    most = min(len(clean), max(MOST, MOST_PER_CLASS * min(ALL_PAIRS, clean.num_classes)))
    clean = clean.take(range(most))
    with deadline.kept_by(subject) as timed:
        logits, late = answers(timed, clean, deadline)
    labels = logits.argmax(1).to(clean.labels.device)
    return replace(clean.take(range(len(labels))), labels=labels) if len(labels) else None, late


def without_labels(found: AuditTables, late: Sequence[NotCovered]) -> AuditTables:
    """Return tables that were made with images that the model named itself, but for some."""
    why = "the clean images came without labels: the model's own names were taken"
    lost = NotCovered(what="whether the model names clean images right", why=why)
    known = {name: value for name, value in found.quantities.items() if name != ERROR}
    return found.model_copy(
        update={"quantities": known, "coverage": (*found.coverage, *late, lost)}
    )


def named_right(subject: Any, clean: Any, labels: Sequence[int]) -> Any:
    """Return the clean images of some classes that a model names right; None: there are none."""
    wanted = torch.tensor(labels, device=clean.labels.device)
    rows = torch.isin(clean.labels, wanted).nonzero()[:, 0]
    rows = rows[spread(clean.labels[rows], MOST)].sort().values
    predicted = subject.predict(clean.images_at(rows)).to(rows.device) if len(rows) else rows
    rows = rows[predicted == clean.labels[rows]]
    return clean.take(rows) if len(rows) else None
