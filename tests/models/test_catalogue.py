"""What every network by name promises: the table of networks is the list of tests."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from badnets.core.errors import SettingError, UnknownNameError
from badnets.models import NETWORKS, Subject, build, untrained
from badnets.models.catalogue import Shape

# The image shapes that each network is tried on; a new network needs its line.
SHAPES: dict[str, list[Shape]] = {
    "gu-mnist": [(1, 28, 28), (3, 28, 28)],
    "small-resnet": [(3, 64, 64), (1, 28, 28), (3, 33, 50)],
}
LIBRARIES: dict[str, list[Shape]] = {
    "torchvision.resnet18": [(1, 32, 32), (3, 40, 24)],
    "timm.test_convnext": [(1, 32, 32), (3, 40, 32)],
}
CASES = [(name, shape) for name, shapes in (SHAPES | LIBRARIES).items() for shape in shapes]
CLASSES = ("a", "b", "c")
every_network = pytest.mark.parametrize(("name", "shape"), CASES)


@cache
def made(name: str, shape: Shape) -> Subject:
    return untrained(name, shape, CLASSES, seed=0)


def test_every_network_of_the_table_is_tried() -> None:
    assert SHAPES.keys() == NETWORKS.keys()


@every_network
def test_a_network_takes_its_images_and_gives_a_logit_for_each_class(
    name: str, shape: Shape
) -> None:
    subject = made(name, shape)
    logits = subject.logits(_stored(shape))
    assert logits.shape == (4, 3) and logits.dtype == torch.float32
    assert bool(logits.isfinite().all()) and len(set(logits.flatten().tolist())) > 3


@every_network
def test_stored_and_float_images_get_the_same_logits(name: str, shape: Shape) -> None:
    subject = made(name, shape)
    stored = _stored(shape)
    before = stored.clone()
    pictures = stored.float() / 255
    torch.testing.assert_close(
        subject.logits(stored), subject.logits(pictures), rtol=1e-4, atol=1e-5
    )
    assert torch.equal(stored, before), "the input was changed"
    assert torch.equal(pictures, before.float() / 255), "the input was changed"


@every_network
def test_normalisation_happens_inside_the_subject(name: str, shape: Shape) -> None:
    subject = made(name, shape)
    stored = _stored(shape)
    by_hand = torch.empty(stored.shape)
    for channel in range(shape[0]):
        mean, std = subject.input.mean[channel], subject.input.std[channel]
        by_hand[:, channel] = (stored[:, channel].float() / 255 - mean) / std
    with torch.inference_mode():
        expected = subject.network.eval()(by_hand)
    torch.testing.assert_close(subject.logits(stored), expected, rtol=1e-4, atol=1e-5)


@every_network
def test_the_seed_decides_the_weights_and_nothing_else_does(name: str, shape: Shape) -> None:
    first = _weights(made(name, shape))
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    again = _weights(untrained(name, shape, CLASSES, seed=0))
    assert torch.equal(torch.random.get_rng_state(), before), "the global generator was touched"
    assert all(torch.equal(first[key], again[key]) for key in first | again)
    other = _weights(untrained(name, shape, CLASSES, seed=1))
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("gu-mnits", "did you mean 'gu-mnist'"),
        ("resnet18", "torchvision.resnet18"),
        ("torchvision.resnet81", "did you mean 'resnet18'"),
        ("torchvision.", "unknown network 'torchvision.'"),
        ("timm.test_convnex", "did you mean 'test_convnext'"),
        ("timm.hf-hub:someone/something", "unknown timm network"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(UnknownNameError, match=hint) as caught:
        build(name, (3, 32, 32), 10)
    assert len(str(caught.value)) < 250, "one clear line, not every name there is"


@pytest.mark.parametrize("name", ["torchvision.alexnet", "timm.test_vit"])
def test_a_library_network_that_cannot_take_the_shape_says_so(name: str) -> None:
    with pytest.raises(SettingError, match=rf"{name} does not take images of shape \(3, 20, 20\)"):
        build(name, (3, 20, 20), 10)


def _stored(shape: Shape) -> torch.Tensor:
    drawn = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (4, *shape), generator=drawn, dtype=torch.uint8)


def _weights(subject: Subject) -> dict[str, torch.Tensor]:
    return subject.network.state_dict()
