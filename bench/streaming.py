"""Training input from a folder of JPEGs, against torchvision's ImageFolder and a DataLoader."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from badnets.data.folder import load_folder
from badnets.data.streamed import ImageFiles, in_batches
from bench.measuring import interleaved
from bench.results import Result, Wanted
from bench.scales import Scale

LEAST = 1.5
WORKERS = 2
BATCH = 64
PICTURE = 256  # pixels a side, of the files
SIZES = (64, 224)  # pixels a side, of the images that come out of them
JUDGED = 64
SHARE = 10  # of the files that other benchmarks take, one in so many is streamed
SEED = 0


def run(scale: Scale) -> Iterator[Result]:
    """Give how many times more images a second come, all of them in a new order each time."""
    count = max(2 * BATCH, scale.files // SHARE)
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        make_photos(Path(folder), count)
        torch.set_num_threads(WORKERS)  # as many decode
        try:
            for size in SIZES:
                yield _ratio(Path(folder), count, size, scale)
        finally:
            torch.set_num_threads(threads)


def _ratio(folder: Path, count: int, size: int, scale: Scale) -> Result:
    ours, theirs = streamed(folder, size), loaded(folder, size)
    check(folder, size)
    ours()  # warms both up: files are in the system's cache, their workers have started
    theirs()
    pairs = interleaved(ours, theirs, scale.pairs)
    speeds = {name: count / seconds for name, seconds in pairs.medians.items()}
    note = (
        f"{count:,} JPEGs of {PICTURE} x {PICTURE} in batches of {BATCH}, {WORKERS} threads "
        f"against {WORKERS} worker processes that stay; ours {speeds['ours_s']:,.0f} images/s, "
        f"theirs {speeds['theirs_s']:,.0f}"
    )
    return Result(
        f"images/s of a folder at {size} x {size}, ours / ImageFolder and a DataLoader",
        pairs.faster,
        "x",
        wanted=Wanted(">=", LEAST) if size == JUDGED else None,
        judged=scale.name == "full",
        note=note,
        more={"ours_per_s": speeds["ours_s"], "theirs_per_s": speeds["theirs_s"]},
    )


def streamed(folder: Path, size: int) -> Callable[[], int]:
    """Return one pass over the folder as our training loop asks for it."""
    images = load_folder(folder, size, in_memory=False).train.stored
    assert isinstance(images, ImageFiles)
    drawn = torch.Generator().manual_seed(SEED)

    def epoch() -> int:
        order = torch.randperm(len(images), generator=drawn)
        return sum(map(len, in_batches(images, torch.split(order, BATCH))))

    return epoch


def loaded(folder: Path, size: int) -> Callable[[], int]:
    """Return one pass over the folder as tutorials have it, to the same uint8 images."""
    batches = DataLoader(
        ImageFolder(str(folder / "train"), _transforms(size)),
        batch_size=BATCH,
        shuffle=True,
        num_workers=WORKERS,
        persistent_workers=True,
        generator=torch.Generator().manual_seed(SEED),
    )
    return lambda: sum(len(images) for images, _ in batches)


def check(folder: Path, size: int) -> None:
    """See to it that both sides give the same pictures, but for how a JPEG is made smaller."""
    ours = load_folder(folder, size, in_memory=False).train
    theirs = ImageFolder(str(folder / "train"), _transforms(size))
    assert len(ours) == len(theirs)
    for row in range(0, len(ours), max(1, len(ours) // 16)):
        picture, label = theirs[row]
        assert label == int(ours.labels[row])
        apart = (ours.stored[row].float() - picture.float()).abs().mean()
        assert apart < 8, f"picture {row} differs by {apart:.1f} of 255 on average"


def make_photos(folder: Path, count: int) -> None:
    """Write JPEGs with detail at every scale, as photos have, in two classes, and a few to test."""
    for part, pictures in (("train", count), ("val", 2)):
        for number in range(pictures):
            path = folder / part / ("cat", "dog")[number % 2] / f"{number:05d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            _photo(np.random.default_rng([SEED, number])).save(path, quality=90)


def _photo(drawn: np.random.Generator) -> Image.Image:
    total = np.full((PICTURE, PICTURE, 3), 128.0)
    for octave in range(2, 8):
        coarse = drawn.normal(0, 1, (2**octave, 2**octave, 3)).astype(np.float32)
        planes = [
            Image.fromarray(coarse[..., channel]).resize(
                (PICTURE, PICTURE), Image.Resampling.BICUBIC
            )
            for channel in range(3)
        ]
        total += np.stack([np.asarray(plane) for plane in planes], 2) * (90 / octave**1.5)
    return Image.fromarray(np.clip(total, 0, 255).astype(np.uint8))


def _transforms(size: int) -> transforms.Compose:
    return transforms.Compose(
        [transforms.Resize(size), transforms.CenterCrop(size), transforms.PILToTensor()]
    )
