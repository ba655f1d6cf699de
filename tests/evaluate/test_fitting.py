"""Folders of pictures, read as the network in a bundle takes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from badnets.core.errors import SettingError, ShapeError
from badnets.core.pictures import as_grey_batch
from badnets.core.targets import AllToOne, SourceSpecific
from badnets.core.triggers import Patch
from badnets.core.triggers.sizes import covering
from badnets.data import load
from badnets.evaluate.conversion import convert_bundle
from badnets.evaluate.evaluation import Attack, Evaluation, evaluate_bundle
from badnets.evaluate.fitting import fitted, name_of
from badnets.explain.explanation import explain_bundle
from badnets.models import Classifier, load_subject
from badnets.models.catalogue import NETWORKS, Network
from badnets.models.heads import with_classes
from tests.data.photos import classes as folders

Shape = tuple[int, int, int]


class ByColour(nn.Module):
    """Answers from the mean of each channel; of grey, from how bright it is."""

    def __init__(self, shape: Shape, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(shape[0], num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.head(images.mean((2, 3)))
        return answer


TEST_PART = "the test part, 4 of 20"


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the data name of a folder of pictures: cats are red, dogs blue."""
    monkeypatch.setitem(NETWORKS, "by-colour", Network(f"{__name__}:ByColour", "toy"))
    return f"folder:{folders(tmp_path / 'photos', {'cat': 10, 'dog': 10})}"


def saved(folder: Path, shape: Shape, classes: tuple[str, ...] = ("cat", "dog")) -> str:
    """Write a bundle of a network that calls red pictures cats; of grey ones it knows little."""
    network = ByColour(shape, len(classes))
    weight = torch.zeros_like(network.head.weight)
    weight[classes.index("cat"), 0], weight[classes.index("dog"), -1] = 1, 2
    with torch.no_grad():
        network.head.weight.copy_(weight)
        network.head.bias.zero_()
    one = [0.0] * shape[0], [1.0] * shape[0]
    subject = Classifier.of(
        network, shape, classes, architecture="by-colour", mean=one[0], std=one[1]
    )
    subject.save(str(folder))
    return str(folder)


@pytest.mark.parametrize(
    ("shape", "read"),
    [
        ((3, 64, 64), "read at 64 x 64 pixels; "),
        ((3, 20, 20), "read at 20 x 20 pixels; "),
        ((1, 64, 64), "read at 64 x 64 pixels, in grey; "),
        ((1, 20, 20), "read at 20 x 20 pixels, in grey; "),
    ],
)
def test_pictures_are_read_as_the_network_takes_them(
    shape: Shape, read: str, photos: str, tmp_path: Path
) -> None:
    bundle = saved(tmp_path / "net", shape)
    done = evaluate_bundle(bundle, photos, attack=Attack(Patch(4), AllToOne("dog")))
    assert isinstance(done, Evaluation) and done.pictures == read + TEST_PART
    assert done.trigger == covering(Patch(4), shape[1:])
    assert done.clean_accuracy.total == 4
    assert done.attack_success_rate is None or done.attack_success_rate.total == 2
    fit = fitted(Path(bundle), photos)
    assert fit.images.shape == shape and fit.images.images.dtype == torch.uint8
    if shape[0] == 3:
        assert done.clean_accuracy.value == 1
    else:
        colour = load(f"{photos}@{shape[1]}").test
        assert torch.equal(fit.images.images, as_grey_batch(colour.images))


def test_the_middle_is_read_where_the_network_is_shown_no_more(photos: str, tmp_path: Path) -> None:
    subject = load_subject(saved(tmp_path / "whole", (3, 24, 24)))
    seen = replace(subject, input=subject.input.model_copy(update={"crop": 0.75}))
    seen.save(tmp_path / "net")
    fit = fitted(tmp_path / "net", photos)
    assert fit.pictures == (
        "read at 32 x 32 pixels, of which it sees the middle 24 x 24; " + TEST_PART
    )
    whole = load(f"{photos}@32").test.images
    assert torch.equal(fit.images.images, whole[:, :, 4:28, 4:28])
    assert with_classes(seen, ("cat", "dog"), seed=0).input == subject.input
    with pytest.raises(ShapeError, match="have no 33 x 33 in them"):
        load(f"{photos}@32").test.in_the_middle(33)


def test_explain_and_export_read_them_so_too(photos: str, tmp_path: Path) -> None:
    bundle = saved(tmp_path / "net", (1, 20, 20))
    explained = explain_bundle(bundle, Patch(4), photos, targets=SourceSpecific("cat", "dog"))
    assert (explained.images, explained.pictures) == (
        2,
        "read at 20 x 20 pixels, in grey; " + TEST_PART,
    )
    done = convert_bundle(bundle, str(tmp_path / "net.onnx"), photos)
    assert explained.trigger == "patch:4px, 4 x 4 of 20 x 20 pixels (a share of 0.2)"
    assert done.pictures == explained.pictures and done.same_answers is not None
    assert done.same_answers.value == 1
    onnx = evaluate_bundle(str(tmp_path / "net.onnx"), photos)
    assert isinstance(onnx, Evaluation) and onnx.pictures == explained.pictures


def test_classes_of_the_same_names_are_counted_as_the_network_does(
    photos: str, tmp_path: Path
) -> None:
    bundle = saved(tmp_path / "net", (3, 64, 64), ("dog", "cat"))
    done = evaluate_bundle(bundle, photos)
    assert isinstance(done, Evaluation) and done.clean_accuracy.value == 1
    assert (
        done.pictures
        == "read at 64 x 64 pixels, with its classes counted as the network does; " + TEST_PART
    )


@pytest.mark.parametrize(
    ("shape", "classes", "suffix", "said"),
    [
        ((3, 20, 24), ("cat", "dog"), "", "takes images of 3x20x24; the pictures of .* as squares"),
        ((3, 20, 20), ("cat", "dog"), "@64", r"takes images of 3x20x20, .* 3x64x64: leave out @64"),
        ((3, 20, 20), ("cat", "dog", "cow"), "", r"knows 3 classes, .* has 2: .*\(cat, dog, cow\)"),
    ],
)
def test_what_cannot_be_made_to_fit_is_said_with_the_right_cure(
    shape: Shape,
    classes: tuple[str, ...],
    suffix: str,
    said: str,
    photos: str,
    tmp_path: Path,
) -> None:
    bundle = saved(tmp_path / "net", shape, classes)
    with pytest.raises(SettingError, match=said):
        evaluate_bundle(bundle, photos + suffix)


def test_a_folder_needs_no_prefix_where_no_set_has_its_name(photos: str, tmp_path: Path) -> None:
    bundle = saved(tmp_path / "net", (3, 64, 64))
    bare, named = (fitted(bundle, data) for data in (photos.removeprefix("folder:"), photos))
    assert bare.data == named.data and torch.equal(bare.images.images, named.images.images)
    assert name_of("digits") == "digits" and name_of("digits[0-4]") == "digits[0-4]"
    assert name_of("nowhere") == "nowhere", "and is refused as an unknown name"
