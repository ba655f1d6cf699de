"""Networks of torchvision, timm and transformers by name, untrained."""

from __future__ import annotations

import difflib
import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from badnets.bundles.schema import Scalar
from badnets.core.errors import SettingError, UnknownNameError
from badnets.core.extras import named_extras
from badnets.models.catalogue import ODD

_DETECTORS = ("fasterrcnn", "retinanet", "fcos", "ssd")  # what their names begin with

# what changes layers of timm's; none of them reads a file or fetches anything
_TIMM_SETTINGS = {
    "img_size", "patch_size", "window_size", "strict_img_size", "dynamic_img_size",
    "dynamic_img_pad", "global_pool", "class_token", "reg_tokens", "no_embed_class",
    "pos_embed", "pre_norm", "final_norm", "fc_norm", "embed_dim", "depth", "depths", "dims",
    "num_heads", "mlp_ratio", "qkv_bias", "qk_norm", "init_values", "act_layer", "norm_layer",
    "aa_layer", "output_stride", "stem_type", "stem_width", "width", "num_features",
    "head_init_scale",
}  # fmt: skip
_NO_PLAIN_IMAGES = ("perceiver", "imagegpt", "shieldgemma2", "timm_wrapper", "siglip2")
# in settings that strangers wrote; what is built from sizes may take their fourth power of memory
_LARGEST_NUMBER, _MOST_LAYERS = 2**17, 512
_LARGEST = {"img_size": 2048, "image_size": 2048, "window_size": 128, "patch_size": 128}


class Logits(nn.Module):
    """Gives the logits alone of a network of transformers."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(N, K)`` logits of ``(N, C, H, W)`` normalised images."""
        logits: Tensor = self.network(pixel_values=images).logits
        return logits


class GreyToColour(nn.Module):
    """Repeats a grey channel three times, for networks that only take colour."""

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(N, 3, H, W)`` from ``(N, 1, H, W)``."""
        return images.expand(-1, 3, -1, -1)


def torchvision_classifier(name: str, shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Return torchvision's classifier ``name``; grey images are repeated to three channels.

    Raises:
        UnknownNameError: torchvision has no such classifier.
    """
    from torchvision import models

    _check("torchvision network", name, models.list_models(module=models))
    inception = name in ("googlenet", "inception_v3")
    options = {"aux_logits": False, "init_weights": True} if inception else {}
    network: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **options)
    if shape[0] == 1:
        network = nn.Sequential(OrderedDict(colour=GreyToColour(), network=network))
    return network


def timm_classifier(
    name: str, shape: tuple[int, int, int], num_classes: int, **settings: Scalar
) -> nn.Module:
    """Return timm's classifier ``name``, with those of its settings that change layers.

    Raises:
        UnknownNameError: timm has no such classifier.
        SettingError: a setting is none of those.
    """
    import timm

    if not timm.is_model(name):
        _check("timm network", name, timm.list_models())
    network: nn.Module = timm.create_model(
        name,
        pretrained=False,
        num_classes=num_classes,
        in_chans=shape[0],
        **timm_settings(settings),
    )
    return network


def timm_settings(settings: Mapping[str, Scalar]) -> dict[str, Any]:
    """Return settings as timm takes them.

    Raises:
        SettingError: one is unknown, or a number in it is too large.
    """
    if odd := sorted(settings.keys() - _TIMM_SETTINGS):
        known = ", ".join(sorted(_TIMM_SETTINGS))
        raise SettingError(f"unknown setting {odd[0]!r} of a network of timm: known are {known}")
    return _plain(settings)


def transformers_classifier(
    name: str, shape: tuple[int, int, int], num_classes: int, **settings: Scalar
) -> nn.Module:
    """Return transformers' classifier of images ``name``, such as ``vit``.

    Args:
        name: its ``model_type``.
        shape: ``(C, H, W)``.
        num_classes: K.
        settings: of its configuration, lists as JSON; those that it has not are passed over. And
            ``architecture``, the class, where there are several.

    Raises:
        UnknownNameError: transformers has no such classifier.
        SettingError: a setting is of another kind, or too large.
        MissingExtraError: transformers is not installed.
    """
    config, kind = transformers_parts(name, shape, num_classes, settings)
    network: nn.Module = kind(config)
    return Logits(network)


def transformers_parts(
    name: str, shape: tuple[int, int, int], num_classes: int, settings: Mapping[str, Scalar]
) -> tuple[Any, Any]:
    """Return configuration and class of a network; see `transformers_classifier`."""
    with named_extras():
        from huggingface_hub.errors import StrictDataclassError
        from transformers import CONFIG_MAPPING
        from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
        from transformers.models.auto.modeling_auto import (
            MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES as NAMES,
        )
    _check("transformers network", name, [one for one in NAMES if one not in _NO_PLAIN_IMAGES])
    known = CONFIG_MAPPING[name]
    default = known().to_dict()
    own = {key: value for key, value in _plain(settings).items() if key in default}
    if "num_channels" in default:
        own["num_channels"] = shape[0]
    if "image_size" in default and "image_size" not in own:
        own["image_size"] = shape[1] if shape[1] == shape[2] else list(shape[1:])
    kinds = MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING[known]
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    by_name = {kind.__name__: kind for kind in kinds}
    kind = by_name.get(str(settings.get("architecture")), kinds[0])
    try:
        return known(**own, num_labels=num_classes), kind
    except (StrictDataclassError, *ODD) as error:
        said = " ".join(str(error).split())[:200]
        raise SettingError(f"transformers refuses the settings of {name}: {said}") from None


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers from drawing bars and writing of what this package says itself."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _plain(settings: Mapping[str, Scalar]) -> dict[str, Any]:
    """Return settings with their lists read, none so large that building takes for ever."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, str) and value.startswith("["):
            try:
                read = json.loads(value)
            except (ValueError, RecursionError):
                raise SettingError(f"{key} must be a JSON list, got {value[:60]!r}") from None
        else:
            read = value
        layers = "layer" in key or key.startswith("depth")
        most = _MOST_LAYERS if layers else _LARGEST.get(key, _LARGEST_NUMBER)
        numbers = read if isinstance(read, list) else [read]
        if any(isinstance(one, int | float) and abs(one) > most for one in numbers):
            raise SettingError(f"{key} must be at most {most}, got {str(value)[:60]}")
        found[key] = read
    return found


def torchvision_detector(name: str, shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """Return torchvision's detector ``name``.

    Raises:
        UnknownNameError: torchvision has no such detector that is trained by boxes alone.
    """
    from torchvision import models

    known = models.list_models(module=models.detection)
    _check("torchvision detector", name, [one for one in known if one.startswith(_DETECTORS)])
    network: nn.Module = models.get_model(
        name, weights=None, weights_backbone=None, num_classes=num_classes + 1
    )
    return network


def _check(what: str, name: str, known: Sequence[str]) -> None:
    """Refuse an unknown name with the nearest ones: the libraries know hundreds."""
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"did you mean {', '.join(map(repr, near))}? " if near else ""
    listed = ", ".join(known) if len(known) < 12 else f"{len(known)}, listed by list_models()"
    raise UnknownNameError(f"unknown {what} {name!r}: {hint}known are {listed}")
