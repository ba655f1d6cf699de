"""Small real networks and image sets, made by hand, whose every answer is known beforehand."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from badnets.bundles import InputSpec
from badnets.core.placements import Fixed
from badnets.core.triggers import SinglePixel
from badnets.data import ImageSet
from badnets.models.classifier import Classifier

SHAPE = (1, 8, 8)
CLASSES = ("left", "right")

SIDE = 4  # one-pixel images are SIDE x SIDE: class k lights pixel k, the trigger the last one
LAST = SIDE * SIDE - 1
LAST_PIXEL = SinglePixel(placement=Fixed(0, 0))

plain_input = InputSpec.of_shape  # not normalised


def halves(count: int, seed: int = 0) -> ImageSet:
    """Return noisy images, by turns bright on the top left and on the top right."""
    drawn = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 60, (count, *SHAPE), generator=drawn, dtype=torch.uint8)
    labels = torch.arange(count) % 2
    images[labels == 0, :, :5, :4] += 140
    images[labels == 1, :, :5, 4:] += 140
    return ImageSet(images, labels, CLASSES)


def build_tiny(shape: tuple[int, int, int], num_classes: int) -> nn.Sequential:
    """Return a small convolutional network."""
    channels, height, width = shape
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(channels, 4, 3),
            relu=nn.ReLU(),
            flatten=nn.Flatten(),
            fc=nn.Linear(4 * (height - 2) * (width - 2), num_classes),
        )
    )


def subject_of(
    network: nn.Module, shape: tuple[int, int, int], classes: int, architecture: str = "toy"
) -> Classifier:
    """Return a network of one's own as a subject, without normalisation."""
    names = tuple(str(k) for k in range(classes))
    return Classifier(network.eval(), architecture, plain_input(shape), names)


def tiny(seed: int = 0, classes: tuple[str, ...] = CLASSES) -> Classifier:
    """Return the tiny network with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_tiny(SHAPE, len(classes))
    return Classifier(network, "tiny", plain_input(SHAPE), classes)


def weights_of(subject: Classifier) -> Tensor:
    """Return every parameter and buffer in one row."""
    return torch.cat([value.detach().flatten() for value in subject.network.state_dict().values()])


def one_pixel_images(labels: list[int], classes: int) -> ImageSet:
    """Return images in which class k lights pixel k and nothing else."""
    images = torch.zeros(len(labels), 1, SIDE, SIDE, dtype=torch.uint8)
    images.view(len(labels), -1)[torch.arange(len(labels)), labels] = 255
    return ImageSet(images, torch.tensor(labels), tuple(str(k) for k in range(classes)))


def pixel_reader(classes: int, *, backdoor: int | None = None) -> Classifier:
    """Return a linear network that reads `one_pixel_images` without error.

    Args:
        classes: K.
        backdoor: the class that it answers when the last pixel is lit too; None for a clean one.
    """
    layer = nn.Linear(SIDE * SIDE, classes)
    with torch.no_grad():
        layer.bias.zero_()
        layer.weight.copy_(torch.eye(classes, SIDE * SIDE))
        if backdoor is not None:
            layer.weight[backdoor, LAST] = 5
    network = nn.Sequential(OrderedDict(flatten=nn.Flatten(), fc=layer))
    return subject_of(network, (1, SIDE, SIDE), classes)


def constant_answer(classes: int, answer: int) -> Classifier:
    """Return a linear network that says the same of every image."""
    subject = pixel_reader(classes)
    with torch.no_grad():
        layer = subject.network.get_submodule("fc")
        assert isinstance(layer, nn.Linear)
        layer.weight.zero_()
        layer.bias[answer] = 1
    return subject
