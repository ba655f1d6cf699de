"""Weights that somebody published, as a classifier and as a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from pydantic import Field

from badnets.bundles import InputSpec
from badnets.bundles.digests import sha256_file
from badnets.core.errors import SettingError
from badnets.core.factories import is_factory
from badnets.core.results import Result
from badnets.models.catalogue import Shape
from badnets.models.classifier import Classifier
from badnets.models.foreign_weights import check_finite, check_kinds, read_weights
from badnets.models.hub_folder import is_hub_folder, read_hub_folder
from badnets.models.hub_networks import classifier_in
from badnets.models.inputs import input_spec
from badnets.models.libraries import GreyToColour
from badnets.models.naming import Naming, named
from badnets.models.onnx_file import SUFFIX

SIDE = 224
IMAGENET_CLASSES = 1000


def classifier_of_weights(
    path: Path | str,
    architecture: str,
    *,
    classes: Sequence[str] | int = IMAGENET_CLASSES,
    takes: InputSpec | None = None,
) -> tuple[Classifier, Naming]:
    """Return a network with all of its weights from a file, as it was published, and how.

    Nothing is downloaded. A pickle is read in a process of its own, with limits, and nothing in it
    is called: see `badnets.models.foreign_weights.read_weights`.

    Args:
        path: a safetensors file, or one that ``torch.save`` wrote.
        architecture: ``timm.NAME`` or ``torchvision.NAME``; any other classifier too, also
            ``module:factory``, a function of one's own, which is run.
        classes: names of the classes that it was published with, or how many there are, ``>= 2``:
            they are named by their numbers then.
        takes: shape of images and normalisation; None: as `usual_input` says.

    Raises:
        DataError, BundleError: the file cannot be read or is refused, or holds NaN.
        UnknownNameError: there is no such network.
        SettingError: the file lacks some of its weights, has them in another shape, or leaves open
            which is which.
    """
    names = tuple(map(str, range(classes))) if isinstance(classes, int) else tuple(classes)
    spec = takes or usual_input(architecture)
    with torch.device("cpu" if is_factory(architecture) else "meta"):
        empty = Classifier.build(architecture, spec, len(names), {})  # a wrong name is told at once
    weights = read_weights(path)
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.tensors.items()}
    own = {name: tuple(tensor.shape) for name, tensor in empty.state_dict().items()}
    wrapped = isinstance(next(empty.children(), None), GreyToColour)
    try:
        found = named(own, shapes, inner="network." if wrapped else "")
        tensors = {name: weights.tensors[their] for name, their in found.theirs.items()}
        check_kinds({k: v.dtype for k, v in empty.state_dict().items()}, tensors)
    except SettingError as error:
        raise SettingError(
            f"{path} does not fit {architecture} with {len(names)} classes: {error}"
        ) from None
    check_finite(tensors, path)
    network = Classifier.build(architecture, spec, len(names), {}, try_shape=False)
    network.load_state_dict(network.state_dict() | tensors)
    if weights.source != "safetensors":
        found = replace(found, how=f"{found.how}, from {weights.source}")
    return Classifier(network.eval(), architecture, spec, names), found


class Imported(Result):
    """A bundle that was made of published weights."""

    bundle: str = Field(title="bundle")
    bundle_digest: str
    network: str = Field(title="network")
    shape: tuple[int, int, int]
    takes: str = Field(title="images", exclude=True)
    classes: int = Field(title="classes")
    weights: str = Field(title="weights")
    weights_digest: str


def import_weights(
    path: Path | str,
    architecture: str | None,
    out: Path,
    *,
    classes: Sequence[str] | int | None = None,
    side: tuple[int, ...] | None = None,
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
) -> Imported:
    """Write the bundle of published weights and return what it is.

    Args:
        path: a file of weights; or a folder of transformers or timm, also one whose weights are a
            pickle, which says itself what network it is.
        architecture: as for `classifier_of_weights`; None for a folder.
        out: the bundle to write.
        classes: their names, or how many there are; None: a folder's own, else ImageNet's 1,000.
        side: height and width of the images, before them also the number of channels, in pixels;
            None: as the library says for this network, else 224 x 224.
        mean, std: of each channel, of images in [0, 1]; one number stands for all; none: as the
            library says, else as is usual.

    Raises:
        DataError, BundleError, UnknownNameError, SettingError: as for `classifier_of_weights`.
        OutputError: the folder cannot be written, or the name is taken.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() == SUFFIX:
        raise SettingError(f"{path} is an ONNX file: other commands take it as it is")
    if architecture is None:
        subject, found, digest = _of_folder(path, classes, side, mean, std)
    else:
        takes = _changed(usual_input(architecture, side), side, mean, std)
        count = IMAGENET_CLASSES if classes is None else classes
        subject, how = classifier_of_weights(path, architecture, classes=count, takes=takes)
        found, digest = str(how), sha256_file(path)
    shape = subject.input.shape
    return Imported(
        bundle=str(out),
        bundle_digest=subject.save(out).digest,
        network=subject.architecture,
        shape=shape,
        takes=" x ".join(map(str, shape)),
        classes=subject.num_classes,
        weights=found,
        weights_digest=digest,
    )


def usual_input(architecture: str, side: tuple[int, ...] | None = None) -> InputSpec:
    """Return the images that a network was published for: as timm says, else ImageNet's.

    Args:
        architecture: the network by name.
        side: height and width, before them also the number of channels, where they are known.
    """
    library, _, name = architecture.partition(".")
    if library == "timm":
        import timm

        known = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
        if known is not None:
            spec = InputSpec.of_shape(known.input_size, known.mean, known.std)
            return _changed(spec, side, (), ())
    return input_spec(_shape((3, SIDE, SIDE), side))


def _of_folder(
    path: Path,
    classes: Sequence[str] | int | None,
    side: tuple[int, ...] | None,
    mean: Sequence[float],
    std: Sequence[float],
) -> tuple[Classifier, str, str]:
    if not is_hub_folder(path):
        raise SettingError(
            f"{path} is no folder of transformers or timm: give --architecture, the network that "
            "the weights are of"
        )
    given = None
    if side and mean and std:  # the folder need not say
        given = _changed(input_spec(_shape((3, SIDE, SIDE), side)), side, mean, std)
    folder = read_hub_folder(path, takes=given, pickled=True)
    own = folder.config.classes
    names = own if classes is None or isinstance(classes, int) else tuple(classes)
    if len(own) != (classes if isinstance(classes, int) else len(names)):
        raise SettingError(f"{path} has {len(own)} classes: other than were given with --classes")
    tensors, how = None, "as the library names them"
    if folder.pickled is None:
        digest = folder.digest
    else:
        read, digest = read_weights(folder.pickled), sha256_file(folder.pickled)
        tensors, how = read.tensors, f"{how}; from {read.source}"
    subject = classifier_in(folder, tensors)
    spec = given or _changed(subject.input, side, mean, std)
    made = Classifier(subject.network, subject.architecture, spec, names, settings=subject.settings)
    return made, f"{len(made.network.state_dict())} tensors matched {how}", digest


def _shape(usual: Shape, side: tuple[int, ...] | None) -> Shape:
    if side is None:
        return usual
    return (usual[0], side[0], side[1]) if len(side) == 2 else (side[0], side[1], side[2])


def _changed(
    spec: InputSpec, side: tuple[int, ...] | None, mean: Sequence[float], std: Sequence[float]
) -> InputSpec:
    """Return images of another size or normalisation, where they are given."""
    shape = _shape(spec.shape, side)
    usual = spec if shape[0] == spec.channels else input_spec(shape)

    def of(name: str, given: Sequence[float], kept: tuple[float, ...]) -> tuple[float, ...]:
        values = tuple(given) * shape[0] if len(given) == 1 else tuple(given) or kept
        if len(values) != shape[0]:
            raise SettingError(f"{name} must have {shape[0]} numbers, one per channel, or one")
        return values

    means, deviations = of("mean", mean, usual.mean), of("std", std, usual.std)
    return InputSpec.of_shape(shape, means, deviations, spec.crop)
