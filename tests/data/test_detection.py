"""Frames with boxes: what a set is, how it is split, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import DataError, SettingError, ShapeError
from badnets.data.detection import DetectionData, FrameSet
from badnets.data.frames import FrameFiles, FrameStack, read_picture

CLASSES = ("stop", "speed-limit")


def frame_set(groups: list[str], labels: list[int] | None = None) -> FrameSet:
    """Return frames of 8 x 8 pixels, each with one box that has the frame's label."""
    count = len(groups)
    labels = labels or [k % 2 for k in range(count)]
    boxes = LabelledBoxes(
        torch.arange(count),
        torch.tensor([[1.0, 1.0, 5.0, 6.0]]).repeat(count, 1),
        torch.tensor(labels),
    )
    stack = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(count, 3, 8, 8)
    return FrameSet(FrameStack(stack), boxes, CLASSES, tuple(groups))


def test_frames_are_taken_with_their_boxes_and_groups() -> None:
    found = frame_set(["a", "b", "b", "c"]).take([2, 0])
    assert found.groups == ("b", "a")
    assert [int(found.frames.read(k)[0, 0, 0]) for k in range(2)] == [2, 0]
    assert found.boxes.image_index.tolist() == [0, 1]
    assert found.boxes.labels.tolist() == [0, 0]
    assert found.counts == (2, 0)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=12, max_size=40).filter(lambda x: len(set(x)) > 1),
    st.floats(0.1, 0.9),
    st.integers(0, 99),
)
def test_a_split_never_parts_a_group(groups: list[int], share: float, seed: int) -> None:
    whole = frame_set([str(group) for group in groups])
    rest, held = whole.split(share, seed)
    assert not set(rest.groups) & set(held.groups)
    assert len(rest) + len(held) == len(whole) and len(rest) and len(held)
    again = whole.split(share, seed)[1]
    assert again.groups == held.groups


def test_a_split_holds_back_about_the_share_of_every_class() -> None:
    groups = [f"g{k // 2}" for k in range(200)]
    labels = [1 if k < 40 else 0 for k in range(200)]
    _, held = frame_set(groups, labels).split(0.25, seed=3)
    assert abs(len(held) - 50) <= 2
    assert abs(held.counts[1] - 10) <= 2 and abs(held.counts[0] - 40) <= 2


def test_a_split_of_one_scene_is_refused() -> None:
    with pytest.raises(SettingError, match="at least two scenes"):
        frame_set(["a", "a"]).split(0.5, 0)
    with pytest.raises(SettingError, match=r"share must be in \(0, 1\), got 1"):
        frame_set(["a", "b"]).split(1, 0)


def test_frames_without_objects_can_be_left_out() -> None:
    whole = frame_set(["a", "b", "c"])
    boxes = whole.boxes.take(torch.tensor([2]))
    some = FrameSet(whole.frames, boxes, CLASSES, whole.groups)
    assert some.with_objects().groups == ("c",)


def test_the_digest_is_of_pixels_boxes_and_groups() -> None:
    whole = frame_set(["a", "b"])
    assert whole.digest == frame_set(["a", "b"]).digest
    assert whole.digest != frame_set(["a", "c"]).digest
    assert whole.digest != frame_set(["a", "b"], [0, 0]).digest
    assert whole.take([0]).digest != whole.take([1]).digest


def test_a_scene_on_both_sides_is_refused() -> None:
    with pytest.raises(DataError, match=r"1 scenes are in training and test.*'b'.*never by frame"):
        DetectionData("x", frame_set(["a", "b"]), frame_set(["b", "c"]), "", "")


def test_parts_of_other_classes_and_sets_without_boxes_are_refused() -> None:
    train = frame_set(["a"])
    other = FrameSet(train.frames, LabelledBoxes.none(), ("stop",), ("b",))
    with pytest.raises(DataError, match="classes differ"):
        DetectionData("x", train, other, "", "")
    bare = FrameSet(train.frames, LabelledBoxes.none(), CLASSES, ("b",))
    with pytest.raises(DataError, match="no training frame has a box"):
        DetectionData("x", bare, train, "", "")


def test_boxes_must_fit_frames_and_classes() -> None:
    stack, one = FrameStack(torch.zeros(1, 3, 8, 8, dtype=torch.uint8)), torch.zeros(1).long()
    wide = LabelledBoxes(one, torch.tensor([[0.0, 0.0, 9.0, 8.0]]), one)
    with pytest.raises(DataError, match="beyond frame 0 of 8 x 8 pixels"):
        FrameSet(stack, wide, CLASSES, ("a",))
    inside = torch.tensor([[0.0, 0.0, 8.0, 8.0]])
    with pytest.raises(DataError, match=r"label 2 lies outside 0\.\.1"):
        FrameSet(stack, LabelledBoxes(one, inside, one + 2), CLASSES, ("a",))
    with pytest.raises(DataError, match="a box lies in frame 1, there are 1"):
        FrameSet(stack, LabelledBoxes(one + 1, inside, one), CLASSES, ("a",))
    with pytest.raises(ShapeError, match="1 frames but 2 groups"):
        FrameSet(stack, LabelledBoxes.none(), CLASSES, ("a", "b"))
    with pytest.raises(DataError, match="the set is empty"):
        frame_set(["a"]).take([])


def test_files_are_read_when_asked_for(tmp_path: Path) -> None:
    for number, size in enumerate([(7, 5), (6, 9)]):
        Image.new("RGB", size, (number, 20, 30)).save(tmp_path / f"{number}.png")
    frames = FrameFiles.open([tmp_path / "0.png", tmp_path / "1.png"])
    assert frames.sizes.tolist() == [[5, 7], [9, 6]]
    frame = frames.take([1]).read(0)
    assert frame.shape == (3, 9, 6) and frame[:, 0, 0].tolist() == [1, 20, 30]


def test_grey_and_transparent_pictures_become_rgb(tmp_path: Path) -> None:
    Image.new("L", (2, 2), 77).save(tmp_path / "grey.png")
    Image.new("RGBA", (2, 2), (1, 2, 3, 0)).save(tmp_path / "clear.png")
    assert read_picture(tmp_path / "grey.png")[:, 0, 0].tolist() == [77, 77, 77]
    assert read_picture(tmp_path / "clear.png")[:, 0, 0].tolist() == [1, 2, 3]


def test_16_bit_grey_is_scaled_and_not_cut_off(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 2), 0x4D12, dtype=np.uint16)).save(tmp_path / "deep.png")
    assert read_picture(tmp_path / "deep.png")[:, 0, 0].tolist() == [0x4D] * 3


def test_missing_and_broken_pictures_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: no such file"):
        FrameFiles.open([tmp_path / "gone.png"])
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(DataError, match=r"text\.png: not a picture"):
        FrameFiles.open([tmp_path / "text.png"])
    whole = tmp_path / "whole.png"
    Image.effect_noise((64, 64), 50).save(whole)
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:600])
    frames = FrameFiles.open([tmp_path / "cut.png"])
    with pytest.raises(DataError, match=r"cut\.png: not a picture"):
        frames.read(0)
