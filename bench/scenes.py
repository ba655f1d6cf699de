"""Drawn road scenes, out of their seeds, on one core."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from badnets.data.scenes import Look, draw_scene, draw_scenes
from badnets.data.scenes.faces import FAMILIES
from bench.results import Result, Wanted
from bench.scales import Scale

LEAST = 100
SEED = 0


def run(scale: Scale) -> Iterator[Result]:
    """Give scenes per second of CPU time, for each family of signs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # idle threads that wait would count as well
    try:
        for family in FAMILIES:
            yield _scenes_per_second(Look(family), scale)
    finally:
        torch.set_num_threads(threads)


def _scenes_per_second(look: Look, scale: Scale) -> Result:
    count = scale.scenes
    check(look, count)  # faces are drawn once in a process: the first scenes pay for them
    cpu_s, wall_s = [], []
    for number in range(scale.pairs):
        wall, cpu = time.perf_counter(), time.process_time()
        draw_scenes(count, SEED + 1 + number, look)
        cpu_s.append(time.process_time() - cpu)
        wall_s.append(time.perf_counter() - wall)
    return Result(
        f"scenes drawn per second of one core's time, {look.family}",
        tuple(count / one for one in cpu_s),
        "scenes/s",
        wanted=Wanted(">=", LEAST),
        note=f"{look.size} x {look.size} pixels, other scenes in each round of {count}",
        more={"scenes_per_s_by_the_clock": count * len(wall_s) / sum(wall_s)},
    )


def check(look: Look, count: int) -> None:
    """See to it that scenes are drawn in full, and the same ones from the same seed."""
    drawn = draw_scenes(count, SEED, look)
    assert tuple(drawn.frames.read(0).shape) == (3, look.size, look.size)
    assert len(drawn.boxes) >= count // 2
    again, signs = draw_scene(SEED, count - 1, look)
    assert torch.equal(drawn.frames.read(count - 1), torch.from_numpy(again).permute(2, 0, 1))
    assert drawn.boxes.of_images(torch.tensor([count - 1])).labels.tolist() == [
        sign.label for sign in signs
    ]
