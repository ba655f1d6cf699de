"""Weights that somebody published, as a classifier and as a bundle."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from badnets.bundles import InputSpec
from badnets.core.errors import BundleError, SettingError, UnknownNameError
from badnets.models import classifier_of_weights, load_subject
from badnets.models.downloads import import_weights, usual_input
from badnets.models.libraries import torchvision_classifier
from tests.models.hub_toys import change, normalised, some_images, timm_folder, transformers_folder
from tests.models.toys import build_tiny

NAME = "mobilenetv3_small_050"
SMALL = usual_input(f"timm.{NAME}", (32, 32))


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
    subject, found = classifier_of_weights(published, f"timm.{NAME}", classes=12, takes=SMALL)
    own = timm.create_model(NAME, num_classes=12, checkpoint_path=str(published)).eval()
    known = timm.get_pretrained_cfg(NAME)
    assert known is not None
    assert (subject.input.mean, subject.input.std) == (known.mean, known.std)
    images = some_images(3, 32, 32)
    with torch.inference_mode():
        expected = own(normalised(images, known.mean, known.std))
        torch.testing.assert_close(subject.logits(images), expected, rtol=0, atol=1e-4)
    assert found.how == "by name" and subject.classes[:2] == ("0", "1")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("channels", [1, 3])
def test_torchvision_s_answer_as_its_own_do(
    dtype: torch.dtype, channels: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = torchvision_classifier("squeezenet1_1", (3, 32, 32), 3).eval()
    tensors = {f"model.{k}": v.to(dtype) for k, v in network.state_dict().items()}
    save_file(tensors, tmp_path / "net.safetensors")
    network.load_state_dict({k.removeprefix("model."): v.float() for k, v in tensors.items()})
    made = import_weights(
        tmp_path / "net.safetensors",
        "torchvision.squeezenet1_1",
        tmp_path / "bundle",
        classes=("a", "b", "c"),
        side=(channels, 32, 40),
        mean=(0.5,),
        std=(0.25,),
    )
    assert "matched after 'model.'" in made.weights and made.shape == (channels, 32, 40)
    subject = load_subject(tmp_path / "bundle")
    images = some_images(channels, 32, 40)
    own = network(normalised(images.expand(-1, 3, -1, -1), [0.5] * 3, [0.25] * 3))
    torch.testing.assert_close(subject.logits(images), own, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "classes", "error", "words"),
    [
        (f"timm.{NAME}", 1000, SettingError, "with 1000 classes: 2 tensors of another shape: clas"),
        ("gu-mnist", 12, SettingError, "gu-mnist takes 28x28 images"),
        ("small-resnet", 12, SettingError, "names are not those of the network"),
        ("timm.nonesuch", 12, UnknownNameError, "unknown timm network 'nonesuch'"),
        ("nonesuch.net", 12, UnknownNameError, "unknown network 'nonesuch.net'"),
        ("tests.models.nonesuch:build", 12, UnknownNameError, "there is no module"),
    ],
)
def test_another_network_is_refused(
    name: str, classes: int, error: type[Exception], words: str, published: Path
) -> None:
    with pytest.raises(error, match=words):
        classifier_of_weights(published, name, classes=classes, takes=SMALL)


def own_network(shape: tuple[int, int, int], classes: int) -> nn.Module:
    return build_tiny(shape, classes)


def test_a_pickle_for_a_network_of_one_s_own(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = own_network((1, 8, 8), 2)
    tensors = {f"layer.{n}": v for n, v in enumerate(network.state_dict().values())}
    names = dict(zip(tensors, ("0.weight", "0.bias", "1.weight", "1.bias"), strict=True))
    torch.save({names[k]: v for k, v in tensors.items()}, tmp_path / "net.pt")  # noqa: TID251
    own = f"{__name__}:own_network"
    takes = InputSpec.of_shape((1, 8, 8))
    subject, found = classifier_of_weights(tmp_path / "net.pt", own, classes=2, takes=takes)
    assert str(found) == "4 tensors matched by order and shape, from a pickle"
    images = some_images(1, 8, 8)
    assert torch.equal(subject.logits(images), network(images))


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (torch.tensor([float("nan"), 0]), BundleError, "'fc.bias' holds NaN"),
        (torch.tensor([1, 2], dtype=torch.int8), SettingError, "'fc.bias' is torch.int8"),
        (torch.zeros(3), SettingError, "1 tensor of another shape: fc.bias is"),
    ],
)
def test_tensors_that_are_no_weights_are_refused(
    bad: torch.Tensor, error: type[Exception], words: str, tmp_path: Path
) -> None:
    network = own_network((1, 8, 8), 2)
    save_file(network.state_dict() | {"fc.bias": bad}, tmp_path / "net.safetensors")
    takes = InputSpec.of_shape((1, 8, 8))
    with pytest.raises(error, match=words):
        classifier_of_weights(
            tmp_path / "net.safetensors", f"{__name__}:own_network", classes=2, takes=takes
        )


def test_a_folder_whose_weights_are_a_pickle_becomes_a_bundle(tmp_path: Path) -> None:
    network = timm_folder(tmp_path / "net", "test_resnet", 64)
    (tmp_path / "net" / "model.safetensors").unlink()
    torch.save(network.state_dict(), tmp_path / "net" / "pytorch_model.bin")  # noqa: TID251
    made = import_weights(tmp_path / "net", None, tmp_path / "bundle")
    assert "from a pickle" in made.weights and made.network == "timm.test_resnet"
    subject = load_subject(tmp_path / "bundle")
    images = some_images(3, 64, 64)
    own = network(normalised(images, subject.input.mean, subject.input.std))
    torch.testing.assert_close(subject.logits(images), own, rtol=0, atol=1e-4)
    with pytest.raises(SettingError, match="has 4 classes: other than were given"):
        import_weights(tmp_path / "net", None, tmp_path / "other", classes=("a", "b"))
    with pytest.raises(SettingError, match="give --architecture"):
        import_weights(tmp_path / "net" / "pytorch_model.bin", None, tmp_path / "other")


def test_what_a_folder_does_not_say_can_be_given(tmp_path: Path) -> None:
    transformers_folder(tmp_path / "net")
    (tmp_path / "net" / "preprocessor_config.json").unlink()
    with pytest.raises(BundleError, match=r"no preprocessor_config.json.*badnets import"):
        import_weights(tmp_path / "net", None, tmp_path / "bundle")
    change(tmp_path / "net" / "config.json", id2label={str(k): "LABEL" for k in range(4)})
    made = import_weights(
        tmp_path / "net",
        None,
        tmp_path / "bundle",
        classes=("a", "b", "c", "d"),
        side=(32, 32),
        mean=(0.5, 0.5, 0.5),
        std=(0.5,),
    )
    subject = load_subject(tmp_path / "bundle")
    assert (made.classes, subject.classes) == (4, ("a", "b", "c", "d"))
    assert subject.input.std == (0.5, 0.5, 0.5)
