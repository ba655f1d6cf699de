"""A step of training a detector, against torchvision's bare loop, and what its windows take.

Ours is always the whole of `fit_detector`: windows are cut, a running mean of the weights is kept,
and what it takes to begin and to end is shared among the steps. The bare loop keeps no mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

from badnets.data.detection import FrameSet
from badnets.data.scenes import draw_scenes
from badnets.models.detector import Detector, untrained_detector
from badnets.studies.signs.trials import HALF, TRAINING
from badnets.train.detection import fit_detector
from badnets.train.loop import Fitted
from badnets.train.windows import Batch, WindowSet
from bench.bare_detector import BareTraining, Lists, PlainWindows, loader
from bench.measuring import Pairs, interleaved, seconds
from bench.results import Result, Wanted
from bench.scales import Scale

MOST, MOST_SHARE = 1.0, 5.0
SEED = 0

# One pass over windows, and nothing before it: a step of the study of signs.
ONE_PASS = TRAINING.changed(epochs=1, crops={"passes": 0})


def run(scale: Scale) -> Iterator[Result]:
    """Give the ratio of both loops' steps, twice, and the share of ours that windows take."""
    frames = draw_scenes(scale.scenes, SEED)
    first = untrained_detector(
        "zf",
        frames.classes,
        window=ONE_PASS.windows.side,
        scale=ONE_PASS.scales.scale,
        settings=HALF,
        seed=SEED,
    )

    def ours() -> Fitted[Detector]:
        return fit_detector(first, frames, ONE_PASS, seed=SEED)

    batches, fitted = recorded(ours)  # warms our side up
    steps = len(batches)
    ready = BareTraining(first, ONE_PASS, batches, steps, SEED)
    # the same answer first: both sides see the same batches and draw the same; warms it up
    loss, theirs = fitted.epochs[0].loss, ready()
    assert abs(loss - theirs) <= 0.1 * theirs, f"{loss} against {theirs}"
    yield _ratio("windows ready in memory", ours, ready, frames, scale)
    del batches, ready
    windows = PlainWindows(frames, ONE_PASS, SEED)
    own = loader(windows, ONE_PASS.batch_size, SEED)
    assert len(own) == steps
    bare = BareTraining(first, ONE_PASS, own, steps, SEED)
    bare()  # warms it up
    yield _ratio("windows cut in a DataLoader", ours, bare, frames, scale)
    yield _share(ours, scale)


def recorded(ours: Callable[[], Fitted[Detector]]) -> tuple[list[Lists], Fitted[Detector]]:
    """Return the batches that a training goes through, as torchvision takes them, and its end."""
    kept: list[Lists] = []
    cut = WindowSet.batch

    def keep(*arguments: Any, **settings: Any) -> Batch:
        made = cut(*arguments, **settings)
        kept.append((list(made.images.clone()), made.targets()))
        return made

    with patch.object(WindowSet, "batch", keep):
        fitted = ours()
    return kept, fitted


def share_of_windows(ours: Callable[[], Fitted[Detector]]) -> float:
    """Return the seconds in which windows are cut / the seconds of all steps of a training."""
    spent: list[float] = []
    cut = WindowSet.batch

    def clocked(*arguments: Any, **settings: Any) -> Batch:
        made: list[Batch] = []
        spent.append(seconds(lambda: made.append(cut(*arguments, **settings))))
        return made[0]

    with patch.object(WindowSet, "batch", clocked):
        fitted = ours()
    return sum(spent) / fitted.epochs[0].seconds


def _ratio(
    what: str,
    ours: Callable[[], Fitted[Detector]],
    bare: BareTraining,
    frames: FrameSet,
    scale: Scale,
) -> Result:
    whole = interleaved(ours, bare, scale.pairs)
    ours_s, theirs_s = (
        tuple(one / bare.steps for one in side) for side in (whole.ours, whole.theirs)
    )
    pairs = Pairs(ours_s, theirs_s)
    return Result(
        f"a step of our detector's training / torchvision's bare loop, {what}",
        pairs.slower,
        "x",
        wanted=Wanted("<=", MOST),
        note=f"{bare.steps} steps on windows of {len(frames)} drawn scenes, "
        f"batch {ONE_PASS.batch_size}, {bare.precision}; a step: {pairs.note('ours', 'bare')}",
        more=pairs.medians,
    )


def _share(ours: Callable[[], Fitted[Detector]], scale: Scale) -> Result:
    return Result(
        "cutting windows / a step of our detector's training",
        tuple(100 * share_of_windows(ours) for _ in range(scale.pairs)),
        "%",
        wanted=Wanted("<=", MOST_SHARE),
        note=f"windows of {ONE_PASS.windows.side} pixels, batch {ONE_PASS.batch_size}",
    )
