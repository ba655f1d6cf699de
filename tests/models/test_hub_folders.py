"""Folders of timm and transformers: their answers are the library's own, and no code is run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from badnets.core.errors import BundleError
from badnets.models import capabilities, load, load_detector, load_subject
from badnets.models.description import described
from badnets.models.hub_folder import is_hub_folder, read_hub_folder
from tests.models.hub_toys import (
    CLASSES,
    TRANSFORMERS,
    change,
    normalised,
    some_images,
    timm_folder,
    transformers_folder,
)

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
OLD_CONVNEXT = {
    "image_processor_type": None,
    "feature_extractor_type": "ConvNextFeatureExtractor",
    "size": 32,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder as timm writes it."""
    timm_folder(tmp_path / "net")
    return tmp_path / "net"


@pytest.fixture
def vit(tmp_path: Path) -> Path:
    """Return a folder as transformers writes it."""
    transformers_folder(tmp_path / "net")
    return tmp_path / "net"


def weights(folder: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = load_file(folder / "model.safetensors")
    return found


def rewrite(folder: Path, tensors: dict[str, Tensor]) -> None:
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("test_convnext", {}),
        ("test_vit", {"img_size": 64, "side": 64, "in_chans": 1}),
        ("test_resnet", {"side": 64}),
    ],
)
def test_a_folder_of_timm_answers_as_timm_does(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    network = timm_folder(tmp_path / "net", name, **options)
    before = torch.random.get_rng_state()
    subject: Any = load(tmp_path / "net")
    assert torch.equal(torch.random.get_rng_state(), before)
    assert subject.classes == CLASSES and subject.architecture == f"timm.{name}"
    assert subject.input.shape[1] == options.get("side", 160)
    images = some_images(*subject.input.shape)
    own = network(normalised(images, subject.input.mean, subject.input.std))
    torch.testing.assert_close(subject.logits(images), own, rtol=0, atol=1e-4)
    subject.save(tmp_path / "bundle")
    again: Any = load(tmp_path / "bundle")
    assert torch.equal(again.logits(images), subject.logits(images))


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_a_folder_of_transformers_answers_as_transformers_does(kind: str, tmp_path: Path) -> None:
    network = transformers_folder(tmp_path / "net", kind)
    subject: Any = load(tmp_path / "net")
    assert subject.classes == CLASSES and subject.architecture == f"transformers.{kind}"
    images = some_images(3, 32, 32)
    own = network(pixel_values=normalised(images, MEAN, STD)).logits
    torch.testing.assert_close(subject.logits(images), own, rtol=0, atol=1e-4)
    assert {"logits", "gradients", "units"} <= capabilities(subject)
    subject.save(tmp_path / "bundle")
    again: Any = load(tmp_path / "bundle")
    assert torch.equal(again.logits(images), subject.logits(images))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_of_any_kind_become_float32(dtype: torch.dtype, folder: Path) -> None:
    before = load_subject(folder).logits(some_images(3, 160, 160))
    rewrite(folder, {k: v.to(dtype) for k, v in weights(folder).items()})
    subject = load_subject(folder)
    assert {value.dtype for value in subject.network.parameters()} == {torch.float32}
    torch.testing.assert_close(
        subject.logits(some_images(3, 160, 160)), before, rtol=0.05, atol=0.05
    )


def test_weights_may_lie_in_several_files(folder: Path) -> None:
    before = load_subject(folder).logits(some_images(3, 160, 160))
    tensors = weights(folder)
    parts = [dict(list(tensors.items())[start::2]) for start in (0, 1)]
    places: dict[str, str] = {}
    for number, part in enumerate(parts):
        save_file(part, folder / f"model-{number}.safetensors")
        places |= dict.fromkeys(part, f"model-{number}.safetensors")
    (folder / "model.safetensors").unlink()
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    assert torch.equal(load_subject(folder).logits(some_images(3, 160, 160)), before)
    index.write_text(json.dumps({"weight_map": {"a": "../model-0.safetensors"}}))
    with pytest.raises(BundleError, match="must list safetensors files beside it"):
        load(folder)


def test_a_cache_of_links_is_read(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "models--owner--net"
    snapshot, blobs = cache / "snapshots" / ("0f" * 20), cache / "blobs"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("0f" * 20)
    for number, file in enumerate(sorted(folder.iterdir())):
        shutil.copy(file, blobs / str(number))
        (snapshot / file.name).symlink_to(Path("..") / ".." / "blobs" / str(number))
    digests = {described(place).digest for place in (folder, snapshot, cache)}
    assert len(digests) == 1
    images = some_images(3, 160, 160)
    expected = load_subject(folder).logits(images)
    assert torch.equal(load_subject(snapshot).logits(images), expected)
    assert torch.equal(load_subject(cache).logits(images), expected)
    (cache / "refs" / "main").write_text("../../elsewhere")
    with pytest.raises(BundleError, match="give the folder of the snapshot itself"):
        load(cache)


@pytest.mark.parametrize(
    ("said", "mean", "std", "crop"),
    [
        ({}, MEAN, STD, 1),
        ({"size": 32, "do_rescale": False}, (0.4 / 255, 0.5 / 255, 0.6 / 255), None, 1),
        ({"rescale_factor": 2 / 255}, (0.2, 0.25, 0.3), (0.1, 0.15, 0.2), 1),
        ({"do_normalize": False, "image_mean": None, "image_std": None}, (0,) * 3, (1,) * 3, 1),
        ({"image_mean": 0.5, "image_std": 0.25}, (0.5,) * 3, (0.25,) * 3, 1),
        ({"rescale_offset": True}, (1.4, 1.5, 1.6), STD, 1),
        ({"include_top": True}, MEAN, (0.04, 0.09, 0.16), 1),
        ({"image_processor_type": "ConvNextImageProcessor", "crop_pct": 0.9}, MEAN, STD, 0.9),
        (OLD_CONVNEXT, MEAN, STD, 0.875),
        ({"size": 40, "crop_size": 32, "do_center_crop": True}, MEAN, STD, 0.8),
        ({"size": {"shortest_edge": 40}, "crop_size": 32}, MEAN, STD, 0.8),
        ({"size": 32, "crop_size": 40, "do_center_crop": False}, MEAN, STD, 1),
    ],
)
def test_images_are_prepared_as_the_folder_says(
    said: dict[str, Any], mean: Any, std: Any, crop: float, vit: Path
) -> None:
    change(vit / "preprocessor_config.json", **said)
    spec = described(vit).config.input
    assert (spec.shape, spec.crop) == ((3, 32, 32), crop)
    assert spec.mean == pytest.approx(mean, abs=1e-7)
    assert std is None or spec.std == pytest.approx(std, abs=1e-7)


@pytest.mark.parametrize(
    ("file", "said", "words"),
    [
        ("config.json", {"auto_map": {"AutoModel": "m.Net"}}, "code of its maker's own to be run"),
        ("preprocessor_config.json", {"auto_map": {"A": "m.P"}}, "code of its maker's own"),
        ("config.json", {"model_type": "nonesuch"}, "unknown transformers network 'nonesuch'"),
        ("config.json", {"model_type": None}, "neither a model_type .* nor an architecture"),
        ("config.json", {"architectures": ["ViTModel"]}, "it holds ViTModel"),
        ("config.json", {"num_hidden_layers": 10**7}, "num_hidden_layers must be at most 512"),
        ("config.json", {"hidden_size": "x"}, "transformers refuses the settings of vit: .*"),
        ("config.json", {"image_size": 2**16}, "image_size must be at most 2048"),
        ("config.json", {"hidden_size": 2**17}, "its files hold .* fewer than"),
        ("config.json", {"hidden_act": "nonesuch"}, "nonesuch"),
        ("config.json", {"quantization_config": {"bits": 4}}, "'quantization_config' .* no plain"),
        ("config.json", {"id2label": {"0": "a", "2": "b"}}, "numbered from 0"),
        ("config.json", {"id2label": {"0": "a", "1": "b"}}, r"tensor 'classifier.* with 2 classes"),
        ("preprocessor_config.json", {"size": {"height": "x"}}, "gives no size"),
        ("preprocessor_config.json", {"image_mean": ["a", 0, 0]}, "image_mean .* numbers"),
        ("preprocessor_config.json", {"image_mean": [0.5]}, "image_mean .* must have 3"),
        ("preprocessor_config.json", {"image_std": [0, 0, 0]}, "std.0"),
        ("preprocessor_config.json", {"do_flip_channel_order": True}, "blue first"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(
    file: str, said: dict[str, Any], words: str, vit: Path
) -> None:
    change(vit / file, **said)
    with pytest.raises(BundleError, match=words) as caught:
        load(vit)
    assert "\n" not in str(caught.value) and str(vit) in str(caught.value)


def test_a_setting_that_would_fetch_code_is_passed_over(vit: Path) -> None:
    change(vit / "config.json", _attn_implementation="owner/kernels", attn_implementation="owner/k")
    assert load_subject(vit).num_classes == 4


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"architecture": "nonesuch"}, "unknown timm network 'nonesuch'"),
        ({"num_classes": 7, "label_names": None, "model_args": None}, "with 7 classes: size mism"),
        ({"model_args": {"checkpoint_path": "net.pt"}}, "unknown setting 'checkpoint_path'"),
        ({"model_args": {"depths": [10**6]}}, "depths must be at most 512"),
        ({"pretrained_cfg": {"input_size": [3]}}, "channels, height and width"),
        ({"pretrained_cfg": {"mean": "grey"}}, "mean"),
        ({"auto_map": {"a": "b.c"}}, "that is never done"),
    ],
)
def test_a_folder_of_timm_that_is_not_sound_is_refused(
    said: dict[str, Any], words: str, folder: Path
) -> None:
    change(folder / "config.json", **said)
    with pytest.raises(BundleError, match=words) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_tensors_that_are_not_the_network_s_are_refused(folder: Path) -> None:
    tensors = weights(folder)
    rewrite(folder, {k: v for k, v in tensors.items() if not k.startswith("stem.0")})
    with pytest.raises(BundleError, match=r"not those of timm.test_convnext.*[Mm]issing"):
        load(folder)
    rewrite(folder, tensors | {"head.fc.bias": torch.tensor([1.0, float("nan"), 0, 0])})
    with pytest.raises(BundleError, match=r"'head.fc.bias' holds NaN"):
        load(folder)
    rewrite(folder, tensors | {"head.fc.bias": torch.ones(4, dtype=torch.int8)})
    with pytest.raises(BundleError, match=r"head.fc.bias|int8"):
        load(folder)


def test_half_of_a_network_of_transformers_is_refused(vit: Path) -> None:
    tensors = weights(vit)
    rewrite(vit, {k: v for k, v in tensors.items() if k != "classifier.weight"})
    with pytest.raises(BundleError, match=r"it lacks 1 tensors .*'classifier.weight'"):
        load(vit)


def test_a_pickle_alone_is_not_opened_and_the_line_says_what_to_do(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(BundleError, match=r"as a pickle alone .*`badnets import .* --out DIR`"):
        load(folder)
    (folder / "config.json").unlink()
    with pytest.raises(BundleError, match=r"has no config.json.*--architecture NAME"):
        load(folder)


def test_other_folders_are_none_of_the_hub_s(folder: Path, tmp_path: Path) -> None:
    load_subject(folder).save(tmp_path / "bundle")
    assert is_hub_folder(folder) and not is_hub_folder(tmp_path / "bundle")
    assert not is_hub_folder(tmp_path) and not is_hub_folder(tmp_path / ("x" * 300))
    with pytest.raises(BundleError, match=r"no bundle at"):
        load_detector(folder / "nothing")
    with pytest.raises(BundleError, match="is not JSON"):
        (folder / "config.json").write_text("{")
        read_hub_folder(folder)
