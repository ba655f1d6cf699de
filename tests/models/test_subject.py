"""What methods see of a network: logits, layers, units; and silencing them."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from badnets.bundles import InputSpec
from badnets.core.errors import ShapeError, UnknownNameError
from badnets.models import untrained
from badnets.models.classifier import EVALUATION_BATCH
from badnets.models.inputs import input_spec, normalise
from tests.models.toys import halves, one_pixel_images, pixel_reader, subject_of, tiny

COLOUR = InputSpec.of(channels=3, height=2, width=1, mean=(0.5, 0.0, 0.25), std=(0.5, 1.0, 0.25))


def test_normalisation_of_a_worked_example() -> None:
    images = torch.tensor([0, 255, 0, 255, 51, 255], dtype=torch.uint8).view(1, 3, 2, 1)
    expected = torch.tensor([-1.0, 1.0, 0.0, 1.0, -0.2, 3.0]).view(1, 3, 2, 1)
    torch.testing.assert_close(normalise(images, COLOUR), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(normalise(images / 255, COLOUR), expected, rtol=0, atol=1e-6)


@given(channels=st.sampled_from([1, 3]), seed=st.integers(0, 999))
def test_stored_and_float_images_normalise_alike(channels: int, seed: int) -> None:
    drawn = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (2, channels, 3, 3), generator=drawn, dtype=torch.uint8)
    spec = input_spec((channels, 3, 3))
    torch.testing.assert_close(normalise(images, spec), normalise(images / 255, spec))


def test_other_numbers_of_channels_are_normalised_by_halves() -> None:
    spec = input_spec((4, 8, 8))
    assert spec.mean == spec.std == (0.5,) * 4


def test_batches_make_no_difference() -> None:
    subject = tiny()
    few = halves(5).images
    many = few.repeat(EVALUATION_BATCH // 5 + 1, 1, 1, 1)
    logits = subject.logits(many)
    assert len(logits) == EVALUATION_BATCH + 5
    torch.testing.assert_close(logits[-5:], subject.logits(few))


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (torch.zeros(2, 3, 8, 8), r"takes images \(N, 1, 8, 8\), got \(2, 3, 8, 8\)"),
        (torch.zeros(2, 1, 8, 7), r"got \(2, 1, 8, 7\)"),
        (torch.zeros(1, 8, 8), r"got \(1, 8, 8\)"),
        (
            torch.zeros(2, 1, 8, 8, dtype=torch.int64),
            r"uint8 or float in \[0, 1\], got torch.int64",
        ),
        (torch.zeros(2, 1, 8, 8, dtype=torch.bool), "got torch.bool"),
    ],
)
def test_what_is_not_an_image_of_its_shape_is_refused(images: Tensor, said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        tiny().logits(images)


def test_layers_are_those_with_units_in_order() -> None:
    subject = untrained("gu-mnist", (1, 28, 28), tuple("0123456789"), seed=0)
    assert subject.layers == ("conv1", "conv2", "fc1", "fc2")


def test_layer_outputs_are_cut_off_below_zero_but_for_the_last() -> None:
    subject, images = tiny(), halves(6).images
    (outputs,) = subject.layer_outputs(images, subject.layers)
    assert outputs["conv"].shape == (6, 4, 6, 6) and float(outputs["conv"].min()) == 0
    assert torch.equal(outputs["fc"], subject.logits(images)) and float(outputs["fc"].min()) < 0


def test_silenced_units_are_zero() -> None:
    subject, images = pixel_reader(3), one_pixel_images([0, 1, 2], 3).images
    expected = subject.logits(images)
    expected[:, 1] = 0
    with subject.silenced("fc", [1]) as muted:
        assert torch.equal(muted.logits(images), expected)


def test_an_unknown_layer_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown layer 'relu'.*known: conv, fc"):
        next(tiny().layer_outputs(halves(2).images, ["relu"]))


class Rows(nn.Module):
    """Mixes each row of pixels with the same weights: a linear layer applied at many positions."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(3, 2, bias=False)
        self.head = nn.Linear(2, 2, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return the mean over the rows."""
        logits: Tensor = self.head(self.mix(images.squeeze(1))).mean(1)
        return logits


def test_units_of_a_linear_layer_applied_at_many_positions_lie_along_its_last_axis() -> None:
    network = Rows()
    with torch.no_grad():
        network.mix.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0]]))
        network.head.weight.copy_(torch.eye(2))
    subject = subject_of(network, (1, 4, 3), 2)
    images = torch.zeros(1, 1, 4, 3)
    images[0, 0, :, 0], images[0, 0, 3, 1] = 1, 1
    (outputs,) = subject.layer_outputs(images, ["mix"])
    assert outputs["mix"].tolist() == [[[1, 1, 1, 1], [0, 0, 0, 1]]]  # unit by position
    with subject.silenced("mix", [0]):
        assert subject.logits(images).tolist() == [[0, 0.25]]


class Attention(nn.Module):
    """Lets the rows of pixels attend to one another."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 1, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        """Return the mean over the rows."""
        rows = images.squeeze(1)
        mixed: Tensor = self.head(self.attention(rows, rows, rows, need_weights=False)[0])
        return mixed.mean(1)


def test_layers_that_are_never_called_by_themselves_are_not_among_the_layers() -> None:
    subject = subject_of(Attention(), (1, 3, 4), 2)
    assert subject.layers == ("head",)
    (outputs,) = subject.layer_outputs(torch.zeros(2, 1, 3, 4), subject.layers)
    assert outputs.keys() == {"head"}


def test_the_name_of_a_layer_inside_another_is_its_path() -> None:
    inner = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 2, 1)))
    network = nn.Sequential(OrderedDict(block=inner, flatten=nn.Flatten(), fc=nn.Linear(8, 2)))
    assert subject_of(network, (1, 2, 2), 2).layers == ("block.conv", "fc")
