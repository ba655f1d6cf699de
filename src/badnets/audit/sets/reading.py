"""What is audited: a training set and clean images as they are given, and a network for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from badnets.audit.base import check_clean
from badnets.core.errors import DataError, SettingError
from badnets.core.progress import Listener, Progress
from badnets.data import ImageSet, load, load_detection
from badnets.data.catalogue import task_of
from badnets.data.crops import crops_of
from badnets.data.folder import read_training
from badnets.data.names import FOLDER, parse_name
from badnets.data.streamed import in_order
from badnets.data.usual import USUAL, Usual, usual_of
from badnets.evaluate.fitting import fitted_to, loaded, name_of, task_of_bundle
from badnets.models.classifier import Classifier, untrained
from badnets.train.classification import TrainingRows, fit
from badnets.train.settings import Training

CROP = 32  # pixels a side that objects in boxes are cut out at
AT_A_TIME = 1000  # images that are decoded at a time
FEWEST = 2  # clean images of a class: one at least is left when a fold is held out


class Given(NamedTuple):
    """What an audit of a set looks at.

    Attributes:
        images: the training set.
        names: what each image is called: its path in the folder, or its number.
        called: the set's name.
        folder: where it lies; None: it is in no folder of classes.
        subject: the network; None: none was given.
        clean: clean images of its classes and size; None: none.
    """

    images: ImageSet
    names: Sequence[str]
    called: str
    folder: Path | None
    subject: Any
    clean: Any


def given(
    suspects: Any, model: Any, clean: Any, data_root: Any, *, allow_code: bool, seed: int
) -> Given:
    """Return what is given as files or names, or as it is, fitted to one another; see `audit_data`.

    Raises:
        BundleError, DataError, SettingError, ShapeError: it cannot be read, or does not fit.
    """
    path, subject = Path(model) if isinstance(model, str | Path) else None, model
    if path is not None and task_of_bundle(path) == "detection":
        raise SettingError(f"{path} holds a detector: give a classifier of the set's images")
    if path is not None:
        subject = loaded(path, allow_code=allow_code)
    names: Sequence[str] = ()
    folder = None
    if isinstance(suspects, str | Path):
        called = name_of(suspects)
        parsed = parse_name(called)
        folder = Path(parsed.base).expanduser() if parsed.kind == "folder" else None

        def read(name: str) -> ImageSet:
            nonlocal names
            images, names = _training(name, data_root)
            return images

        if subject is None:
            images = read(called)
        else:
            images = fitted_to(subject, called, data_root, path=path, read=read).images
    else:
        images, called = suspects, getattr(suspects, "data", None) or "images"
        if subject is not None and set(images.classes) <= set(subject.classes):
            images = images.among(subject.classes)
    names = names or [str(row) for row in range(len(images))]
    start = subject if subject is not None else _start(images, seed)
    check_clean(start, images)
    if clean is not None:
        clean = _clean(clean, start, path, data_root)
    return Given(images, names, called, folder, subject, clean)


def _training(name: str, root: Any) -> tuple[ImageSet, Sequence[str]]:
    """Return all training images of a set, and what each is called."""
    parsed = parse_name(name)
    if parsed.kind == "folder" and not parsed.classes:
        return read_training(parsed.base, parsed.size)
    if parsed.kind != "own" and task_of(name) == "detection":
        return crops_of(load_detection(name, root).train, CROP)
    images = load(name, root).train
    return images, [f"train/{row}" for row in range(len(images))]


def _clean(clean: Any, subject: Any, path: Path | None, root: Any) -> ImageSet:
    """Return clean images of a network's classes, with labels that are not the network's own."""
    if isinstance(clean, str | Path):
        name = name_of(clean)
        boxes = parse_name(name).kind != "own" and task_of(name) == "detection"

        def read(name: str) -> ImageSet:
            return crops_of(load_detection(name, root).test, CROP)[0]

        found = fitted_to(
            subject, name, root, path=path, any_pictures=True, read=read if boxes else None
        )
        if not found.is_labelled:
            raise SettingError(
                "the clean images need labels: give a folder with a folder for each class"
            )
        clean = found.images
    if not set(clean.classes) <= set(subject.classes):
        other = next(name for name in clean.classes if name not in subject.classes)
        raise SettingError(
            f"the clean images have a class {other!r} that the training set has not: give images "
            "of its classes, all or some"
        )
    fitted: ImageSet = clean.among(subject.classes)
    check_clean(subject, fitted)
    return fitted


def _usual(images: ImageSet) -> Usual:
    usual = usual_of(images.data) if images.data else None
    return usual or USUAL["mnist" if images.shape == (1, 28, 28) else FOLDER]


def _start(images: ImageSet, seed: int) -> Classifier:
    if sum(count > 0 for count in images.counts) < 2:
        raise DataError(
            "all images are of a single class: a network learns nothing from it; give --model"
        )
    return untrained(_usual(images).network, images.shape, images.classes, seed=seed)


def trained(
    images: ImageSet, epochs: int | None, *, seed: int, progress: Listener | None
) -> tuple[Classifier, str]:
    """Return a network that was trained on the set as it is, as is usual for it, and how in words.

    Raises:
        TrialError: training diverged.
    """
    usual = _usual(images)
    settings = usual.training | ({} if epochs is None else {"epochs": epochs})
    training = replace(Training(), **settings)
    rows = TrainingRows(images.stored, images.labels)
    subject = fit(_start(images, seed), rows, training, seed=seed, progress=progress).subject
    length = f"{training.epochs} epoch{'s' if training.epochs > 1 else ''}"
    return subject, f"{usual.network}, trained on the set itself for {length}"


def features(subject: Any, images: ImageSet, progress: Listener | None = None) -> Tensor:
    """Return ``(N, F)`` float32 features on the CPU; images are read in batches."""
    parts, done = [], 0
    for part in in_order(images.stored, AT_A_TIME):
        parts.append(subject.features(part).cpu())
        done += len(part)
        if progress is not None:
            progress(Progress(done, len(images), "looking"))
    return torch.cat(parts)
