"""Networks from bundles that fit a data set, and data sets that fit a network."""

from __future__ import annotations

from pathlib import Path

from badnets.bundles import read_bundle
from badnets.core.devices import best_device
from badnets.core.errors import BundleError, SettingError
from badnets.data import FrameSet, ImageSet
from badnets.data.catalogue import DATASETS, Task, task_of
from badnets.data.names import COCO, FOLDER, parse_name
from badnets.models import load_detector, load_subject
from badnets.models.classifier import Classifier
from badnets.models.detector import Detector
from badnets.models.onnx_file import is_onnx
from badnets.models.subject import HasLogits

_HOLDS: dict[Task, str] = {"classification": "a classifier", "detection": "a detector"}
_LABELLED: dict[Task, str] = {
    "classification": "has a class for each image",
    "detection": "is labelled with boxes",
}


def task_of_bundle(path: Path) -> Task:
    """Return what the network in a bundle or an ONNX file is for; the latter is a classifier.

    Raises:
        BundleError: the bundle is malformed.
    """
    return "classification" if is_onnx(path) else read_bundle(path).config.task


def fitting_data(path: Path, task: Task, data: str | None) -> str:
    """Return the data set that is asked for, or the one that the bundle was trained on.

    Raises:
        UnknownNameError: there is no such data set.
        SettingError: it is labelled for another task than the bundle's network; or none is asked
            for, and the bundle names none that is known by name.
    """
    if data is None:
        return _claimed_data(path, task)
    if (
        parse_name(data).kind == "own" or task_of(data) == task
    ):  # one's own says what it is once it is loaded
        return data
    named = [name for name, entry in DATASETS.items() if entry.task == task]
    known = ", ".join([*named, f"{COCO if task == 'detection' else FOLDER}PATH"])
    raise SettingError(
        f"{path} holds {_HOLDS[task]}, but data set {data!r} {_LABELLED[task_of(data)]}: "
        f"take one that {_LABELLED[task]} ({known})"
    )


def _claimed_data(path: Path, task: Task) -> str:
    """Return the data set that a bundle says it was trained on."""
    claims = None if is_onnx(path) else read_bundle(path).claims
    parts = [] if claims is None else [name.rpartition("-") for name in claims.data]
    named = {data for data, _, part in parts if part in ("train", "test")}
    known = [
        data
        for data in named
        if (parsed := parse_name(data)).kind == "known"
        and (entry := DATASETS.get(parsed.base)) is not None
        and entry.task == task
    ]
    if len(known) == 1:
        return known[0]
    said = f" (it says: {', '.join(sorted(named))[:100]})" if named else ""
    raise SettingError(f"{path} names no data set that badnets knows{said}: give --data")


def fitting_classifier(
    path: Path, data: str, images: ImageSet, *, allow_code: bool = False
) -> HasLogits:
    """Return the network in a bundle or an ONNX file, if it has the data's classes and shape.

    Raises:
        BundleError: it is malformed, holds a detector, or names code without consent to run it.
        SettingError: it is for images of another shape, or other classes.
    """
    subject: HasLogits
    if is_onnx(path):
        from badnets.models.onnx_subject import load_onnx

        subject = load_onnx(path, images.classes)
    else:
        subject = load_subject(path, allow_code=allow_code).to(best_device())
    if subject.input.shape != images.shape:
        taken, given = ("x".join(map(str, each.shape)) for each in (subject.input, images))
        raise SettingError(
            f"the network in {path} takes images of {taken}, those of {data} are {given}: use the "
            "data set that it was trained for"
        )
    if subject.num_classes != images.num_classes:
        raise SettingError(
            f"the network in {path} knows {subject.num_classes} classes, {data} has "
            f"{images.num_classes}: use the data set that it was trained for"
        )
    return subject


def fitting_subject(
    path: Path, data: str, images: ImageSet, *, allow_code: bool = False
) -> Classifier:
    """Return the same for what looks inside the network, which an ONNX file does not allow.

    Raises:
        BundleError, SettingError: as `fitting_classifier`; or it is an ONNX file.
    """
    subject = fitting_classifier(
        refuse_onnx(path, "look inside"), data, images, allow_code=allow_code
    )
    assert isinstance(subject, Classifier)
    return subject


def fitting_detector(path: Path, data: str, frames: FrameSet) -> Detector:
    """Return the detector in a bundle, if it has the classes of the data.

    Raises:
        BundleError: the bundle is malformed, or holds a classifier.
        SettingError: its classes are others, or in another order.
    """
    detector = load_detector(path).to(best_device())
    if detector.classes != frames.classes:
        raise SettingError(
            f"the detector in {path} knows the classes {', '.join(detector.classes)}, {data} has "
            f"{', '.join(frames.classes)}: use data with its classes, in their order"
        )
    return detector


def refuse_onnx(path: Path, wanted: str) -> Path:
    """Return the path of a bundle; ``wanted`` says what an ONNX file does not allow.

    Raises:
        BundleError: it is an ONNX file.
    """
    if is_onnx(path):
        raise BundleError(
            f"{path} is an ONNX file, known by its answers alone: to {wanted} the network, take "
            "the bundle that it was made from"
        )
    return path
