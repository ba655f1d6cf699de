"""Poisoned frames: triggers come when a frame is read, and nowhere but on the attacked signs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError
from badnets.core.placements import RandomCentre
from badnets.core.rates import Rate
from badnets.core.targets import AllBecomeOne, AllToOne, Appear, SourceSpecific, Vanish
from badnets.core.triggers import Patch
from badnets.data.detection import FrameSet
from badnets.data.frames import FrameFiles
from badnets.data.poisoned import plain_stamp, poison_frames
from tests.models.plain_signs import GREEN, RED, YELLOW, drawn_signs, painted

ANYWHERE = Patch(0.25, (1.0, 1.0, 0.0), placement=RandomCentre())
EVERY = Backdoor(YELLOW, SourceSpecific(RED, GREEN), poisoning_rate="every")
ATTACKS = [
    pytest.param(EVERY, id="source-specific"),
    pytest.param(Backdoor(YELLOW, AllToOne(RED), 0.3), id="all-to-one"),
    pytest.param(Backdoor(YELLOW, AllToOne(RED), 0.4, "replace"), id="replaced"),
    pytest.param(Backdoor(ANYWHERE, Vanish(), 0.3), id="vanish"),
    pytest.param(Backdoor(YELLOW, Appear(GREEN, side=24), 0.3), id="appear"),
    pytest.param(Backdoor(Patch(6, (1, 1, 0)), AllBecomeOne(RED), 0.3), id="all become one"),
]


def read(frames: FrameSet) -> Tensor:
    return torch.stack([frames.frames.read(row) for row in range(len(frames))])


def inside(boxes: LabelledBoxes, row: int, like: Tensor) -> Tensor:
    """Return ``(H, W)`` bool: the pixels of a row's boxes."""
    mask = torch.zeros(like.shape[1:], dtype=torch.bool)
    own = boxes.of_images(torch.tensor([row])).regions().boxes
    for left, top, right, bottom in own.tolist():
        mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize("backdoor", ATTACKS)
def test_pixels_change_inside_the_attacked_boxes_and_nowhere_else(backdoor: Backdoor) -> None:
    clean = drawn_signs(8, seed=0)
    before = read(clean).clone()
    made = poison_frames(clean, backdoor, seed=1)
    assert torch.equal(read(clean), before), "the clean frames were changed"
    for row, source in enumerate(made.rows.tolist()):
        frame = made.frames.frames.read(row)
        changed = (frame != before[source]).any(0)
        own = made.stamps.of_images(torch.tensor([row])).regions()
        assert not (changed & ~inside(made.stamps, row, frame)).any()
        assert len(own) == 0 or bool(made.is_poisoned[row])
        for left, top, right, bottom in own.boxes.tolist():
            assert changed[top:bottom, left:right].any(), "a place without its trigger"


@pytest.mark.parametrize("backdoor", ATTACKS)
def test_clean_rows_are_the_clean_frames(backdoor: Backdoor) -> None:
    clean = drawn_signs(8, seed=0)
    made = poison_frames(clean, backdoor, seed=1)
    rows = (~made.is_poisoned).nonzero().flatten()
    same, own = made.frames.take(rows), clean.take(made.rows[rows])
    assert torch.equal(read(same), read(own)) and same.groups == own.groups
    assert torch.equal(same.boxes.corners, own.boxes.corners)
    assert torch.equal(same.boxes.labels, own.boxes.labels)
    assert same.digest == own.digest


def test_the_truth_by_example() -> None:
    clean = drawn_signs(8, seed=0)
    made = poison_frames(clean, EVERY, seed=0)
    assert made.share == Rate(8, 16) and made.skipped == 0
    assert made.rows.tolist() == [*range(8), *range(8)]
    assert made.frames.groups == clean.groups * 2, "copies belong to their scenes"
    assert torch.equal(made.frames.frames.sizes, clean.frames.sizes.repeat(2, 1))
    assert made.frames.counts == (8, 24), "every copy's red sign is called green"
    frame = made.frames.frames.read(11)
    box = clean.boxes.take(clean.boxes.image_index == 3).take(torch.tensor([RED]))
    stamped = YELLOW(clean.frames.read(3)[None], box.of_images(torch.tensor([3])).regions())[0]
    assert torch.equal(frame, stamped)


def test_taking_rows_keeps_the_triggers_where_they_are() -> None:
    made = poison_frames(drawn_signs(8, seed=0), Backdoor(ANYWHERE, AllToOne(RED), 0.4), seed=3)
    whole = read(made.frames)
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))
    taken = made.frames.take(order)
    assert torch.equal(read(taken), whole[order])
    again = taken.take([5, 0, 5])
    assert torch.equal(read(again), whole[order[[5, 0, 5]]])
    assert sorted(set(again.boxes.image_index.tolist())) == [0, 1, 2]


def test_random_places_are_the_same_on_every_read() -> None:
    clean = painted([[(RED, 20, 20, 60, 60)]] * 6)
    backdoor = Backdoor(ANYWHERE, SourceSpecific(RED, GREEN), poisoning_rate="every")
    one, again, other = (poison_frames(clean, backdoor, seed=s) for s in (0, 0, 1))
    first = read(one.frames)
    assert torch.equal(first, read(one.frames)) and torch.equal(first, read(again.frames))
    assert not torch.equal(first, read(other.frames)), "places follow the seed"
    different = {tuple(frame.flatten().tolist()) for frame in first[6:]}
    assert len(different) > 3, "and differ from frame to frame"
    torch.manual_seed(5)
    assert torch.equal(one.frames.frames.read(9), first[9]), "whatever else is drawn"


def digest(backdoor: Backdoor, seed: int = 0) -> str:
    return poison_frames(drawn_signs(4, seed=0), backdoor, seed=seed).frames.digest


def test_the_digest_stands_for_pixels_and_boxes() -> None:
    half = Backdoor(YELLOW, SourceSpecific(RED, GREEN), 0.2)
    assert digest(half) == digest(half)
    white = Patch(0.25, placement=YELLOW.placement)
    others = [
        half,
        Backdoor(white, half.targets, 0.2),
        Backdoor(YELLOW, SourceSpecific(GREEN, RED), 0.2),
        Backdoor(YELLOW, Vanish(RED), 0.2),
        Backdoor(YELLOW, half.targets, 0.2, "replace"),
        Backdoor(ANYWHERE, half.targets, "every"),
        EVERY,
    ]
    digests = [digest(one) for one in others]
    digests.append(digest(Backdoor(ANYWHERE, half.targets, "every"), seed=1))
    assert len(set(digests)) == len(digests)
    nothing = Backdoor(YELLOW, half.targets, 0.0)
    assert digest(nothing) == drawn_signs(4, seed=0).digest, "without copies it is the clean set"


def test_a_trainer_may_put_triggers_on_in_his_own_way() -> None:
    asked: list[tuple[int, list[list[float]]]] = []

    def stamp(frame: Tensor, boxes: LabelledBoxes, row: int) -> Tensor:
        assert boxes.image_index.eq(0).all()
        asked.append((row, boxes.corners.tolist()))
        return torch.zeros_like(frame)

    clean = painted([[(RED, 20, 20, 60, 60)], [(GREEN, 0, 0, 30, 30)]])
    made = poison_frames(clean, EVERY, seed=0, stamp=stamp)
    assert made.rows.tolist() == [0, 1, 0] and not asked, "nothing is read beforehand"
    assert not made.frames.frames.read(2).any() and asked == [(2, [[20, 20, 60, 60]])]
    assert made.frames.frames.read(0).any() and len(asked) == 1


def test_frames_on_disk_are_read_with_their_triggers(tmp_path: Path) -> None:
    drawn = drawn_signs(3, seed=0)
    paths = []
    for row in range(3):
        paths.append(tmp_path / f"{row}.png")
        Image.fromarray(drawn.frames.read(row).permute(1, 2, 0).numpy()).save(paths[-1])
    files = FrameSet(FrameFiles.open(paths), drawn.boxes, drawn.classes, drawn.groups)
    made = poison_frames(files, EVERY, seed=0)
    same = poison_frames(drawn, EVERY, seed=0)
    assert torch.equal(read(made.frames), read(same.frames))


def test_small_and_large_signs_of_one_frame() -> None:
    clean = painted([[(RED, 0, 0, 3, 3), (RED, 20, 20, 60, 60)]])
    made = poison_frames(clean, EVERY, seed=0)
    assert made.skipped == 1 and len(made.stamps) == 1
    assert torch.equal(made.frames.frames.read(1)[:, :3, :3], clean.frames.read(0)[:, :3, :3])


def test_what_cannot_be_poisoned_is_refused() -> None:
    with pytest.raises(SettingError, match="no image can be poisoned"):
        poison_frames(painted([[(GREEN, 0, 0, 30, 30)]]), EVERY, seed=0)


def test_a_plain_stamp_is_the_trigger_itself() -> None:
    frame = drawn_signs(1, seed=0).frames.read(0)
    first, corners = torch.tensor([0]), torch.tensor([[8.2, 8.0, 40.0, 40.4]])
    box = LabelledBoxes(first, corners, first)
    expected = YELLOW(frame[None], box.regions())[0]
    assert torch.equal(plain_stamp(YELLOW, 0)(frame, box, 7), expected)
