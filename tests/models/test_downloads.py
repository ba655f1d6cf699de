"""Weights that somebody published, as a classifier and as a bundle."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from badnets.core.errors import SettingError
from badnets.models import classifier_of_weights

NAME = "mobilenetv3_small_050"


def publish(folder: Path) -> Path:
    """Write a file of weights as they are published: without the counters of normalisation."""
    torch.manual_seed(0)
    network = timm.create_model(NAME, num_classes=12)
    tensors = {k: v for k, v in network.state_dict().items() if not k.endswith("batches_tracked")}
    save_file(tensors, folder / "published.safetensors")
    return folder / "published.safetensors"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Return a published file."""
    return publish(tmp_path)


def test_it_answers_as_the_library_s_own_does(published: Path) -> None:
    subject, found = classifier_of_weights(published, f"timm.{NAME}", classes=12, side=32)
    own = timm.create_model(NAME, num_classes=12, checkpoint_path=str(published)).eval()
    known = timm.get_pretrained_cfg(NAME)
    assert known is not None
    assert (subject.input.mean, subject.input.std) == (known.mean, known.std)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (known.mean, known.std))
    with torch.inference_mode():
        torch.testing.assert_close(subject.logits(images), own((images - mean) / std))
    assert not found.other_shape and subject.classes[:2] == ("0", "1")


def test_half_of_a_network_is_refused(published: Path) -> None:
    with pytest.raises(SettingError, match=r"has not all weights .* for 1000 classes"):
        classifier_of_weights(published, f"timm.{NAME}", side=32)
    with pytest.raises(SettingError, match="no weight in"):
        classifier_of_weights(published, "gu-mnist", classes=12, side=28)
