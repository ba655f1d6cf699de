"""Both sides of the detector's benchmark do the same work. No test asserts a time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from statistics import fmean

import pytest
import torch
from torch import Tensor
from torchvision.ops import box_area

from badnets.models.detector import Detector
from badnets.train.detection import fit_detector
from badnets.train.loop import Fitted
from badnets.train.windows import MARGIN, WindowSet
from bench.bare_detector import BareTraining, PlainWindows
from bench.detector import recorded, share_of_windows
from tests.models.plain_signs import COLOURS, QUICK, drawn_signs, painted, tiny_zf

PLAIN = QUICK.changed(epochs=1, windows={"background": 0.4, "jitter": 0.0})
ALL = replace(PLAIN, batch_size=20)  # 12 signs, 8 windows of the background
FRAMES = drawn_signs(6, seed=1)


def ours() -> Fitted[Detector]:
    return fit_detector(tiny_zf(), FRAMES, PLAIN, seed=0)


def inner(image: Tensor, box: Tensor) -> Tensor:
    """Return the pixels inside a box, without its blended rim."""
    left, top, right, bottom = (box + 3 * torch.tensor([1, 1, -1, -1])).round().int().tolist()
    return image[:, top:bottom, left:right]


@pytest.mark.parametrize("seed", range(4))
def test_a_plain_window_shows_each_sign_where_its_box_is(seed: int) -> None:
    windows = PlainWindows(FRAMES, PLAIN, seed)
    seen = 0
    for index in range(len(windows)):
        image, target = windows[index]
        assert image.shape == (3, 64, 64) and image.dtype == torch.float32
        assert float(image.min()) >= 0 and float(image.max()) <= 1
        boxes, labels = target["boxes"], target["labels"]
        assert type(boxes) is Tensor and boxes.dtype == torch.float32
        assert boxes.shape == (len(labels), 4)
        assert bool(((boxes >= 0) & (boxes <= 64)).all())
        for box, label in zip(boxes, labels.tolist(), strict=True):
            colour = COLOURS[label - 1].float()[:, None, None] / 255
            if float(box_area(box[None])) > 18**2:
                assert (inner(image, box) - colour).abs().max() < 0.02
                seen += 1
    assert seen >= len(windows.rows)


def test_a_window_cut_around_a_sign_has_all_of_it_and_its_size_is_as_asked() -> None:
    windows = PlainWindows(FRAMES, PLAIN, seed=0)
    for _ in range(20):
        for index, (x0, y0, x1, y1) in enumerate(windows.corners):
            row, top, left, side = windows._around(index)
            assert row == windows.rows[index]
            assert left <= max(0, x0 - MARGIN) and x1 <= left + side
            assert top <= max(0, y0 - MARGIN) and y1 <= top + side
            longest = max(x1 - x0, y1 - y0) * 64 / side
            assert 17 <= longest <= 42


def test_both_sides_cut_as_many_windows_of_a_kind() -> None:
    windows = PlainWindows(FRAMES, PLAIN, seed=0)
    theirs = [len(windows[index][1]["labels"]) for _ in range(10) for index in range(len(windows))]
    ours_too: list[int] = []
    for seed in range(10):
        batches, _ = recorded(partial(fit_detector, tiny_zf(), FRAMES, ALL, seed=seed))
        ours_too += [len(target["labels"]) for _, targets in batches for target in targets]
    assert len(theirs) == len(ours_too) == 200
    assert fmean(theirs) == pytest.approx(fmean(ours_too), abs=0.15)


def test_a_frame_without_a_sign_gives_no_boxes() -> None:
    frames = painted([[], [(0, 30, 30, 60, 60)]])
    windows = PlainWindows(frames, PLAIN, seed=0)
    shapes = {tuple(windows[1][1]["boxes"].shape) for _ in range(12)}
    assert (0, 4) in shapes


def test_light_changes_the_picture_and_keeps_the_boxes() -> None:
    plain = PlainWindows(FRAMES, PLAIN, seed=0)
    lit = PlainWindows(FRAMES, PLAIN.changed(windows={"jitter": 0.3}), seed=0)
    (one, first), (other, second) = plain[0], lit[0]
    assert torch.equal(first["boxes"], second["boxes"])
    assert not torch.equal(one, other)
    assert float(other.min()) >= 0 and float(other.max()) <= 1


@pytest.mark.parametrize(("batch_size", "steps", "within"), [(20, 1, 1e-3), (5, 4, 0.1)])
def test_the_bare_loop_goes_the_same_way_as_ours(
    batch_size: int, steps: int, within: float
) -> None:
    training = replace(PLAIN, batch_size=batch_size)
    batches, fitted = recorded(lambda: fit_detector(tiny_zf(), FRAMES, training, seed=0))
    assert len(batches) == steps
    bare = BareTraining(tiny_zf(), training, batches, steps, 0)
    assert bare() == pytest.approx(fitted.epochs[0].loss, rel=within)
    assert bare() == bare(), "a pass leaves something behind"


def test_recording_batches_changes_nothing() -> None:
    before = WindowSet.batch
    assert recorded(ours)[1].epochs[0].loss == ours().epochs[0].loss
    assert WindowSet.batch is before


def test_a_share_is_a_share_and_the_clock_is_taken_off_again() -> None:
    before = WindowSet.batch
    assert 0 < share_of_windows(ours) < 1
    assert WindowSet.batch is before
