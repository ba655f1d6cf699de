"""Attribution: of a linear network it is known pixel by pixel."""

from __future__ import annotations

import pytest
import torch

from badnets.core.errors import ShapeError, UnknownNameError
from badnets.explain import attribution_maps, changed_places, share_inside
from badnets.explain.attribution import CHUNK, METHODS, Method
from tests.models.toys import (
    LAST,
    LAST_PIXEL,
    SHAPE,
    SIDE,
    constant_answer,
    halves,
    one_pixel_images,
    pixel_reader,
    tiny,
    weights_of,
)

IMAGES = one_pixel_images([1, 2, 1, 0], classes=3)
TRIGGERED = LAST_PIXEL(IMAGES.images)


def test_a_clean_answer_lies_on_the_pixel_that_the_class_lights() -> None:
    maps = attribution_maps(pixel_reader(3, backdoor=0), IMAGES.images, IMAGES.labels)
    expected = torch.zeros(4, SIDE * SIDE)
    expected[torch.arange(4), IMAGES.labels] = 1
    torch.testing.assert_close(maps.flatten(1), expected)


def test_a_backdoors_answer_lies_on_the_trigger_and_the_clean_networks_does_not() -> None:
    places = changed_places(IMAGES.images, TRIGGERED)
    for network, share in ((pixel_reader(3, backdoor=0), 1.0), (pixel_reader(3), 0.0)):
        asked = network.predict(TRIGGERED)[:3]
        maps = attribution_maps(network, TRIGGERED[:3], asked)
        assert share_inside(maps, places[:3]).tolist() == pytest.approx([share] * 3)


def test_what_speaks_for_nothing_is_a_map_of_zeros() -> None:
    maps = attribution_maps(constant_answer(3, 1), IMAGES.images, IMAGES.labels)
    assert not maps.any()


@pytest.mark.parametrize("method", METHODS)
def test_maps_are_shares_and_the_network_is_as_it_was(method: Method) -> None:
    subject, images = tiny(), halves(CHUNK + 3)
    before = weights_of(subject)
    maps = attribution_maps(subject, images.images, images.labels, method=method)
    assert maps.shape == (CHUNK + 3, *SHAPE[1:]) and maps.dtype == torch.float32
    assert not maps.requires_grad and float(maps.min()) >= 0
    sums = maps.sum((1, 2))
    assert bool(((sums - 1).abs() < 1e-5).logical_or(sums == 0).all()) and bool(sums.any())
    assert torch.equal(weights_of(subject), before)
    assert all(one.grad is None for one in subject.network.parameters())
    assert not any(module._forward_hooks for module in subject.network.modules())
    one = attribution_maps(subject, images.images[-1:], images.labels[-1:], method=method)
    torch.testing.assert_close(one[0], maps[-1], rtol=1e-4, atol=1e-6)


def test_float_and_stored_images_give_the_same_maps() -> None:
    subject, images = tiny(), halves(4)
    stored = attribution_maps(subject, images.images, images.labels)
    computed = attribution_maps(subject, images.images.float() / 255, images.labels)
    torch.testing.assert_close(stored, computed)


def test_no_image_is_no_map() -> None:
    none = torch.empty(0, *SHAPE, dtype=torch.uint8)
    assert attribution_maps(tiny(), none, torch.empty(0).long()).shape == (0, *SHAPE[1:])


def test_a_place_is_the_rectangle_around_what_changed() -> None:
    clean = torch.zeros(2, 3, 5, 6, dtype=torch.uint8)
    changed = clean.clone()
    changed[0, 1, 1, 2] = changed[0, 2, 3, 4] = 9
    places = changed_places(clean, changed)
    assert places[0].sum() == 9 and bool(places[0, 1:4, 2:5].all())
    assert not places[1].any(), "nothing changed there"
    assert changed_places(IMAGES.images, TRIGGERED).flatten(1)[0].nonzero().item() == LAST


def test_mistakes_are_told() -> None:
    subject, images = tiny(), halves(4)
    with pytest.raises(ShapeError, match="4 images but 3 labels"):
        attribution_maps(subject, images.images, images.labels[:3])
    with pytest.raises(UnknownNameError, match=r"unknown convolution 'fc'.*conv"):
        attribution_maps(subject, images.images, images.labels, method="grad-cam", layer="fc")
    with pytest.raises(UnknownNameError, match="unknown convolution"):
        attribution_maps(pixel_reader(3), IMAGES.images, IMAGES.labels, method="grad-cam")
    with pytest.raises(UnknownNameError, match=r"attribution method 'gradcam'.*grad-cam"):
        attribution_maps(subject, images.images, images.labels, method="gradcam")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"maps are \(2, 3, 3\), places \(2, 3, 4\)"):
        share_inside(torch.zeros(2, 3, 3), torch.zeros(2, 3, 4, dtype=torch.bool))
