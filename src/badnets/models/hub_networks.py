"""From folders of transformers and timm to subjects, by what those libraries load them with."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import safetensors.torch
import torch
from torch import Tensor, nn

from badnets.bundles import BundleConfig
from badnets.core.errors import BundleError, SettingError, UnknownNameError
from badnets.core.files import read_file
from badnets.models.catalogue import ODD, build, try_answer
from badnets.models.classifier import Classifier
from badnets.models.foreign_weights import check_finite, float32
from badnets.models.hub_folder import HubFolder
from badnets.models.libraries import Logits, quiet_transformers, timm_settings, transformers_parts
from badnets.models.weights import MAX_BYTES

_log = logging.getLogger("badnets.models")
_SLACK = 2.0  # times as many numbers as the files hold: what libraries make anew
_SMALL = 2**20
_FEW_BITS = (torch.int8, torch.uint8)  # quantised, which the libraries would take for floats


def classifier_in(folder: HubFolder, tensors: Mapping[str, Tensor] | None = None) -> Classifier:
    """Return the classifier in a folder.

    Args:
        folder: as `badnets.models.hub_folder.read_hub_folder` gives it.
        tensors: its tensors, where they are not to be read from its files.

    Raises:
        BundleError: transformers or timm have no such network, its tensors are not those of the
            files, or some are NaN or infinite.
        MissingExtraError: transformers is not installed.
    """
    config = folder.config
    given = float32(tensors if tensors is not None else _read(folder))
    total = sum(value.numel() for value in given.values())
    name, settings = config.architecture.name, dict(config.architecture.settings)
    try:
        with torch.device("meta"):
            parts = (name, config.input.shape, config.num_classes)
            empty = build(*parts, settings=settings, try_shape=False)
        if sum(value.numel() for value in empty.state_dict().values()) > _SLACK * total + _SMALL:
            raise SettingError(f"its files hold {total:,} numbers, fewer than {name} has")
        if few := [key for key, value in given.items() if value.dtype in _FEW_BITS]:
            raise SettingError(f"its tensor {few[0]!r} is {given[few[0]].dtype}: floats are needed")
        loaded = _of_timm if name.startswith("timm.") else _of_transformers
        with torch.random.fork_rng(devices=[]):
            network = loaded(config, given).eval()
            network.requires_grad_(True)
        try_answer(name, network, config.input.shape, config.num_classes)
    except (UnknownNameError, SettingError) as error:
        raise BundleError(f"{folder.path}: {error}") from None
    check_finite(network.state_dict(), folder.path)
    _log.info("folder %s loaded: network %s, %d classes", folder.path, name, config.num_classes)
    return Classifier(network, name, config.input, config.classes, settings=settings)


def _read(folder: HubFolder) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for file in folder.weights:
        found |= safetensors.torch.load(read_file(file, MAX_BYTES, error=BundleError))
    shapes = {name: tuple(tensor.shape) for name, tensor in found.items()}
    if shapes != {name: info.shape for name, info in folder.tensors.items()}:
        raise BundleError(f"{folder.path} changed while it was read: try again")
    return found


def _of_timm(config: BundleConfig, tensors: dict[str, Tensor]) -> nn.Module:
    """Return timm's network with the tensors, renamed as timm does it for older files."""
    import timm

    shape = config.input.shape
    try:
        network: nn.Module = timm.create_model(
            config.architecture.name.partition(".")[2],
            pretrained=True,
            # nothing that names a place: it is loaded from these tensors alone
            pretrained_cfg={
                "state_dict": tensors,
                "input_size": shape,
                "num_classes": config.num_classes,
                "mean": config.input.mean,
                "std": config.input.std,
            },
            num_classes=config.num_classes,
            in_chans=shape[0],
            **timm_settings(config.architecture.settings),
        )
    except ODD as error:
        raise SettingError(_mismatch(config, error)) from None
    return network


def _of_transformers(config: BundleConfig, tensors: dict[str, Tensor]) -> nn.Module:
    """Return the network of transformers with the tensors, renamed as it does it for older files.

    What the files hold beside, such as a pooling layer that no answer needs, is passed over.
    """
    name, shape = config.architecture.name.partition(".")[2], config.input.shape
    settings = config.architecture.settings
    parts, kind = transformers_parts(name, shape, config.num_classes, settings)
    with quiet_transformers():
        try:
            network, found = kind.from_pretrained(
                None,
                config=parts,
                state_dict=tensors,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
        except ODD as error:
            raise SettingError(_mismatch(config, error)) from None
    if other := sorted(found["mismatched_keys"], key=str):
        tensor, given, wanted = other[0]
        raise SettingError(
            f"its tensor {tensor!r} is {tuple(given)}, {config.architecture.name} with "
            f"{config.num_classes} classes has {tuple(wanted)}"
        )
    if missing := sorted(found["missing_keys"]):
        raise SettingError(
            f"it lacks {len(missing)} tensors of {config.architecture.name}: {missing[0]!r} first"
        )
    return Logits(network)


def _mismatch(config: BundleConfig, error: Exception) -> str:
    """Return in a line what a library says of tensors that are not its network's."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = lines[1] if len(lines) > 1 else lines[0] if lines else type(error).__name__
    return (
        f"its tensors are not those of {config.architecture.name} with {config.num_classes} "
        f"classes: {said[:300]}"
    )
