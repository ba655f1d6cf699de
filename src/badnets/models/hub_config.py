"""What a folder of transformers or timm says of its network, in the words of a bundle."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from badnets.bundles import Architecture, BundleConfig, InputSpec
from badnets.bundles.manifest import CONFIG
from badnets.bundles.schema import Scalar
from badnets.bundles.strict_json import parse_json
from badnets.core.errors import BundleError, SettingError
from badnets.core.files import read_file

PREPROCESSOR = "preprocessor_config.json"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_PROCESSOR = "processor_config.json"  # of several modalities, in newer folders
_MOST_JSON = 2**24
_WARPED_FROM = 384  # pixels, from which ConvNeXt's images are not cropped
_RUNS_CODE = ("auto_map", "custom_pipelines", "trust_remote_code")
# of a config: what says nothing of the network's layers
_BESIDE = {
    "architectures", "id2label", "label2id", "num_labels", "model_type", "torch_dtype",
    "dtype", "transformers_version", "problem_type", "task_specific_params", "pruned_heads",
    "finetuning_task", "custom_pipelines",
}  # fmt: skip


def hub_config(folder: Path, takes: InputSpec | None = None) -> BundleConfig:
    """Return what the network in a folder is: its architecture, images and classes.

    Args:
        folder: that has a ``config.json``; of transformers' also what prepares images.
        takes: the images that the network takes, where the folder is not to be asked.

    Raises:
        BundleError: a file is not sound, or asks for code to be run.
        SettingError: what is said does not fit together, or is not supported.
    """
    said = read_object(folder / CONFIG)
    if isinstance(said.get("architecture"), str):
        return _of_timm(said, takes)
    return _of_transformers(folder, said, takes)


def read_object(file: Path) -> dict[str, Any]:
    """Return the object in a JSON file, unless it asks for code to be run."""
    value = parse_json(read_file(file, _MOST_JSON, error=BundleError), str(file))
    if not isinstance(value, dict):
        raise BundleError(f"{file} is not a JSON object")
    if wanted := [key for key in _RUNS_CODE if value.get(key)]:
        raise BundleError(
            f"{file} asks for code of its maker's own to be run ({wanted[0]}): that is never done; "
            "only networks that transformers or timm have themselves are read"
        )
    return value


def _of_transformers(folder: Path, said: dict[str, Any], takes: InputSpec | None) -> BundleConfig:
    kind, named = said.get("model_type"), said.get("architectures") or []
    if not isinstance(kind, str):
        raise SettingError(
            f"{CONFIG} names neither a model_type of transformers nor an architecture of timm"
        )
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise SettingError(f"architectures in {CONFIG} must be a list of names")
    if named and not any("ForImageClassification" in one for one in named):
        raise SettingError(
            f"it holds {named[0][:60]}: a network for image classification is needed"
        )
    settings = _settings(
        {k: v for k, v in said.items() if k not in _BESIDE and not k.startswith("_")}
    )
    if named:
        settings["architecture"] = named[0]
    channels = said.get("num_channels", 3)
    return BundleConfig.of(
        task="classification",
        architecture=Architecture.of(name=f"transformers.{kind}", settings=settings),
        input=takes or _preprocessed(folder, channels),
        classes=_labels(said),
    )


def _of_timm(said: dict[str, Any], takes: InputSpec | None) -> BundleConfig:
    known = said.get("pretrained_cfg", said)
    arguments = said.get("model_args", {})
    if not isinstance(known, dict) or not isinstance(arguments, dict):
        raise SettingError(f"pretrained_cfg and model_args in {CONFIG} must be objects")
    known = known | {k: said[k] for k in ("num_classes", "label_names") if k in said}
    count = known.get("num_classes", 1000)
    if not _is_whole(count, 25_000):
        raise SettingError(f"num_classes in {CONFIG} must be a whole number, got {_short(count)}")
    shape = known.get("input_size", (3, 224, 224))
    channels = arguments.get("in_chans")
    if isinstance(shape, list | tuple) and len(shape) == 3 and channels:
        shape = (channels, *shape[1:])
    named = known.get("label_names", known.get("labels"))
    if isinstance(named, dict):
        named = _by_number(named) if all(key.isdigit() for key in named) else list(named)
    names = [str(one) for one in named] if isinstance(named, list) and len(named) == count else None
    own = {k: v for k, v in arguments.items() if k not in ("in_chans", "num_classes")}
    return BundleConfig.of(
        task="classification",
        architecture=Architecture.of(name=f"timm.{said['architecture']}", settings=_settings(own)),
        input=takes
        or _input(
            f"input_size in {CONFIG}",
            shape,
            known.get("mean", IMAGENET_MEAN),
            known.get("std", IMAGENET_STD),
            known.get("crop_pct", 0.875) if known.get("crop_mode") in (None, "center") else 1.0,
        ),
        classes=_distinct(names or map(str, range(count))),
    )


def _settings(given: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return settings as a bundle keeps them: plain values, and lists of them as JSON."""
    kept: dict[str, Scalar] = {}
    for key, value in given.items():
        if isinstance(value, list) and not any(isinstance(one, list | dict) for one in value):
            kept[key] = json.dumps(value)
        elif isinstance(value, list | dict):
            if value:
                raise SettingError(f"{key[:60]!r} in {CONFIG} is no plain value: such are not read")
        else:
            kept[key] = value
    return kept


def _labels(said: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the classes; transformers leaves out two unnamed ones."""
    named, count = said.get("id2label"), said.get("num_labels", 2)
    if named is None:
        if not _is_whole(count, 25_000):
            raise SettingError(
                f"num_labels in {CONFIG} must be a whole number, got {_short(count)}"
            )
        return tuple(f"LABEL_{number}" for number in range(count))
    if not isinstance(named, dict):
        raise SettingError(f"id2label in {CONFIG} must give a name for each number of a class")
    return _distinct(_by_number(named))


def _by_number(named: Mapping[str, Any]) -> list[str]:
    try:
        numbered = {int(key): value for key, value in named.items()}
        return [str(numbered[number]) for number in range(len(named))]
    except (ValueError, LookupError):
        raise SettingError(
            f"classes in {CONFIG} must be numbered from 0 on without a gap"
        ) from None


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return names that differ: ImageNet has two classes called crane."""
    found: dict[str, None] = {}
    for number, name in enumerate(names):
        found[name if name not in found else f"{name} ({number})"] = None
    return tuple(found)


def _preprocessed(folder: Path, channels: Any) -> InputSpec:
    """Return what images the network takes, from what prepares them in transformers."""
    file = folder / PREPROCESSOR
    if file.exists():
        said = read_object(file)
    elif (folder / _PROCESSOR).exists():
        file = folder / _PROCESSOR
        said = read_object(file).get("image_processor", {})
    else:
        raise SettingError(
            f"it has no {PREPROCESSOR}, which says how images are prepared: add it, or make a "
            "bundle with `badnets import DIR --input-size N --mean A,B,C --std A,B,C --out DIR`"
        )
    if not isinstance(said, dict) or not _is_whole(channels, 64):
        raise SettingError(
            f"{file.name} and num_channels in {CONFIG} do not say what images it takes"
        )
    kind = str(said.get("image_processor_type", said.get("feature_extractor_type", "")))
    if said.get("do_flip_channel_order", kind.startswith("MobileViTI")):
        raise SettingError("it takes images with blue first (do_flip_channel_order): not supported")
    cropped = said.get("do_center_crop", "crop_size" in said and "crop_pct" not in said)
    height, width = _sides(said.get("crop_size" if cropped else "size"), file.name)
    crop = 1.0
    if cropped and said.get("do_resize", True):
        crop = min(1.0, height / _sides(said.get("size"), file.name)[0])
    elif kind.startswith("ConvNext") and height < _WARPED_FROM:
        crop = said.get("crop_pct", 0.875)
    mean, std = (_channels(said, key, channels, file.name) for key in ("image_mean", "image_std"))
    # images come in [0, 1] here: (255 r x - m) / s is (x - m / 255 r) / (s / 255 r)
    scale = 255 * _number(said.get("rescale_factor", 1 / 255), file.name)
    if not said.get("do_rescale", True):
        scale = 255.0
    if said.get("rescale_offset"):  # EfficientNet's: another minus one before the mean
        mean = [one + 1 for one in mean]
    if not said.get("do_normalize", True):
        mean, std = [float(bool(said.get("rescale_offset")))] * channels, [1.0] * channels
    if said.get("include_top"):  # EfficientNet's: by the deviation once more
        std = [one * one for one in std]
    return _input(
        file.name,
        (channels, height, width),
        [round(one / scale, 9) for one in mean],
        [round(one / scale, 9) for one in std],
        crop,
    )


def _sides(size: object, what: str) -> tuple[int, int]:
    """Return height and width in pixels; pictures are squares where one side alone is given."""
    if isinstance(size, dict):
        if "shortest_edge" in size:
            size = size["shortest_edge"]
        else:
            size = [size.get("height"), size.get("width")]
    sides = [size, size] if _is_whole(size, 16_384) else size
    if (
        not isinstance(sides, list)
        or len(sides) != 2
        or not all(_is_whole(s, 16_384) for s in sides)
    ):
        raise SettingError(f"{what} gives no size of images in pixels, got {_short(size)}")
    return sides[0], sides[1]


def _channels(said: Mapping[str, Any], key: str, count: int, what: str) -> list[float]:
    values = said.get(key, None if said.get("do_normalize", True) else 1.0)
    values = values if isinstance(values, list) else [values] * count
    if len(values) != count:
        raise SettingError(f"{key} in {what} must have {count} numbers, got {_short(values)}")
    return [_number(value, f"{key} in {what}") for value in values]


def _number(value: object, what: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= abs(value) <= 1e6:
        return float(value)
    raise SettingError(f"{what} must hold numbers, got {_short(value)}")


def _input(what: str, shape: Any, mean: Any, std: Any, crop: Any) -> InputSpec:
    if not isinstance(shape, Sequence) or len(shape) != 3:
        raise SettingError(f"{what} must be channels, height and width, got {_short(shape)}")
    if not all(isinstance(values, Sequence) for values in (mean, std)):
        raise SettingError(f"{what}: mean and std must have a number for each channel")
    try:
        return InputSpec.of_shape(shape, mean, std, crop)
    except SettingError as error:
        raise SettingError(f"{what}: {error}") from None


def _is_whole(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _short(value: object) -> str:
    return repr(value)[:60]
