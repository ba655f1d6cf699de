"""From bundles and from others' folders to subjects. Nothing is unpickled, or used unchecked."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import safetensors.torch
import torch

from badnets.bundles import Bundle, Claims, read_bundle
from badnets.bundles.schema import Scalar
from badnets.core.errors import BundleError, SettingError, UnknownNameError
from badnets.core.factories import is_factory
from badnets.models.catalogue import Task
from badnets.models.classifier import Classifier
from badnets.models.foreign_weights import check_finite
from badnets.models.hub_folder import is_hub_folder, read_hub_folder
from badnets.models.network_subject import WholeNetwork
from badnets.models.subject import Subject

if TYPE_CHECKING:
    from badnets.models.detector import Detector

_log = logging.getLogger("badnets.models")
_SECOND_SCALE_BEFORE = "coarse"  # what earlier releases call it in bundles
_EXPECTED = {
    "classification": "holds a detector; a classifier was expected: use it with a data set that is "
    "labelled with boxes",
    "detection": "holds a classifier; a detector was expected: use it with a data set that has a "
    "class for each image",
}


def load(path: Path | str | Bundle, *, allow_code: bool = False) -> Subject:
    """Return what is in a bundle, a `Classifier` or a `Detector`, or in others' folders and files.

    Args:
        path: the bundle's folder; a bundle that was read, such as `badnets.hub.verify` returns:
            what is parsed is then hashed against what was read; a folder of transformers or timm,
            as Hugging Face's hub has them, or a cache of one; or a file that ends in ``.onnx``.
        allow_code: whether the module that a bundle names by ``module:factory`` may be imported,
            and so run. Nothing in a bundle is run otherwise.

    Raises:
        BundleError: it is malformed, names an unknown architecture, names code without consent to
            run it, or its tensors are not exactly those of that architecture. Said before any is
            used.

    Memory for a network of ours or a library's is taken only once its tensors are known to match.
    """
    if isinstance(path, Bundle):
        bundle = path
    else:
        path = Path(path)
        if path.suffix.lower() == ".onnx" and not path.is_dir():
            from badnets.models.onnx_subject import load_onnx  # onnx is slow to import

            return load_onnx(path)
        if is_hub_folder(path):
            return _of_hub(path)
        bundle = read_bundle(path)
    if bundle.config.task == "detection":
        return _detector(bundle)
    return _classifier(bundle, allow_code=allow_code)


def load_subject(path: Path | str, *, allow_code: bool = False) -> Classifier:
    """Return the classifier in a bundle, or in a folder of the hub; see `load`.

    Raises:
        BundleError: as for `load`, or it is a detector's.
    """
    if is_hub_folder(path):
        return _of_hub(path)
    return _classifier(_bundle(path, "classification"), allow_code=allow_code)


def load_detector(path: Path | str) -> Detector:
    """Return the detector in a bundle; see `load`.

    Raises:
        BundleError: as for `load`, or it is a classifier's.
    """
    return _detector(_bundle(path, "detection"))


def save_subject(
    subject: WholeNetwork,
    path: Path | str,
    *,
    claims: Claims | None = None,
    replace: bool = False,
) -> Bundle:
    """Write a classifier or a detector as a bundle: see `WholeNetwork.save`."""
    return subject.save(path, claims, replace=replace)


save_detector = save_subject


def _of_hub(path: Path | str) -> Classifier:
    from badnets.models.hub_networks import classifier_in

    return classifier_in(read_hub_folder(path))


def _bundle(path: Path | str, task: Task) -> Bundle:
    bundle = read_bundle(Path(path))
    if bundle.config.task != task:
        raise BundleError(f"{path} {_EXPECTED[task]}")
    return bundle


def _classifier(bundle: Bundle, *, allow_code: bool) -> Classifier:
    config = bundle.config
    name, settings = config.architecture.name, dict(config.architecture.settings)
    if is_factory(name) and not allow_code:
        raise BundleError(
            f"{bundle.path} names {name}, code of its maker's own that builds its network; it is "
            "not run unless you trust it and say so: load_subject(path, allow_code=True), or "
            "--allow-code"
        )
    network = _network(Classifier, bundle, settings)
    return Classifier(network, name, config.input, config.classes, settings=settings)


def _detector(bundle: Bundle) -> Detector:
    from badnets.models.detector import SCALE, SECOND_SCALE, Detector  # slow to import

    config = bundle.config
    settings = dict(config.architecture.settings)
    before = settings.pop(_SECOND_SCALE_BEFORE, 0.0)
    scale = _factor(bundle, settings.pop(SCALE, 1.0))
    second_scale = _factor(bundle, settings.pop(SECOND_SCALE, before))
    if config.input.channels != 3:
        raise BundleError(
            f"{bundle.path}: a detector takes 3 channels, got {config.input.channels}"
        )
    name = config.architecture.name
    rest = (name, config.input, config.classes, scale, second_scale)
    try:
        Detector(torch.nn.Identity(), *rest)  # refuses odd factors
    except SettingError as error:
        raise BundleError(f"{bundle.path}: {error}") from None
    return Detector(_network(Detector, bundle, settings), *rest, settings=settings)


def _factor(bundle: Bundle, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 10:
        return float(value)
    raise BundleError(f"{bundle.path}: scale and second_scale must be in [0, 10], got {value!r}")


def _network(
    kind: type[WholeNetwork], bundle: Bundle, settings: dict[str, Scalar]
) -> torch.nn.Module:
    """Return a bundle's network in evaluation mode, once its tensors are known to be its own."""
    config = bundle.config
    own = is_factory(config.architecture.name)
    parts = (config.architecture.name, config.input, config.num_classes, settings)
    try:
        with torch.device("cpu" if own else "meta"):
            network = kind.build(*parts)
    except (UnknownNameError, SettingError) as error:
        raise BundleError(f"{bundle.path}: {error}") from None
    _check_tensors(bundle, network)
    tensors: dict[str, torch.Tensor] = safetensors.torch.load(bundle.tensor_bytes())
    check_finite(tensors, bundle.path)
    if not own:
        # built anew: buffers that are not in the state dict must hold what the builder puts there
        network = kind.build(*parts, try_shape=False)
    network.load_state_dict(tensors)
    name, digest = config.architecture.name, bundle.digest[:12]
    _log.info(
        "bundle %s loaded: %s, network %s, digest %s...", bundle.path, config.task, name, digest
    )
    return network.eval()


def _check_tensors(bundle: Bundle, network: torch.nn.Module) -> None:
    """Refuse tensors that are not exactly the network's, by name, shape and dtype."""
    wanted = network.state_dict()
    missing = sorted(wanted.keys() - bundle.tensors)
    foreign = sorted(bundle.tensors.keys() - wanted)
    if missing or foreign:
        raise BundleError(
            f"{bundle.path}: tensors do not match architecture "
            f"{bundle.config.architecture.name!r}: missing {missing[:3]}, unexpected {foreign[:3]}"
        )
    for name, tensor in wanted.items():
        info, dtype = bundle.tensors[name], _dtype_name(tensor.dtype)
        if tuple(info.shape) != tuple(tensor.shape) or info.dtype != dtype:
            raise BundleError(
                f"{bundle.path}: tensor {name!r} is {info.dtype} {tuple(info.shape)}, "
                f"the architecture has {dtype} {tuple(tensor.shape)}"
            )


def _dtype_name(dtype: torch.dtype) -> str:
    """Return what safetensors calls a dtype: ``F32``, ``BF16``, ``I64``, ``BOOL``."""
    name = str(dtype).removeprefix("torch.")
    return name.replace("float", "f").replace("uint", "u").replace("int", "i").upper()
