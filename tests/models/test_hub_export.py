"""Bundles as folders of timm and transformers: those libraries load them and answer the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch

from badnets.core.errors import SettingError, TakenError
from badnets.models import Classifier, export_hub, load, load_subject, untrained
from badnets.models.libraries import timm_classifier
from tests.models.hub_toys import CLASSES, normalised, some_images, timm_folder, transformers_folder
from tests.models.toys import tiny


@pytest.mark.parametrize(
    ("name", "options"),
    [("test_vit", {"img_size": 64, "side": 64, "in_chans": 1}), ("test_resnet", {"side": 64})],
)
def test_timm_loads_it(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    timm_folder(tmp_path / "net", name, **options)
    subject = load_subject(tmp_path / "net")
    subject.save(tmp_path / "bundle")
    done = export_hub(tmp_path / "bundle", tmp_path / "out")
    assert done.library == "timm" and done.largest_logit_difference < 1e-4
    network = timm.create_model(f"local-dir:{tmp_path / 'out'}", pretrained=True).eval()
    images = some_images(*subject.input.shape)
    theirs = network(normalised(images, vars(network)["pretrained_cfg"]["mean"], subject.input.std))
    torch.testing.assert_close(theirs, subject.logits(images), rtol=0, atol=1e-4)
    again: Any = load(tmp_path / "out")
    assert (again.input, again.classes) == (subject.input, CLASSES)
    with pytest.raises(TakenError):
        export_hub(tmp_path / "bundle", tmp_path / "out")


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_transformers_loads_it(kind: str, tmp_path: Path) -> None:
    transformers_folder(tmp_path / "net", kind)
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    subject = load_subject(tmp_path / "net")
    subject.save(tmp_path / "bundle")
    export_hub(tmp_path / "bundle", tmp_path / "out")
    network = AutoModelForImageClassification.from_pretrained(tmp_path / "out").eval()
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    prepare = AutoImageProcessor.from_pretrained(tmp_path / "out")
    pixels = prepare(images=list(images), return_tensors="pt")["pixel_values"]
    theirs = network(pixel_values=pixels).logits
    torch.testing.assert_close(theirs, subject.logits(images), rtol=0, atol=1e-4)
    assert list(network.config.id2label.values()) == list(CLASSES)
    again: Any = load(tmp_path / "out")
    assert again.input.shape == subject.input.shape
    assert torch.equal(again.logits(images), subject.logits(images))


def test_torchvision_s_is_written_where_timm_has_the_same(tmp_path: Path) -> None:
    subject = untrained("torchvision.resnet18", (3, 32, 32), ("a", "b"), seed=0)
    subject.save(tmp_path / "bundle")
    assert export_hub(tmp_path / "bundle", tmp_path / "out").library == "timm"
    again: Any = load(tmp_path / "out")
    images = some_images(3, 32, 32)
    torch.testing.assert_close(again.logits(images), subject.logits(images), rtol=0, atol=1e-4)


def test_what_no_library_has_is_refused(tmp_path: Path, toys: object) -> None:
    tiny().save(tmp_path / "own")
    with pytest.raises(SettingError, match=r"holds tiny, which neither .* --onnx FILE.onnx"):
        export_hub(tmp_path / "own", tmp_path / "out")
    untrained("torchvision.squeezenet1_1", (3, 32, 32), ("a", "b"), seed=0).save(tmp_path / "tv")
    with pytest.raises(SettingError, match="is not the same network in timm"):
        export_hub(tmp_path / "tv", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_setting_of_timm_s_that_changes_no_layer_is_refused() -> None:
    for setting in ("checkpoint_path", "pretrained", "cache_dir"):
        with pytest.raises(SettingError, match=f"unknown setting '{setting}'"):
            timm_classifier("test_vit", (3, 160, 160), 2, **{setting: "net.pt"})
    assert isinstance(untrained("timm.test_vit", (3, 160, 160), ("a", "b"), seed=0), Classifier)
