"""Networks from bundles that fit a data set, and an attack from its two halves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from badnets.bundles import read_bundle
from badnets.cli.asked import targets_of, trigger_of
from badnets.core.backdoor import KnownTargetMap, KnownTrigger
from badnets.core.errors import SettingError
from badnets.data import FrameSet, ImageSet
from badnets.data.catalogue import COCO, DATASETS, Task, task_of
from badnets.models import load_detector, load_subject
from badnets.models.detector import Detector
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
    """Return what the network in a bundle is for.

    Raises:
        BundleError: the bundle is malformed.
    """
    return read_bundle(bundle).config.task


def fitting_data(bundle: Path, task: Task, data: str | None) -> str:
    """Return the data set that is asked for, or the usual one of the task.

    Raises:
        UnknownNameError: there is no such data set.
        SettingError: it is labelled for another task than the bundle's network.
    """
    if data is None:
        return USUAL[task]
    if task_of(data) != task:
        named = [name for name, entry in DATASETS.items() if entry.task == task]
        known = ", ".join([*named, f"{COCO}FOLDER"] if task == "detection" else named)
        raise SettingError(
            f"{bundle} holds {_HOLDS[task]}, but data set {data!r} {_LABELLED[task_of(data)]}: "
            f"take one that {_LABELLED[task]} ({known})"
        )
    return data


def load_fitting(bundle: Path, data: str, images: ImageSet) -> Subject:
    """Return the network in a bundle, if it has the classes and takes the images of the data.

    Raises:
        BundleError: the bundle is malformed, or holds a detector.
        SettingError: it is for images of another shape, or other classes.
    """
    subject = load_subject(bundle)
    if subject.input.shape != images.shape:
        raise SettingError(
            f"the network in {bundle} takes images of {_sides(subject.input.shape)}, those of "
            f"{data} are {_sides(images.shape)}: use the data set that it was trained for"
        )
    if subject.num_classes != images.num_classes:
        raise SettingError(
            f"the network in {bundle} knows {subject.num_classes} classes, {data} has "
            f"{images.num_classes}: use the data set that it was trained for"
        )
    return subject


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
