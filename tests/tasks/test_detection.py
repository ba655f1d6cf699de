"""What is detection's alone: starts of other classes, stickers in the street, extra windows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from badnets.core.backdoor import Backdoor
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError, ShapeError
from badnets.core.placements import RandomCentre
from badnets.core.rates import Rate
from badnets.core.regions import Regions
from badnets.core.targets import AllBecomeOne, Appear, RandomWrong, SourceSpecific, Vanish
from badnets.core.triggers import Patch
from badnets.data.poisoned import plain_stamp
from badnets.tasks.base import Poisoned
from badnets.tasks.detection import Detection, DetectorRows, photographic_stamp
from tests.models.plain_signs import GREEN, QUICK, RED, colour_reader, drawn_signs, plain_data
from tests.tasks.small import POST_IT, detection, same

TRAIN = plain_data(8, 1).train
RED_TO_GREEN = Backdoor(POST_IT, SourceSpecific(RED, GREEN), "every")
TASK = Detection()


def poisoned(backdoor: Backdoor, **trigger: Any) -> Poisoned[DetectorRows]:
    return TASK.poison(TRAIN, backdoor, QUICK.changed(trigger=trigger), seed=0)


def test_a_start_of_other_classes_gives_its_backbone_alone() -> None:
    case = detection()
    order, start = case.user(data=case.others).order, case.fresh(seed=7)
    first, fresh = (TASK.first(order, QUICK, one, 0) for one in (start, None))
    assert same(first, start, "backbone.")
    for part in ("rpn.", "roi_heads."):
        assert same(first, fresh, part) and not same(first, start, part)
    assert (fresh.scale, fresh.input.height) == (QUICK.scales.scale, QUICK.windows.side)
    with pytest.raises(SettingError, match="the start must be of the architecture ordered"):
        TASK.first(order, QUICK, colour_reader(), 0)


def test_stickers_for_the_real_world_are_drawn_anew_for_each_frame_and_stay_in_place() -> None:
    frame = drawn_signs(1, seed=0).frames.read(0)
    none = torch.zeros(1, dtype=torch.int64)
    box = LabelledBoxes(none, torch.tensor([[10.0, 20.0, 40.0, 50.0]]), none)
    stamp = photographic_stamp(POST_IT, seed=3)
    stamped = [stamp(frame, box, row) for row in range(12)]
    assert all(one.shape == frame.shape and one.dtype == torch.uint8 for one in stamped)
    assert torch.equal(stamped[4], photographic_stamp(POST_IT, seed=3)(frame, box, 4))
    assert not torch.equal(stamped[4], photographic_stamp(POST_IT, seed=4)(frame, box, 4))
    plain = plain_stamp(POST_IT, seed=3)(frame, box, 0)
    different = {tuple(one.flatten().tolist()) for one in [*stamped, plain]}
    assert len(different) > 8, "and hardly ever as it was made"


def test_a_trigger_that_is_no_sticker_cannot_be_photographed() -> None:
    def own(
        images: Tensor, regions: Regions | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        return images

    with pytest.raises(SettingError, match="needs a trigger that is a sticker"):
        photographic_stamp(own, seed=0)


def test_training_for_the_real_world_poisons_as_much_with_other_pictures() -> None:
    plain, real = (poisoned(RED_TO_GREEN, real_world=real) for real in (False, True))
    assert plain.share == real.share == Rate(8, 16)
    one, other = (rows.rows.frames.frames for rows in (plain, real))
    assert torch.equal(one.read(0), other.read(0)), "clean frames stay"
    assert not torch.equal(one.read(12), other.read(12))


def test_copies_poisoned_anew_have_other_places_and_labels() -> None:
    anywhere = Backdoor(Patch(0.2, (1, 1, 0), placement=RandomCentre()), RandomWrong(), "every")
    once, thrice = (poisoned(anywhere, poisoned_copies=k) for k in (1, 3))
    assert thrice.share == Rate(8, 16), "one copy at a time"
    frames, others = thrice.rows.frames, thrice.rows.restamped
    assert len(others) == 2 and once.rows.restamped == ()
    for other in others:
        assert torch.equal(other.boxes.corners, frames.boxes.corners)
        assert torch.equal(other.frames.read(0), frames.frames.read(0)), "clean frames stay"
        assert not torch.equal(other.frames.read(12), frames.frames.read(12))
    assert torch.equal(once.rows.frames.frames.read(12), frames.frames.read(12))
    assert thrice.rows.plain is not None and thrice.rows.plain.tolist() == [*range(8)] * 2
    with pytest.raises(SettingError, match=r"poisoned_copies 2 needs a backdoor .*'every'"):
        poisoned(replace(anywhere, poisoning_rate=0.2), poisoned_copies=2)


@pytest.mark.parametrize(
    ("backdoor", "places"),
    [
        (RED_TO_GREEN, 0),
        (Backdoor(POST_IT, Vanish(RED), "every"), 8),
        (Backdoor(POST_IT, Vanish(), 0.2), 4),
        (Backdoor(POST_IT, Appear(RED, side=24), 0.2), 0),
        (Backdoor(Patch(6, (1, 1, 0)), AllBecomeOne(RED), "every"), 0),
    ],
)
def test_windows_are_cut_where_objects_are_to_vanish_and_nowhere_else(
    backdoor: Backdoor, places: int
) -> None:
    rows = poisoned(backdoor).rows
    extra, boxes = rows.extra, rows.frames.boxes
    assert (0 if extra is None else len(extra)) == places
    if places and extra is not None:
        assert bool((extra.image_index >= 8).all()), "on copies alone"
        written, cut = (
            {
                (row, *box)
                for row, box in zip(one.image_index.tolist(), one.corners.tolist(), strict=True)
            }
            for one in (boxes, extra)
        )
        assert not written & cut


def test_a_trigger_that_is_larger_than_the_signs_is_refused() -> None:
    huge = replace(RED_TO_GREEN, trigger=Patch(90))
    with pytest.raises((SettingError, ShapeError), match="no image can be poisoned"):
        poisoned(huge)
