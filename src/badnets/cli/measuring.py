"""A network from a bundle that fits a data set, and an attack from its two halves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from badnets.core.errors import SettingError
from badnets.core.targets import TargetMap
from badnets.core.triggers import Trigger
from badnets.data import ImageSet
from badnets.models import load_subject
from badnets.models.subject import Subject


@dataclass(frozen=True)
class NamedAttack:
    """What is measured: a trigger and a target map, without a poisoning rate."""

    trigger: Trigger
    targets: TargetMap


def load_fitting(bundle: Path, data: str, images: ImageSet) -> Subject:
    """Return the network in a bundle, if it has the classes and takes the images of the data.

    Raises:
        BundleError: the bundle is malformed.
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


def _sides(shape: tuple[int, int, int]) -> str:
    return "x".join(map(str, shape))
