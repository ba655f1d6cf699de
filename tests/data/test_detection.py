"""Frames with boxes: what a set is, how it is split, what is refused."""

from __future__ import annotations

from collections.abc import Callable
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
from badnets.data.frames import FrameFiles, FrameStack

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


ONE, STACK = torch.zeros(1).long(), FrameStack(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
WHOLE = torch.tensor([[0.0, 0.0, 8.0, 8.0]])
NONE = LabelledBoxes.none()
A = frame_set(["a"])


def boxes(frame: int = 0, wide: float = 0, label: int = 0) -> FrameSet:
    corners = WHOLE + torch.tensor([0, 0, wide, 0])
    return FrameSet(STACK, LabelledBoxes(ONE + frame, corners, ONE + label), CLASSES, ("a",))


def parts(train: FrameSet, test: FrameSet) -> DetectionData:
    return DetectionData("x", train, test, "", "")


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (
            lambda: parts(frame_set(["a", "b"]), frame_set(["b", "c"])),
            DataError,
            r"1 scenes are in training and test.*'b'.*never by frame",
        ),
        (lambda: parts(A, FrameSet(STACK, NONE, ("stop",), ("b",))), DataError, "classes differ"),
        (lambda: parts(FrameSet(STACK, NONE, CLASSES, ("b",)), A), DataError, "no training frame"),
        (lambda: boxes(wide=1), DataError, "beyond frame 0 of 8 x 8 pixels"),
        (lambda: boxes(label=2), DataError, r"label 2 lies outside 0\.\.1"),
        (lambda: boxes(frame=1), DataError, "a box lies in frame 1, there are 1"),
        (lambda: FrameSet(STACK, NONE, CLASSES, ("a", "b")), ShapeError, "1 frames but 2 groups"),
        (lambda: A.take([]), DataError, "must not be empty"),
        (lambda: frame_set(["a", "a"]).split(0.5, 0), SettingError, "at least two scenes"),
        (lambda: frame_set(["a", "b"]).split(1, 0), SettingError, r"must be in \(0, 1\), got 1"),
    ],
)
def test_what_does_not_fit_is_refused(
    call: Callable[[], object], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        call()


def test_files_are_read_when_asked_for(tmp_path: Path) -> None:
    for number, size in enumerate([(7, 5), (6, 9)]):
        Image.new("RGB", size, (number, 20, 30)).save(tmp_path / f"{number}.png")
    frames = FrameFiles.open([tmp_path / "0.png", tmp_path / "1.png"])
    assert frames.sizes.tolist() == [[5, 7], [9, 6]]
    frame = frames.take([1]).read(0)
    assert frame.shape == (3, 9, 6) and frame[:, 0, 0].tolist() == [1, 20, 30]


@pytest.mark.parametrize(
    ("picture", "pixel"),
    [
        (Image.new("L", (2, 2), 77), [77, 77, 77]),
        (Image.new("RGBA", (2, 2), (1, 2, 3, 0)), [1, 2, 3]),
        (Image.fromarray(np.full((2, 2), 0x4D12, dtype=np.uint16)), [0x4D] * 3),  # not cut off
    ],
    ids=["grey", "transparent", "16 bit"],
)
def test_pictures_of_other_modes_become_rgb(
    tmp_path: Path, picture: Image.Image, pixel: list[int]
) -> None:
    picture.save(tmp_path / "x.png")
    assert FrameFiles.open([tmp_path / "x.png"]).read(0)[:, 0, 0].tolist() == pixel


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
