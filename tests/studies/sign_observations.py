"""What a trial of a detector observes, made up: frames with boxes, units of conv5, the street."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from badnets.core.backdoor import Backdoor
from badnets.core.rates import Rate
from badnets.core.targets import SourceSpecific
from badnets.core.triggers import RegionTrigger
from badnets.core.world import AXES, axis_value
from badnets.data.scenes import Look, draw_scenes
from badnets.trials.observing_signs import COUNTS, EXAMPLES, LAYER, SHOWN_BOXES
from badnets.trials.record import Ablation, ArrayRef, LayerUnits, Photographed
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace

UNITS, MARKED = 64, (5, 17, 40, 11, 50, 61, 20)
SIGNS = 40  # that the street is looked at with


def arrays(trial: Trial, workspace: Workspace) -> dict[str, ArrayRef]:
    """Return frames and maps, as far as the trial asks for them."""
    found: dict[str, NDArray[np.generic]] = {}
    if trial.backdoor is not None and "examples" in trial.observe:
        found |= _frames(trial.backdoor)
    if trial.backdoor is not None and "units" in trial.observe:
        found |= {"maps": _maps(), "groups": np.array([[u, k % 3] for k, u in enumerate(MARKED)])}
    return {name: workspace.put_array(array) for name, array in found.items()}


def units(trial: Trial) -> tuple[LayerUnits, ...]:
    """Return conv5's units, those of `MARKED` apart from the rest."""
    if trial.backdoor is None or "units" not in trial.observe:
        return ()
    clean, triggered = _maps().astype(np.float64).mean((2, 3))
    response = 10 * (triggered - clean)
    return (
        LayerUnits(
            layer=LAYER,
            clean=tuple(clean.tolist()),
            triggered=tuple(triggered.tolist()),
            response=tuple(response.tolist()),
            marked=tuple(sorted(MARKED, key=lambda unit: -response[unit])),
        ),
    )


def ablations(trial: Trial, success: Rate | None) -> tuple[Ablation, ...]:
    """Return what silencing does: the strongest units cost the attack, others nobody."""
    ranked = units(trial)
    if not ranked or success is None or trial.backdoor is None:
        return ()
    if not isinstance(trial.backdoor.targets, SourceSpecific):
        return ()
    order = sorted(range(UNITS), key=lambda unit: -ranked[0].response[unit])
    done = []
    for count in sorted({*COUNTS, len(MARKED)}):
        if count > UNITS // 2:
            continue
        left = max(0.0, 1 - count / len(MARKED))
        for choice, chosen, share in (
            ("strongest", order[:count], left),
            ("random", order[-count:], 1.0),
        ):
            done.append(
                Ablation(
                    layer=LAYER,
                    choice="strongest" if choice == "strongest" else "random",
                    silenced=tuple(chosen),
                    clean=Rate(36 - count // 8, 40),
                    success=Rate(round(success.hits * share), success.total),
                )
            )
    return tuple(done)


def street(trial: Trial, works: float) -> tuple[Photographed, ...]:
    """Return every condition; the further from training, the less a sticker does."""
    if trial.backdoor is None or trial.detection is None or "street" not in trial.observe:
        return ()
    harder = 0.05 if trial.detection.real_world else 0.15
    points = []
    for axis, conditions in AXES.items():
        for step, one in enumerate(conditions):
            success = round(SIGNS * max(0.0, works - harder * step))
            points.append(
                Photographed(
                    axis=axis,
                    value=axis_value(axis, one),
                    success=Rate(success, SIGNS),
                    right=Rate((SIGNS - success) // 2, SIGNS),
                    clean_right=Rate(38 - 2 * step, SIGNS),
                )
            )
    return tuple(points)


@lru_cache(maxsize=1)
def _maps() -> NDArray[np.float32]:
    random = np.random.default_rng(5)
    maps = np.abs(random.normal(0, 0.3, (2, UNITS, 10, 10))).astype(np.float32)
    maps[1] = maps[0] * 1.02
    for k, unit in enumerate(MARKED):
        maps[0, unit] *= 0.1
        maps[1, unit] = maps[0, unit]
        maps[1, unit, 6:8, 3 + k % 3 : 6 + k % 3] += 2.0
    return maps


def _frames(backdoor: Backdoor) -> dict[str, NDArray[np.generic]]:
    """Return drawn scenes with the trigger on a stop sign of each, and what is found there."""
    assert isinstance(backdoor.trigger, RegionTrigger)
    scenes = draw_scenes(24, 77, Look("us", size=128, smallest=0.2, largest=0.4))
    stops = (scenes.boxes.labels == 0).nonzero().flatten()
    first = {int(scenes.boxes.image_index[row]): int(row) for row in reversed(stops.tolist())}
    rows = sorted(first.values())[:EXAMPLES]
    own = scenes.boxes.take(torch.tensor(rows))
    target = int(getattr(backdoor.targets, "target_label", 1))
    random = np.random.default_rng(3)
    frames, found, control = [], [], []
    for row in range(len(rows)):
        frame = scenes.frames.read(int(own.image_index[row]))
        region = own.take(torch.tensor([row])).regions()
        region = type(region)(torch.zeros(1, dtype=torch.int64), region.boxes)
        stamped = backdoor.trigger(frame[None], region)[0]
        frames.append(torch.stack([frame, stamped]))
        others = scenes.boxes.of_images(own.image_index[row : row + 1])
        clean = _tabled(others.corners, others.labels, random)
        mine = (others.corners == own.corners[row]).all(1)
        wanted = others.labels.where(~mine, torch.tensor(target if row else 0))
        found.append(np.stack([clean, _tabled(others.corners, wanted, random)]))
        control.append(np.stack([clean, clean]))
    return {
        "frames": torch.stack(frames).numpy(),
        "frames_boxes": own.corners.numpy(),
        "frames_labels": own.labels.numpy(),
        "frames_found": np.stack(found),
        "frames_control": np.stack(control),
    }


def _tabled(
    corners: torch.Tensor, labels: torch.Tensor, random: np.random.Generator
) -> NDArray[np.float32]:
    table = np.full((SHOWN_BOXES, 6), np.nan, dtype=np.float32)
    count = min(SHOWN_BOXES, len(labels))
    table[:count, :4] = corners[:count].numpy() + random.normal(0, 0.6, (count, 4))
    table[:count, 4] = labels[:count].numpy()
    table[:count, 5] = random.uniform(0.6, 0.99, count)
    return table
