"""From subjects and detectors to bundles and back. Nothing is unpickled, or used unchecked."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch

from badnets._version import __version__
from badnets.bundles import (
    Architecture,
    Bundle,
    BundleConfig,
    Claims,
    MadeBy,
    read_bundle,
    write_bundle,
)
from badnets.core.errors import BundleError, SettingError, UnknownNameError
from badnets.core.factories import is_factory
from badnets.models.catalogue import build
from badnets.models.detector import Detector
from badnets.models.detectors import build_detector
from badnets.models.subject import Subject

SCALE, COARSE = "scale", "coarse"  # among a detector's settings: how frames are enlarged
# safetensors dtype names of what torch's state dicts hold
_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def save_subject(
    subject: Subject, path: Path, *, claims: Claims | None = None, replace: bool = False
) -> Bundle:
    """Write a subject as a bundle and return the bundle as read back.

    Args:
        subject: a classifier.
        path: the folder to make.
        claims: what its maker says of it.
        replace: whether a bundle that is there may be replaced.

    Raises:
        OutputError: the folder cannot be written, or the name is taken.
    """
    return write_bundle(
        path,
        tensors=_tensors(subject.network),
        config=BundleConfig.of(
            task="classification",
            architecture=Architecture.of(name=subject.architecture),
            input=subject.input,
            classes=subject.classes,
        ),
        claims=claims or Claims.of(made_by=MadeBy.of(tool="badnets", version=__version__)),
        replace=replace,
    )


def load_subject(path: Path, *, allow_code: bool = False) -> Subject:
    """Return the classifier in a bundle.

    Args:
        path: the bundle's folder.
        allow_code: whether the module that a bundle names by ``module:factory`` may be imported,
            and so run. Nothing in a bundle is run otherwise.

    Raises:
        BundleError: the bundle is malformed, is a detector's, names an unknown architecture, names
            code without consent to run it, or its tensors are not exactly those of that
            architecture. Said before any is used.

    Memory for a network of ours or a library's is taken only once its tensors are known to match.
    """
    bundle = read_bundle(path)
    config = bundle.config
    if config.task != "classification":
        raise BundleError(
            f"{path} holds a detector; a classifier was expected: use it with a data set that is "
            "labelled with boxes"
        )
    name, shape, classes = config.architecture.name, config.input.shape, config.num_classes
    if config.architecture.settings:
        odd = sorted(config.architecture.settings)
        raise BundleError(f"{path}: architecture {name!r} takes no settings, got {', '.join(odd)}")
    own = is_factory(name)
    if own and not allow_code:
        raise BundleError(
            f"{path} names {name}, code of its maker's own that builds its network; it is not run "
            "unless you trust it and say so: load_subject(path, allow_code=True), or --allow-code"
        )
    try:
        with torch.device("cpu" if own else "meta"):
            network = build(name, shape, classes)
    except (UnknownNameError, SettingError) as error:
        raise BundleError(f"{path}: {error}") from None
    tensors = _checked_tensors(bundle, network)
    if not own:
        # built anew: buffers that are not in the state dict must hold what the builder puts there
        network = build(name, shape, classes, try_shape=False)
    network.load_state_dict(tensors)
    return Subject(network.eval(), name, config.input, config.classes)


def save_detector(
    detector: Detector, path: Path, *, claims: Claims | None = None, replace: bool = False
) -> Bundle:
    """Write a detector as a bundle and return the bundle as read back.

    Arguments and errors are those of `save_subject`.
    """
    settings = {**detector.settings, SCALE: detector.scale, COARSE: detector.coarse}
    return write_bundle(
        path,
        tensors=_tensors(detector.network),
        config=BundleConfig.of(
            task="detection",
            architecture=Architecture.of(name=detector.architecture, settings=settings),
            input=detector.input,
            classes=detector.classes,
        ),
        claims=claims or Claims.of(made_by=MadeBy.of(tool="badnets", version=__version__)),
        replace=replace,
    )


def load_detector(path: Path) -> Detector:
    """Return the detector in a bundle.

    Raises:
        BundleError: the bundle is malformed, is a classifier's, names an unknown architecture, or
            its tensors are not exactly those of that architecture. Said before any is used.
    """
    bundle = read_bundle(path)
    config = bundle.config
    if config.task != "detection":
        raise BundleError(
            f"{path} holds a classifier; a detector was expected: use it with a data set that has "
            "a class for each image"
        )
    name, spec = config.architecture.name, config.input
    settings = dict(config.architecture.settings)
    scale, coarse = settings.pop(SCALE, 1.0), settings.pop(COARSE, 0.0)
    if spec.channels != 3:
        raise BundleError(f"{path}: a detector takes 3 channels, got {spec.channels}")
    factors = (_factor(path, scale), _factor(path, coarse))
    try:
        with torch.device("meta"):
            network = build_detector(name, config.num_classes, settings, spec)
        Detector(network, name, spec, config.classes, *factors, settings)  # refuses odd factors
    except (UnknownNameError, SettingError) as error:
        raise BundleError(f"{path}: {error}") from None
    tensors = _checked_tensors(bundle, network)
    network = build_detector(name, config.num_classes, settings, spec)
    network.load_state_dict(tensors)
    return Detector(network.eval(), name, spec, config.classes, *factors, settings)


def _factor(path: Path, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 10:
        return float(value)
    raise BundleError(f"{path}: scale and coarse must be in [0, 10], got {value!r}")


def _tensors(network: torch.nn.Module) -> bytes:
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    return safetensors.torch.save(tensors)


def _checked_tensors(bundle: Bundle, network: torch.nn.Module) -> dict[str, torch.Tensor]:
    _match(bundle, network)
    tensors: dict[str, torch.Tensor] = safetensors.torch.load(bundle.tensor_bytes())
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise BundleError(f"{bundle.path}: tensor {key!r} holds NaN or infinite values")
    return tensors


def _match(bundle: Bundle, network: torch.nn.Module) -> None:
    """Refuse tensors that are not exactly the network's, by name, shape and dtype."""
    wanted = network.state_dict()
    missing, foreign = (
        sorted(wanted.keys() - bundle.tensors),
        sorted(bundle.tensors.keys() - wanted),
    )
    if missing or foreign:
        raise BundleError(
            f"{bundle.path}: tensors do not match architecture "
            f"{bundle.config.architecture.name!r}: missing {missing[:3]}, unexpected {foreign[:3]}"
        )
    for name, tensor in wanted.items():
        info = bundle.tensors[name]
        if tuple(info.shape) != tuple(tensor.shape) or info.dtype != _DTYPES[tensor.dtype]:
            raise BundleError(
                f"{bundle.path}: tensor {name!r} is {info.dtype} {tuple(info.shape)}, "
                f"the architecture has {_DTYPES[tensor.dtype]} {tuple(tensor.shape)}"
            )
