"""Small folders as timm and transformers write them themselves, with random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from timm.models._hub import save_for_hf
from torch import Tensor, nn

NAMES = ("cat", "dog", "crane", "crane")
CLASSES = ("cat", "dog", "crane", "crane (3)")  # names of classes must differ here


def timm_folder(
    path: Path, name: str = "test_convnext", side: int = 160, **options: Any
) -> nn.Module:
    """Write a folder as timm does and return its network."""
    torch.manual_seed(0)
    network: nn.Module = timm.create_model(name, num_classes=len(NAMES), **options).eval()
    label_names = {"label_names": list(CLASSES)}
    size = (options.get("in_chans", 3), side, side)
    about = {"input_size": size, "mean": (0.4,) * size[0], "std": (0.3,) * size[0]}
    save_for_hf(network, str(path), label_names, safe_serialization=True, data_config=about)
    return network


def _vit(**labels: Any) -> Any:
    from transformers import ViTConfig, ViTForImageClassification

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = ViTConfig(intermediate_size=16, image_size=32, patch_size=8, **sizes, **labels)
    return ViTForImageClassification(config)


def _deit(**labels: Any) -> Any:
    from transformers import DeiTConfig, DeiTForImageClassificationWithTeacher

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = DeiTConfig(intermediate_size=16, image_size=32, patch_size=8, **sizes, **labels)
    return DeiTForImageClassificationWithTeacher(config)


def _swin(**labels: Any) -> Any:
    from transformers import SwinConfig, SwinForImageClassification

    sizes = {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4}
    return SwinForImageClassification(SwinConfig(image_size=32, patch_size=4, **sizes, **labels))


def _convnext(**labels: Any) -> Any:
    from transformers import ConvNextConfig, ConvNextForImageClassification

    config = ConvNextConfig(hidden_sizes=[8, 8], depths=[1, 1], num_stages=2, **labels)
    return ConvNextForImageClassification(config)


def _resnet(**labels: Any) -> Any:
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], **labels)
    return ResNetForImageClassification(config)


TRANSFORMERS: dict[str, Callable[..., Any]] = {
    "vit": _vit,
    "deit": _deit,
    "swin": _swin,
    "convnext": _convnext,
    "resnet": _resnet,
}


def transformers_folder(path: Path, kind: str = "vit", **preprocessor: Any) -> Any:
    """Write a folder as transformers does and return its network; skips where that is missing."""
    pytest.importorskip("transformers")
    from badnets.models.libraries import quiet_transformers

    torch.manual_seed(0)
    network = TRANSFORMERS[kind](id2label=dict(enumerate(NAMES))).eval()
    with quiet_transformers():
        network.save_pretrained(path)
    said: dict[str, Any] = {"image_processor_type": "ViTImageProcessor"}
    said |= {"size": {"height": 32, "width": 32}, "image_mean": [0.4, 0.5, 0.6]}
    said |= {"image_std": [0.2, 0.3, 0.4], **preprocessor}
    (path / "preprocessor_config.json").write_text(json.dumps(said))
    return network


def change(file: Path, **values: Any) -> None:
    """Change fields of a JSON file; None takes one out."""
    said = json.loads(file.read_text()) | values
    file.write_text(json.dumps({key: value for key, value in said.items() if value is not None}))


def normalised(images: Tensor, mean: Any, std: Any) -> Tensor:
    """Return ``(images - mean) / std``."""
    first, second = (torch.tensor(values).view(1, -1, 1, 1) for values in (mean, std))
    return (images - first) / second


def some_images(*shape: int) -> Tensor:
    """Return float images in [0, 1]."""
    return torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
