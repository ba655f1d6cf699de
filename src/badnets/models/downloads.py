"""A network of torchvision or timm with weights that somebody published, as a classifier."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from badnets.bundles import InputSpec
from badnets.core.errors import SettingError
from badnets.core.results import Result
from badnets.models.catalogue import build
from badnets.models.classifier import Classifier
from badnets.models.inputs import input_spec
from badnets.models.weights import Match, StartingWeights, match, with_weights

COUNTER = "num_batches_tracked"  # of normalisation: no answer depends on it, and many leave it out
SIDE = 224
IMAGENET_CLASSES = 1000


def classifier_of_weights(
    path: Path | str, network: str, *, classes: int = IMAGENET_CLASSES, side: int | None = None
) -> tuple[Classifier, Match]:
    """Return a network with all of its weights from a file, as it was published, and what matched.

    Nothing is downloaded and nothing unpickled. Images are normalised as the library says for this
    network, else as is usual for ImageNet. Classes are named by their number.

    Args:
        path: a safetensors file.
        network: ``timm.NAME`` or ``torchvision.NAME``; any other classifier too.
        classes: how many it was published with, ``>= 2``.
        side: of the images, in pixels; None: as the library says, else 224.

    Raises:
        DataError, BundleError: the file cannot be read, or is no sound safetensors file.
        UnknownNameError: there is no such network.
        SettingError: the file lacks some of its weights, or has them in another shape.
    """
    weights = StartingWeights.of(path)
    spec = _input_of(network, side)
    built = build(network, spec.shape, classes)
    found = match(built, weights)
    lacking = [name for name in found.missing if not name.endswith(COUNTER)] + [*found.other_shape]
    if lacking:
        raise SettingError(
            f"{path} has not all weights of {network} for {classes} classes ({found}): give the "
            "network and the number of classes that they were published for"
        )
    names = tuple(map(str, range(classes)))
    return with_weights(Classifier(built, network, spec, names), weights)


class Imported(Result):
    """A bundle that was made of published weights."""

    bundle: str = Field(title="bundle")
    bundle_digest: str
    network: str = Field(title="network")
    shape: tuple[int, int, int]
    takes: str = Field(title="images", exclude=True)
    classes: int = Field(title="classes")
    weights: str = Field(title="weights", exclude=True)
    weights_digest: str


def import_weights(
    path: Path | str,
    network: str,
    out: Path,
    *,
    classes: int = IMAGENET_CLASSES,
    side: int | None = None,
) -> Imported:
    """Write the bundle of published weights and return what it is.

    Arguments and errors are those of `classifier_of_weights`.

    Raises:
        OutputError: the folder cannot be written, or the name is taken.
    """
    subject, found = classifier_of_weights(path, network, classes=classes, side=side)
    shape = subject.input.shape
    return Imported(
        bundle=str(out),
        bundle_digest=subject.save(out).digest,
        network=network,
        shape=shape,
        takes=" x ".join(map(str, shape)),
        classes=subject.num_classes,
        weights=str(found),
        weights_digest=StartingWeights.of(path).sha256,
    )


def _input_of(network: str, side: int | None) -> InputSpec:
    """Return the images that a network was published for."""
    library, _, name = network.partition(".")
    if library == "timm":
        import timm

        known = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
        if known is not None:
            channels, height, width = known.input_size
            return InputSpec.of(
                channels=channels,
                height=side or height,
                width=side or width,
                mean=known.mean,
                std=known.std,
            )
    return input_spec((3, side or SIDE, side or SIDE))
