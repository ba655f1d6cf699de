"""Networks from bundles that fit a data set, and an attack from its two halves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from badnets.bundles import read_bundle
from badnets.cli.asked import targets_of, trigger_of
from badnets.core.backdoor import KnownTargetMap, KnownTrigger
from badnets.core.errors import BundleError, SettingError
from badnets.data import FrameSet, ImageSet
from badnets.data.catalogue import COCO, DATASETS, FOLDER, Task, is_own, task_of
from badnets.models import load_detector, load_subject
from badnets.models.classifier import Classifier
from badnets.models.detector import Detector
from badnets.models.onnx_file import is_onnx
from badnets.models.subject import Subject

USUAL: dict[Task, str] = {"classification": "mnist", "detection": "scenes"}
"""The data set that a bundle is measured on where none is named."""

_HOLDS: dict[Task, str] = {"classification": "a classifier", "detection": "a detector"}
_LABELLED: dict[Task, str] = {
    "classification": "has a class for each image",
    "detection": "is labelled with boxes",
}


@dataclass(frozen=True)
class NamedAttack:
    """What is measured: a trigger and a target map, without a poisoning rate."""

    trigger: KnownTrigger
    targets: KnownTargetMap


def attack_of(trigger: str | None, targets: str | None) -> NamedAttack | None:
    """Return the attack that two options describe; None without them.

    Raises:
        BadnetsError: there is no such trigger or target map, or a setting is wrong.
    """
    if trigger is None or targets is None:
        return None
    return NamedAttack(trigger_of(trigger), targets_of(targets))


def task_of_bundle(bundle: Path) -> Task:
    """Return what the network in a bundle or an ONNX file is for; the latter is a classifier.

    Raises:
        BundleError: the bundle is malformed.
    """
    if is_onnx(bundle):
        return "classification"
    return read_bundle(bundle).config.task


def fitting_data(bundle: Path, task: Task, data: str | None) -> str:
    """Return the data set that is asked for, or the usual one of the task.

    Raises:
        UnknownNameError: there is no such data set.
        SettingError: it is labelled for another task than the bundle's network.
    """
    if data is None:
        return USUAL[task]
    if is_own(data):  # what it is labelled with is known once it is loaded
        return data
    if task_of(data) != task:
        named = [name for name, entry in DATASETS.items() if entry.task == task]
        known = ", ".join([*named, f"{COCO if task == 'detection' else FOLDER}PATH"])
        raise SettingError(
            f"{bundle} holds {_HOLDS[task]}, but data set {data!r} {_LABELLED[task_of(data)]}: "
            f"take one that {_LABELLED[task]} ({known})"
        )
    return data


def load_fitting(bundle: Path, data: str, images: ImageSet, *, allow_code: bool = False) -> Subject:
    """Return the network in a bundle, if it has the classes and takes the images of the data.

    Raises:
        BundleError: the bundle is malformed, holds a detector, names code without consent to run
            it, or is an ONNX file.
        SettingError: it is for images of another shape, or other classes.
    """
    if is_onnx(bundle):
        raise BundleError(
            f"{bundle} is an ONNX file, known by its answers alone: to look inside the network, "
            "take the bundle that it was made from"
        )
    subject = load_subject(bundle, allow_code=allow_code)
    _check_fitting(subject, bundle, data, images)
    return subject


def load_fitting_classifier(
    path: Path, data: str, images: ImageSet, *, allow_code: bool = False
) -> Classifier:
    """Return the network in a bundle or an ONNX file, for what its answers alone are needed for.

    Raises:
        BundleError: it is malformed, or holds a detector.
        SettingError: it is for images of another shape, or other classes.
    """
    if not is_onnx(path):
        return load_fitting(path, data, images, allow_code=allow_code)
    from badnets.models.onnx_subject import load_onnx

    subject = load_onnx(path, images.classes)
    _check_fitting(subject, path, data, images)
    return subject


def _check_fitting(subject: Classifier, path: Path, data: str, images: ImageSet) -> None:
    if subject.input.shape != images.shape:
        raise SettingError(
            f"the network in {path} takes images of {_sides(subject.input.shape)}, those of "
            f"{data} are {_sides(images.shape)}: use the data set that it was trained for"
        )
    if subject.num_classes != images.num_classes:
        raise SettingError(
            f"the network in {path} knows {subject.num_classes} classes, {data} has "
            f"{images.num_classes}: use the data set that it was trained for"
        )


def load_fitting_detector(bundle: Path, data: str, frames: FrameSet) -> Detector:
    """Return the detector in a bundle, if it has the classes of the data.

    Raises:
        BundleError: the bundle is malformed, or holds a classifier.
        SettingError: its classes are others, or in another order.
    """
    detector = load_detector(bundle)
    if detector.classes != frames.classes:
        raise SettingError(
            f"the detector in {bundle} knows the classes {', '.join(detector.classes)}, {data} has "
            f"{', '.join(frames.classes)}: use data with its classes, in their order"
        )
    return detector


def _sides(shape: tuple[int, int, int]) -> str:
    return "x".join(map(str, shape))
