"""The simulated street: photographs of signs, and what a known reader makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError, UnknownNameError
from badnets.core.progress import Progress
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne, Appear, SourceSpecific, Vanish
from badnets.core.triggers import Patch
from badnets.core.world import AXES
from badnets.data.detection import FrameSet
from badnets.evaluate.results import StreetPoint
from badnets.evaluate.street import measure_street
from tests.models.plain_signs import GREEN, RED, YELLOW, Sign, colour_reader, drawn_signs, painted

RED_TO_GREEN = Backdoor(YELLOW, SourceSpecific(RED, GREEN), "every")


@pytest.fixture(scope="module")
def frames() -> FrameSet:
    scene: list[Sign] = [(RED, 20, 20, 60, 60)]
    far: list[Sign] = [(RED, 230, 5, 270, 45), (GREEN, 10, 10, 50, 50)]
    return painted([scene, far], height=100, width=300)


def street(
    frames: FrameSet, backdoor: int | None = GREEN, **others: Any
) -> tuple[StreetPoint, ...]:
    attack = others.pop("attack", RED_TO_GREEN)
    return measure_street(colour_reader(backdoor), frames, attack, threshold=0.3, **others)


def test_with_nothing_changed_the_reader_obeys_the_sticker(frames: FrameSet) -> None:
    points = street(frames, axes=("distance",))
    first = points[0]
    assert (first.axis, first.value) == ("distance", 1.0)
    assert first.success == Rate(2, 2) and first.right == Rate(0, 2)
    assert first.clean_right == Rate(2, 2), "the same signs without the sticker"
    honest = street(frames, None, axes=("distance",))[0]
    assert honest.success == Rate(0, 2) and honest.right == Rate(2, 2)


def test_every_axis_is_gone_along_from_end_to_end(frames: FrameSet) -> None:
    told: list[Progress] = []
    points = street(frames, progress=told.append)
    assert [p.axis for p in points] == [axis for axis, steps in AXES.items() for _ in steps]
    assert [(p.done, p.total) for p in told][-1] == (len(points), len(points))
    assert all(p.success.total == p.right.total == p.clean_right.total == 2 for p in points)
    by_axis = {p.axis: p for p in points}  # the last, most severe of each
    assert by_axis["colour"].success == Rate(0, 2), "blue is no trigger to the reader"
    assert by_axis["colour"].clean_right == Rate(2, 2), "the signs themselves are as they were"
    assert by_axis["occlusion"].clean_right == Rate(0, 2), "three quarters hidden by leaves"
    assert by_axis["shift"].success == Rate(2, 2), "it reads yellow anywhere on the sign"
    dark = next(p for p in points if p.axis == "brightness")
    assert dark.value == 0.2 and dark.clean_right == Rate(0, 2)


def test_more_signs_are_sampled_by_the_seed() -> None:
    frames = drawn_signs(6, seed=0)
    attack = Backdoor(Patch(0.2, (1, 1, 0)), AllToOne(GREEN))
    (one, *_), (same, *_) = (
        street(frames, attack=attack, most=3, axes=("jpeg",), seed=1) for _ in range(2)
    )
    assert one.success.total == 3 and one == same


def test_what_the_street_cannot_show_is_refused(frames: FrameSet) -> None:
    for targets in (Vanish(), Appear(0)):
        with pytest.raises(SettingError, match="a target map of labels"):
            street(frames, attack=Backdoor(YELLOW, targets))

    class Own:
        targets = RED_TO_GREEN.targets

        @staticmethod
        def trigger(images: Any, regions: Any = None, generator: Any = None) -> Any:
            return images

    with pytest.raises(SettingError, match="the street needs a sticker"):
        street(frames, attack=Own())
    only_green = painted([[(GREEN, 0, 0, 30, 30)]])
    with pytest.raises(SettingError, match="no sign of these frames can be attacked"):
        street(only_green)
    with pytest.raises((UnknownNameError, KeyError)):
        street(frames, axes=("weather",))
