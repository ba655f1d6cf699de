"""A classifier as a folder that timm or transformers loads, read back by it before it is kept."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from pydantic import Field
from torch import nn

from badnets.bundles.atomic import new_folder, write_bytes, write_text
from badnets.bundles.manifest import CONFIG, MODEL
from badnets.core.errors import SettingError, TrialError
from badnets.core.results import Result
from badnets.models.classifier import Classifier
from badnets.models.description import described
from badnets.models.hub_config import PREPROCESSOR
from badnets.models.io import load_subject
from badnets.models.libraries import Logits, quiet_transformers, timm_settings

TOLERANCE = 1e-4  # of logits, in absolute numbers or as a share of the largest
_IMAGES = 4


class HubExport(Result):
    """A bundle that was written as a folder of timm or transformers."""

    bundle: str
    bundle_digest: str
    folder: str = Field(title="folder")
    library: str
    load: str = Field(title="to load it")
    classes: int = Field(title="classes")
    largest_logit_difference: float
    differ_by: str = Field(title="logits differ by", exclude=True)


def export_hub(bundle: Path | str, path: Path | str, *, allow_code: bool = False) -> HubExport:
    """Write a classifier as a folder that timm or transformers loads, and return what came of it.

    It is loaded again by that library first, and both are asked about the same images.

    Args:
        bundle: of a network of timm or transformers, or of torchvision's where timm has the same.
        path: the folder to make.
        allow_code: whether code that the bundle names may be run.

    Raises:
        BundleError: the bundle cannot be read.
        SettingError: neither library has its network.
        TrialError: what the library loads answers otherwise.
        OutputError: the folder cannot be written, or the name is taken.
    """
    subject, path = load_subject(bundle, allow_code=allow_code), Path(path)
    library, name = subject.architecture.partition(".")[::2]
    if library == "torchvision":
        subject, library = _as_timm(subject, name), "timm"
    if library not in ("timm", "transformers"):
        raise SettingError(
            f"{bundle} holds {subject.architecture}, which neither timm nor transformers has: "
            "write it with --onnx FILE.onnx, which other programs read too"
        )
    with new_folder(path) as folder, torch.random.fork_rng(devices=[]):
        again = (_timm if library == "timm" else _transformers)(subject, folder)
        difference, largest, alike = _compared(subject, again)
        if not alike:
            raise TrialError(f"{library} loads {path} and answers otherwise, by {difference:.2g}")
    line = f'timm.create_model("local-dir:{path}", pretrained=True)'
    if library == "transformers":
        line = f'AutoModelForImageClassification.from_pretrained("{path}")'
    return HubExport(
        bundle=str(bundle),
        bundle_digest=described(bundle).digest,
        folder=str(path),
        library=library,
        load=line,
        classes=subject.num_classes,
        largest_logit_difference=difference,
        differ_by=f"{difference:.2g} at most, of {largest:.3g}",
    )


def _timm(subject: Classifier, folder: Path) -> nn.Module:
    """Write what timm reads and return what it reads."""
    import timm

    name, spec = subject.architecture.partition(".")[2], subject.input
    known = timm.get_pretrained_cfg(name)
    kept = ("fixed_input_size", "first_conv", "classifier", "pool_size")
    config: dict[str, Any] = {
        "architecture": name,
        "num_classes": subject.num_classes,
        "model_args": {
            "num_classes": subject.num_classes,
            "in_chans": spec.channels,
            **timm_settings(subject.settings),
        },
        "pretrained_cfg": {
            "num_classes": subject.num_classes,
            "input_size": spec.shape,
            "mean": spec.mean,
            "std": spec.std,
            "interpolation": "bilinear",
            "crop_pct": spec.crop,
            **{one: getattr(known, one) for one in kept if known is not None},
        },
    }
    if subject.classes != tuple(map(str, range(subject.num_classes))):
        config["label_names"] = subject.classes
    tensors = {k: v.detach().cpu().contiguous() for k, v in subject.network.state_dict().items()}
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    write_bytes(folder / MODEL, safetensors.torch.save(tensors, {"format": "pt"}))
    network: nn.Module = timm.create_model(f"local-dir:{folder}", pretrained=True)
    return network


def _transformers(subject: Classifier, folder: Path) -> nn.Module:
    """Write what transformers reads and return what it reads."""
    network: Any = copy.deepcopy(subject.network.get_submodule("network")).cpu()
    network.config.id2label = dict(enumerate(subject.classes))
    network.config.label2id = {name: number for number, name in enumerate(subject.classes)}
    spec = subject.input
    size = {"height": spec.height, "width": spec.width}
    prepared = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {side: round(pixels / spec.crop) for side, pixels in size.items()},
        "do_center_crop": spec.crop < 1,
        "crop_size": size,
        "resample": 2,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": spec.mean,
        "image_std": spec.std,
    }
    with quiet_transformers():
        network.save_pretrained(folder)
        write_text(folder / PREPROCESSOR, json.dumps(prepared, indent=2) + "\n")
        again = type(network).from_pretrained(folder, local_files_only=True)
    return Logits(again)


def _as_timm(subject: Classifier, name: str) -> Classifier:
    """Return torchvision's network as timm's of the same name, if that has the same tensors.

    Raises:
        SettingError: it has not.
    """
    import timm

    if timm.is_model(name):
        shape = subject.input.shape
        twin = timm.create_model(name, num_classes=subject.num_classes, in_chans=shape[0])
        own, other = subject.network.state_dict(), twin.state_dict()
        if {k: v.shape for k, v in own.items()} == {k: v.shape for k, v in other.items()}:
            twin.load_state_dict(own)
            if _compared(subject, twin)[2]:
                return Classifier(twin.eval(), f"timm.{name}", subject.input, subject.classes)
    raise SettingError(
        f"{subject.architecture} is not the same network in timm: write it with --onnx FILE.onnx"
    )


def _compared(subject: Classifier, network: nn.Module) -> tuple[float, float, bool]:
    """Return two networks' largest difference of logits, the largest, and whether it is small."""
    drawn = torch.Generator().manual_seed(0)
    images = torch.rand(_IMAGES, *subject.input.shape, generator=drawn)
    with torch.inference_mode():
        ours = subject.logits(images).cpu()
        theirs = network.eval()(subject.normalise(images).cpu()).float()
    difference, largest = float((ours - theirs).abs().max()), float(ours.abs().max())
    return difference, largest, difference <= TOLERANCE * max(1.0, largest)
