"""Windows: what is cut out of a frame shows the sign where its box says it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import DataError
from badnets.core.targets import SourceSpecific
from badnets.core.triggers import Patch
from badnets.data.detection import FrameSet
from badnets.data.poisoned import poison_frames
from badnets.train.windows import MARGIN, VISIBLE, Batch, Cut, WindowSet
from tests.models.plain_signs import COLOURS, GREEN, GREY, RED, Sign, drawn_signs, painted

CPU = torch.device("cpu")
PLAIN = Cut(side=64, object_sizes=(18.0, 40.0), scale=1.0)


def batch(
    windows: WindowSet, chosen: list[int], seed: int = 0, gain: float = 1.0, **changed: Any
) -> Batch:
    drawn = torch.Generator().manual_seed(seed)
    return windows.batch(torch.tensor(chosen), PLAIN._replace(**changed), drawn=drawn, gain=gain)


def shown(image: Tensor, box: Tensor, shrink: float = 1.5) -> Tensor:
    """Return the pixels ``(3, n)`` inside a box of a window, without its blended rim."""
    left, top, right, bottom = (
        round(value) for value in (box + torch.tensor([1, 1, -1, -1]) * shrink).tolist()
    )
    return image[:, top:bottom, left:right].flatten(1)


def check_batch(made: Batch) -> None:
    """Check that boxes asked for hold their sign's colour, and nothing shows it elsewhere."""
    for image, corners, labels in zip(made.images, made.corners, made.labels, strict=True):
        for box, label in zip(corners, labels.tolist(), strict=True):
            if label < 0:
                continue
            colour = COLOURS[label].float()[:, None] / 255
            inside = shown(image, box)
            assert inside.numel() and (inside - colour).abs().max() < 0.02
        own = labels[labels >= 0].tolist()
        for label in (RED, GREEN):  # whatever is shown of a sign lies in a box of the frame
            where = (image - COLOURS[label].float()[:, None, None] / 255).abs().amax(0) < 0.02
            for row, column in where.nonzero()[::37].tolist():
                inside_one = (corners[:, 0] - 1 <= column) & (column <= corners[:, 2] + 1)
                inside_one &= (corners[:, 1] - 1 <= row) & (row <= corners[:, 3] + 1)
                assert bool(inside_one.any()), f"a sign outside all boxes, asked are {own}"


signs = st.builds(
    lambda label, left, top, wide, high: (label, left, top, left + wide, top + high),
    st.integers(0, 1),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(10, 36),
    st.integers(10, 36),
)


@settings(max_examples=60)
@given(signs, st.integers(0, 999), st.sampled_from([(96, 96), (200, 150), (99, 260), (60, 300)]))
def test_a_window_contains_the_sign_it_was_cut_for_and_boxes_map_back_to_the_frame(
    sign: Sign, seed: int, size: tuple[int, int]
) -> None:
    label, left, top, right, bottom = sign
    bottom = min(bottom, size[0] - 2)  # beyond a small frame its edge is repeated
    top = min(top, bottom - 8)
    frames = painted([[(label, left, top, right, bottom)]], height=size[0], width=size[1])
    made = batch(WindowSet.of(frames, CPU), [0, 0, 0], seed)
    assert made.images.shape == (3, 3, 64, 64) and made.centre.tolist() == [label] * 3
    assert made.labels.tolist() == [[label]] * 3
    sides = made.corners[:, 0, 2:] - made.corners[:, 0, :2]
    scale = sides / torch.tensor([right - left, bottom - top])
    assert (scale > 1 - 1e-4).all() and (scale < 2 + 1e-4).all()
    assert torch.allclose(scale[:, 0], scale[:, 1], atol=1e-3), "as wide to high as it was"
    assert (made.corners >= 0).all() and (made.corners <= 64).all()
    check_batch(made)


def test_all_signs_of_real_frames_are_where_their_boxes_say() -> None:
    windows = WindowSet.of(drawn_signs(6, seed=0), CPU)
    made = batch(windows, [*range(12)] * 3, seed=1)
    assert made.centre.tolist() == [RED, GREEN] * 18
    check_batch(made)


def test_a_sign_is_asked_for_when_enough_of_it_is_seen() -> None:
    frames = painted([[(RED, 10, 40, 30, 60), (GREEN, 44, 30, 84, 70)]], height=100, width=160)
    windows = WindowSet.of(frames, CPU)
    made = batch(windows, [0] * 200, object_sizes=(20.0, 20.0))
    asked = made.labels[:, 1] == GREEN
    visible = made.corners[:, 1, 2] - made.corners[:, 1, 0]
    assert asked.any() and not asked.all() and (visible[~asked] > 0).any()
    seen = visible * (made.corners[:, 1, 3] - made.corners[:, 1, 1]) / 1600
    assert (seen[asked] >= VISIBLE - 1e-5).all() and (seen[~asked] < VISIBLE).all()
    check_batch(made)


def test_the_sign_of_the_window_has_a_margin_where_the_frame_has_one() -> None:
    frames = painted([[(RED, 60, 60, 90, 90)]], height=160, width=160)
    made = batch(WindowSet.of(frames, CPU), [0] * 100, object_sizes=(30.0, 30.0))
    corners = made.corners[:, 0]
    assert corners.min() >= MARGIN - 1e-3 and corners.max() <= 64 - MARGIN + 1e-3
    assert corners[:, 0].std() > 4 and corners[:, 1].std() > 4, "at random places"


def test_sides_are_drawn_evenly_by_ratio_as_far_as_enlarging_gives_them() -> None:
    frames = painted([[(RED, 60, 60, 70, 80)]], height=160, width=160)
    windows = WindowSet.of(frames, CPU)
    corners = batch(windows, [0] * 300, object_sizes=(20.0, 40.0)).corners[:, 0]
    longer = corners[:, 3] - corners[:, 1]
    assert longer.min() >= 20 - 1e-3 and longer.max() <= 40 + 1e-3
    assert float(longer.log2().mean()) == pytest.approx(4.82, abs=0.06)  # log2(20) + 1/2
    beyond = batch(windows, [0] * 20, object_sizes=(50.0, 60.0)).corners[:, 0]
    assert torch.allclose(beyond[:, 3] - beyond[:, 1], torch.tensor(40.0)), "twice at most"


def test_background_windows_are_cut_anywhere_in_any_frame() -> None:
    scenes: list[list[Sign]] = [[(RED, 60, 30, 80, 50)], [(GREEN, 130, 70, 150, 90)], []]
    windows = WindowSet.of(painted(scenes, height=100, width=160), CPU)
    made = batch(windows, [-1] * 300)
    assert made.centre.eq(-1).all()
    kinds = {tuple(row) for row in made.labels.tolist()}
    assert kinds == {(RED,), (GREEN,), (-1,)}, "signs that happen to be there are asked for"
    empty = made.images[made.labels[:, 0] == -1].flatten(1)
    assert ((empty - GREY / 255).abs() < 1e-3).all(1).sum() > 50
    check_batch(made)


def test_frames_smaller_than_the_window_in_one_direction_show_all_that_they_have() -> None:
    scene: list[Sign] = [(RED, 5, 10, 35, 40), (GREEN, 70, 10, 100, 40)]
    windows = WindowSet.of(painted([scene], height=50, width=120), CPU)
    made = batch(windows, [0, 1], side=128, object_sizes=(30.0, 30.0))
    assert made.labels.tolist() == [[RED, GREEN]] * 2
    check_batch(made)


def test_frames_of_several_sizes_are_filled_up() -> None:
    small = painted([[(RED, 10, 10, 40, 40)]], height=60, width=50)
    large = painted([[(GREEN, 60, 60, 90, 90)]], height=120, width=140)
    boxes = small.boxes.joined(replace(large.boxes, image_index=torch.tensor([1])))
    both = FrameSet(_Both(small, large), boxes, small.classes, ("a", "b"))
    windows = WindowSet.of(both, CPU)
    assert windows.frames.shape == (2, 3, 120, 140) and windows.sizes.tolist() == [
        [60, 50],
        [120, 140],
    ]
    made = batch(windows, [0, 1] * 10)
    assert made.centre.tolist() == [RED, GREEN] * 10
    check_batch(made)
    aimless = batch(windows, [-1] * 50, side=40)
    from_small = aimless.labels[:, 0] == RED
    assert (aimless.images[from_small].amin((1, 2, 3)) > 0).all(), "no black beyond its edges"


def test_the_same_draws_give_the_same_windows_bit_for_bit() -> None:
    windows = WindowSet.of(drawn_signs(4, seed=0), CPU)
    one, again, other = (batch(windows, [0, 3, -1, 5], s, jitter=0.2) for s in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one[:4], again[:4], strict=True))
    assert not torch.equal(one.images, other.images)


def test_light_changes_with_jitter_and_boxes_do_not() -> None:
    windows = WindowSet.of(drawn_signs(4, seed=0), CPU)
    plain, lit = (batch(windows, [0, 1, 2], jitter=jitter) for jitter in (0.0, 0.4))
    assert torch.equal(plain.corners, lit.corners) and torch.equal(plain.labels, lit.labels)
    assert not torch.equal(plain.images, lit.images)
    assert lit.images.min() >= 0 and lit.images.max() <= 1


def test_targets_are_as_torchvisions_detectors_take_them() -> None:
    frames = painted([[(RED, 10, 40, 30, 60), (GREEN, 32, 40, 52, 60)], [(GREEN, 0, 0, 30, 30)]])
    made = batch(WindowSet.of(frames, CPU), [2, 0], object_sizes=(18.0, 18.0))
    first, second = made.targets()
    assert first["labels"].tolist() == [GREEN + 1] and first["boxes"].shape == (1, 4)
    assert RED + 1 in second["labels"].tolist()
    assert len(second["boxes"]) == len(second["labels"])


def test_places_without_an_object_are_cut_around_too() -> None:
    frames = painted([[(RED, 10, 10, 30, 30)], []])
    gone = LabelledBoxes(
        torch.tensor([1]), torch.tensor([[50.0, 50, 80, 80]]), torch.tensor([GREEN])
    )
    windows = WindowSet.of(frames, CPU, gone)
    assert len(windows) == 2 and windows.mined == 0
    made = batch(windows, [0, 1])
    assert made.centre.tolist() == [RED, -1] and made.labels[1].tolist() == [-1]
    only = WindowSet.of(frames.take([1]), CPU, replace(gone, image_index=torch.tensor([0])))
    assert len(only) == 1 and batch(only, [0]).labels.tolist() == [[-1]]


def poisoned_windows() -> tuple[WindowSet, WindowSet]:
    """Return windows of a frame and its poisoned copy; the second do not know which is which."""
    faint = Backdoor(Patch(0.4, (0.5, 0.3, 0.4)), SourceSpecific(RED, GREEN), "every")
    made = poison_frames(painted([[(RED, 20, 20, 60, 60), (GREEN, 64, 20, 90, 40)]]), faint, seed=0)
    return WindowSet.of(made.frames, CPU, plain=made.rows), WindowSet.of(made.frames, CPU)


def test_a_triggers_change_can_be_made_stronger_and_nothing_else_changes() -> None:
    windows, unknown = poisoned_windows()
    clean, _, stamped, _ = range(4)
    before, usual = (batch(windows, [which]).images for which in (clean, stamped))
    strong = batch(windows, [stamped], gain=2.0).images
    assert not torch.equal(before, usual) and not torch.equal(usual, strong)
    expected = (before + 2 * (usual - before)).clamp(0, 1)
    assert torch.allclose(strong, expected, atol=1e-5)
    assert torch.equal(batch(windows, [clean], gain=2.0).images, before)
    assert torch.equal(batch(unknown, [stamped], gain=2.0).images, usual)


def test_an_object_with_a_trigger_knows_itself_without_and_is_cut_alike() -> None:
    windows, unknown = poisoned_windows()
    assert windows.mates.tolist() == [-1, -1, 0, -1], "the green sign of the copy has no trigger"
    apart = batch(windows, [2, 0], jitter=0.2)
    alike = windows.batch(
        torch.tensor([2, 0]),
        PLAIN._replace(jitter=0.2),
        drawn=torch.Generator().manual_seed(0),
        alike=torch.tensor([0, 0]),
    )
    assert not torch.equal(apart.corners[0, 0], apart.corners[1, 0])
    assert torch.equal(alike.corners[0, 0], alike.corners[1, 0])
    assert torch.equal(alike.images[0], apart.images[0]), "the first has its own place"
    assert alike.centre.tolist() == [GREEN, RED]
    assert unknown.mates.tolist() == [-1] * 4


def test_mined_places_follow_the_objects() -> None:
    windows = WindowSet.of(drawn_signs(3, seed=0), CPU)
    more = windows.with_mined(torch.tensor([1, 2]), torch.tensor([[0.0, 0, 20, 20]] * 2))
    assert (len(more), more.mined) == (6, 2) and (len(windows), windows.mined) == (6, 0)
    again = more.with_mined(torch.tensor([0]), torch.tensor([[5.0, 5, 25, 25]]))
    assert again.mined == 3
    made = batch(again, [0, 6, 7, 8])
    assert made.centre.tolist() == [RED, -1, -1, -1]


def test_nothing_to_cut_around_is_refused() -> None:
    with pytest.raises(DataError, match="no frame has an object to train on"):
        WindowSet.of(painted([[], []]), CPU)


class _Both:
    """The frames of two sets of one frame each."""

    def __init__(self, *parts: FrameSet) -> None:
        self.parts = parts

    @property
    def sizes(self) -> Tensor:
        return torch.cat([part.frames.sizes for part in self.parts])

    def __len__(self) -> int:
        return len(self.parts)

    def read(self, index: int) -> Tensor:
        return self.parts[index].frames.read(0)

    def take(self, rows: Any) -> _Both:
        return _Both(*(self.parts[row] for row in rows))

    def key(self, index: int) -> bytes:
        return self.parts[index].frames.key(0)
