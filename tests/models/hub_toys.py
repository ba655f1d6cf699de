"""Small folders as timm and transformers write them themselves, with random weights."""

from __future__ import annotations

import json
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


_SIZES = {"image_size": 32, "patch_size": 8, "hidden_size": 16, "intermediate_size": 16}
_SWIN = {"image_size": 32, "patch_size": 4, "embed_dim": 8, "num_heads": [1, 2], "window_size": 4}
_STAGES = {"depths": [1, 1], "hidden_sizes": [8, 8]}
TRANSFORMERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "vit": ("ViT", "", {"num_hidden_layers": 2, "num_attention_heads": 2, **_SIZES}),
    "deit": ("DeiT", "WithTeacher", {"num_hidden_layers": 1, "num_attention_heads": 2, **_SIZES}),
    "swin": ("Swin", "", {"depths": [1, 1], **_SWIN}),
    "convnext": ("ConvNext", "", {"num_stages": 2, **_STAGES}),
    "resnet": ("ResNet", "", {"embedding_size": 8, **_STAGES}),
}
"""What the library calls a kind, what its classifier is called behind that, and its settings."""


def transformers_folder(path: Path, kind: str = "vit", **preprocessor: Any) -> Any:
    """Write a folder as transformers does and return its network; skips where that is missing."""
    transformers: Any = pytest.importorskip("transformers")
    from badnets.models.libraries import quiet_transformers

    torch.manual_seed(0)
    name, more, settings = TRANSFORMERS[kind]
    config = getattr(transformers, f"{name}Config")(**settings, id2label=dict(enumerate(NAMES)))
    network = getattr(transformers, f"{name}ForImageClassification{more}")(config).eval()
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
