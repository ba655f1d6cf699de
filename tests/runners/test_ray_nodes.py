"""What room a node of a Ray cluster has for trials; the rest is seen on real ones."""

from __future__ import annotations

import pytest

from badnets.runners.ray_nodes import _room_on, line_of

NODE = {"Resources": {"CPU": 8.0, "GPU": 2.0, "memory": 16.0 * 2**30}}


@pytest.mark.parametrize(
    ("needs", "room"),
    [
        ({"CPU": 1.0}, 8),
        ({"CPU": 1.0, "GPU": 0.25}, 8),
        ({"CPU": 1.0, "GPU": 0.5}, 4),
        ({"CPU": 1.0, "GPU": 0.4}, 4),  # two on each, and no trial on both
        ({"CPU": 1.0, "GPU": 1.0}, 2),
        ({"CPU": 1.0, "memory": 5.0 * 2**30}, 3),
        ({"CPU": 1.0, "memory": 17.0 * 2**30}, 0),
        ({"CPU": 1.0, "TPU": 1.0}, 0),
    ],
)
def test_the_scarcest_of_what_a_trial_asks_for_counts(needs: dict[str, float], room: int) -> None:
    assert _room_on(NODE, needs) == room


def test_what_ray_says_is_one_line() -> None:
    assert line_of(ValueError("one\n  two")) == "one two"
