"""Detectors by name, from bundles and in use: what they find, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError, ShapeError
from badnets.models.detector import PIXELS_AT_ONCE, Detections, Detector
from tests.models.plain_signs import (
    CLASSES,
    GREEN,
    RED,
    ColourReader,
    colour_reader,
    drawn_signs,
    painted,
    plain_window,
    tiny_zf,
)


def noise(count: int, height: int = 64, width: int = 80) -> list[Tensor]:
    drawn = torch.Generator().manual_seed(0)
    shape = (count, 3, height, width)
    return list(torch.randint(0, 256, shape, generator=drawn, dtype=torch.uint8))


def sure(detector: Detector) -> Detector:
    """Return an untrained detector that reports everything it proposes."""
    detector.network.roi_heads.score_thresh = 0.0  # type: ignore[union-attr]
    return detector


def same(one: Detections, other: Detections, within: float = 0.0) -> bool:
    return torch.equal(one.labels, other.labels) and all(
        torch.allclose(a, b, rtol=0, atol=within)
        for a, b in ((one.corners, other.corners), (one.scores, other.scores))
    )


def test_the_same_frame_gives_the_same_boxes_alone_and_among_others() -> None:
    detector = sure(tiny_zf())
    frames = noise(3)
    together = list(detector.detect(frames))
    alone = [next(iter(detector.detect([frame]))) for frame in frames]
    assert len(together) == 3 and all(len(found.scores) > 5 for found in together)
    assert all(same(a, b, within=1e-3) for a, b in zip(together, alone, strict=True))
    assert not same(together[0], together[1], within=1e-3)


def test_frames_may_differ_in_size_and_come_in_any_order() -> None:
    detector = colour_reader()
    wide = painted([[(RED, 10, 10, 40, 40)]], width=200).frames.read(0)
    small = painted([[(GREEN, 5, 5, 30, 30)]], height=50, width=60).frames.read(0)
    found = list(detector.detect([wide, small, small, wide]))
    assert [answer.labels.tolist() for answer in found] == [[RED], [GREEN], [GREEN], [RED]]
    assert found[1].corners.tolist() == [[5, 5, 30, 30]]


def test_frames_are_asked_for_in_turn_and_few_are_held() -> None:
    side = 1000
    given: list[int] = []

    def frames() -> Any:
        for row in range(7):
            given.append(row)
            yield torch.zeros(3, side, side, dtype=torch.uint8)

    answers = colour_reader().detect(frames())
    next(answers)
    assert len(given) <= PIXELS_AT_ONCE // side**2 + 1


def test_boxes_come_surest_first_and_lie_in_the_frame() -> None:
    for found in sure(tiny_zf()).detect(noise(2)):
        scores, corners = found.scores, found.corners
        assert (scores[:-1] >= scores[1:]).all() and ((scores >= 0) & (scores <= 1)).all()
        assert (corners >= 0).all() and (corners[:, 2] <= 80).all() and (corners[:, 3] <= 64).all()
        assert ((found.labels >= 0) & (found.labels < 2)).all(), "background is not among them"
        assert (found.labels.dtype, corners.dtype) == (torch.int64, torch.float32)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 3.3])
def test_boxes_are_in_the_frames_own_pixels_whatever_the_scale(scale: float) -> None:
    frames = drawn_signs(3, seed=4)
    found = colour_reader(scale=scale).detect(frames.frames.read(row) for row in range(3))
    for row, answer in enumerate(found):
        own = frames.boxes.of_images(torch.tensor([row]))
        assert torch.equal(answer.labels, own.labels)
        assert (answer.corners - own.corners).abs().max() <= max(1.0, 1 / scale)


class Counting(ColourReader):
    """Also says how large the pictures were that it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple[int, ...]] = []

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        self.shown += [tuple(image.shape[1:]) for image in images]
        return super().forward(images)


def test_frames_are_looked_at_a_second_time_smaller_and_each_object_is_found_once() -> None:
    reader = Counting()
    detector = Detector(reader, "reader", plain_window(), CLASSES, 2.0, 0.5)
    frames = painted([[(RED, 10, 10, 50, 50), (GREEN, 60, 10, 90, 40)], [(GREEN, 4, 4, 40, 40)]])
    found = list(detector.detect(frames.frames.read(row) for row in range(2)))
    assert reader.shown == [(192, 192)] * 2 + [(48, 48)] * 2
    assert [answer.labels.tolist() for answer in found] == [[RED, GREEN], [GREEN]]
    for row, answer in enumerate(found):
        own = frames.boxes.of_images(torch.tensor([row])).corners
        assert (answer.corners - own).abs().max() <= 2
        assert (answer.scores[:-1] >= answer.scores[1:]).all()
    for second_scale in (2.0, 0.05, -1.0):
        with pytest.raises(SettingError, match=r"second_scale must be in \[0\.1, scale\), or 0"):
            colour_reader(scale=2.0, second_scale=second_scale)


class Mistaken(ColourReader):
    """Takes red for green in small pictures."""

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        small = images[0].shape[1] < 100
        return super().forward([image.flip(0).roll(-1, 0) if small else image for image in images])


def test_the_second_look_is_about_large_objects_alone() -> None:
    detector = Detector(Mistaken(), "reader", plain_window(64), CLASSES, 2.0, 0.5)
    small = painted([[(RED, 10, 10, 22, 22)]]).frames.read(0)
    large = painted([[(RED, 10, 10, 50, 50)]]).frames.read(0)
    (of_small,), (of_large,) = detector.detect([small]), detector.detect([large])
    assert of_small.labels.tolist() == [RED], "below 64 / (2 * 2.0) pixels the first look decides"
    assert sorted(of_large.labels.tolist()) == [RED, GREEN]


def test_a_frame_is_enlarged_by_the_scale() -> None:
    frames = torch.stack(noise(2, 30, 40))
    assert colour_reader(scale=2.5).enlarged(frames).shape == (2, 3, 75, 100)
    assert torch.equal(colour_reader().enlarged(frames), frames.float() / 255)


def test_frames_of_a_wrong_shape_and_scales_out_of_range_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"a frame must be \(3, H, W\), got \(1, 8, 8\)"):
        list(colour_reader().detect([torch.zeros(1, 8, 8)]))
    with pytest.raises(ShapeError, match=r"got \(1, 3, 8, 8\)"):
        list(colour_reader().detect([torch.zeros(1, 3, 8, 8)]))
    with pytest.raises(SettingError, match=r"scale must be in \[0\.1, 10\], got 0"):
        colour_reader(scale=0)


def test_layers_are_the_backbones_convolutions_and_their_outputs_the_activations() -> None:
    detector = tiny_zf()
    assert detector.layers == tuple(f"backbone.conv{k}" for k in range(1, 6))
    windows = torch.stack(noise(2)) / 255
    with detector.silenced("backbone.conv2", [0, 3]):
        (outputs,) = detector.layer_outputs(windows, ["backbone.conv2"])
    maps = outputs["backbone.conv2"]
    assert not maps[:, [0, 3]].any() and maps[:, [1, 2]].any()
    assert (maps >= 0).all(), "it is the activation, after the ReLU"


def test_regions_are_named_in_their_order_whatever_frames_they_lie_in() -> None:
    detector, frames = tiny_zf(seed=2), torch.stack(noise(2))
    corners = torch.tensor([[5.0, 5, 40, 40], [10, 0, 60, 60], [0, 20, 30, 50]])
    boxes = LabelledBoxes(torch.tensor([1, 0, 1]), corners, torch.zeros(3).long())
    together = detector.regions(boxes)
    assert together.classes == (*CLASSES, "(background)")
    logits = together.logits(frames)
    for row in range(3):
        own = boxes.take(torch.tensor([row])).of_images(boxes.image_index[row : row + 1])
        alone = detector.regions(own).logits(frames[boxes.image_index[row : row + 1]])
        torch.testing.assert_close(logits[row : row + 1], alone, rtol=1e-4, atol=1e-5)
    larger = replace(detector, scale=2.0).regions(boxes).logits(frames)
    assert larger.shape == logits.shape and not torch.allclose(larger, logits)
    with pytest.raises(ShapeError, match="a region lies in frame 1, got 1 frames"):
        together.logits(frames[:1])
    with pytest.raises(SettingError, match="reader names no regions"):
        colour_reader().regions(boxes)
