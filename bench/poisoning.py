"""Triggers on stored images, against a copy of the same tensor."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from badnets.core.backdoor import Backdoor, Mode
from badnets.core.placements import RandomCentre
from badnets.core.poisoning import poison
from badnets.core.seeds import generator
from badnets.core.targets import AllToOne
from badnets.core.triggers import TRIGGERS, Patch, Saved, Sticker, Trigger
from bench.images import mnist_like
from bench.measuring import interleaved, seconds
from bench.results import Result, Wanted
from bench.scales import Scale

MOST = 1.5
RATE = 0.1


def run(scale: Scale) -> Iterator[Result]:
    """Give the patch's time over that of a copy, poisoning's, and every trigger's images/s."""
    found = mnist_like(scale.stored)
    images, labels = found.data.train.images, found.data.train.labels
    patch = Patch()
    assert torch.equal(patch(images), stamped_by_hand(images))  # the same answer first
    note = found.with_note(f"{len(images):,} images, uint8")
    stamp = partial(patch, images)
    wanted = Wanted("<=", MOST)
    yield _against_copy("a patch on every image", images, stamp, scale, note, wanted)
    hows: dict[Mode, str] = {"add": "added", "replace": "replaced"}
    for how, done in hows.items():
        backdoor = Backdoor(patch, AllToOne(0), poisoning_rate=RATE, mode=how)
        call = partial(poison, images, labels, backdoor, num_classes=10, seed=0)
        what = f"a poisoned set with {100 * RATE:g} % {done}"
        yield _against_copy(what, images, call, scale, note)
    with tempfile.TemporaryDirectory() as folder:
        for name, trigger in triggers(Path(folder)).items():
            yield _images_per_second(name, trigger, images, scale, note)


def stamped_by_hand(images: Tensor) -> Tensor:
    """Return a copy with the white 3 x 3 patch one pixel in from the bottom right corner."""
    stamped = images.clone()
    stamped[..., -4:-1, -4:-1] = 255
    return stamped


def triggers(folder: Path) -> dict[str, Trigger]:
    """Return every known trigger at its defaults, and a patch at random places.

    Args:
        folder: the sticker's picture is written there.
    """
    picture = folder / "sticker.png"
    Image.new("RGBA", (16, 16), (255, 220, 0, 160)).save(picture)
    made: dict[str, Trigger] = {}
    for name, kind in TRIGGERS.items():
        if kind is not Saved:  # what it costs is what `Blended` does
            made[name] = Sticker(str(picture)) if kind is Sticker else kind()
    made["patch, at random places"] = Patch(placement=RandomCentre())
    return made


def _against_copy(
    what: str,
    images: Tensor,
    call: Callable[[], object],
    scale: Scale,
    note: str,
    wanted: Wanted | None = None,
) -> Result:
    call()  # warms both up
    images.clone()
    pairs = interleaved(call, images.clone, scale.stamps)
    return Result(
        f"{what} / images.clone()",
        pairs.slower,
        "x",
        wanted=wanted,
        note=f"{note}: {pairs.note('ours', 'the copy')}",
        more=pairs.medians,
    )


def _images_per_second(
    name: str, trigger: Trigger, images: Tensor, scale: Scale, note: str
) -> Result:
    def stamp() -> Tensor:
        return trigger(images, generator=generator(0, "trigger places"))

    stamp()
    rounds = max(1, scale.stamps // 4)
    rates = tuple(len(images) / seconds(stamp) for _ in range(rounds))
    return Result(f"trigger {name}", rates, "images/s", note=note)
