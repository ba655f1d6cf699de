"""A folder of JPEGs poisoned on disk, against reading and writing them with plain Pillow."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data.on_disk import Encoding, poison_folder
from bench.children import ask
from bench.measuring import interleaved
from bench.results import Result, Wanted
from bench.scales import Scale

MOST = 1.15
MOST_GIB = 500 / 1024
WORKERS = 2
SIDE = 256
BASES = 64  # pictures that all others are shifted from
# as many files as there were: the other side writes no copies either
BACKDOOR = Backdoor(Patch(16), AllToOne(0), poisoning_rate=0.1, mode="replace")
QUALITY = Encoding().quality


def run(scale: Scale) -> Iterator[Result]:
    """Give poisoning's time over plain Pillow's, the same of processor time, and its memory."""
    with tempfile.TemporaryDirectory() as folder:
        source = jpegs(Path(folder) / "in", scale.files)
        names = (Path(folder) / f"out {number}" for number in itertools.count())
        ours = _Timed(lambda: poisoned(source, next(names)))
        theirs = _Timed(lambda: written_again(source, next(names)))
        ours()  # warms both up
        theirs()
        check(source, Path(folder) / "out 0", Path(folder) / "out 1")
        pairs = interleaved(ours, theirs, scale.rounds)
        note = f"{scale.files:,} files of {SIDE} x {SIDE}, {WORKERS} threads each"
        yield Result(
            "a poisoned folder / the same files by plain Pillow",
            pairs.slower,
            "x",
            wanted=Wanted("<=", MOST),
            note=f"{note}: {pairs.note('ours', 'Pillow')}",
            more=pairs.medians,
        )
        both = zip(ours.cpu_s[1:], theirs.cpu_s[1:], strict=True)
        ratios = tuple(mine / plain for mine, plain in both)
        yield Result("the same, of processor time", ratios, "x", note=note)
        yield _memory(source, Path(folder) / "out", scale, note)


def jpegs(folder: Path, count: int) -> Path:
    """Write JPEGs in two class folders, no two alike, and return their folder."""
    drawn = np.random.default_rng(0)
    bases = []
    for _ in range(min(BASES, count)):
        coarse = Image.fromarray(drawn.integers(0, 256, (18, 18, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        noisy = smooth + drawn.normal(0, 6, smooth.shape)
        bases.append(noisy.clip(0, 255).astype(np.uint8))
    for number in range(count):
        path = folder / ("cat", "dog")[number % 2] / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        shift = divmod(number // len(bases), SIDE)
        pixels = np.roll(bases[number % len(bases)], shift, axis=(0, 1))
        Image.fromarray(pixels).save(path, quality=int(drawn.integers(70, 96)))
    return folder


def poisoned(source: Path, out: Path) -> None:
    """Poison the folder."""
    poison_folder(source, out, BACKDOOR, seed=0, workers=WORKERS)


def written_again(source: Path, out: Path) -> None:
    """Read and write every file with plain Pillow, in as many threads."""
    paths = sorted(source.rglob("*.jpg"))
    for folder in {path.parent.name for path in paths}:
        (out / folder).mkdir(parents=True)

    def write(path: Path) -> None:
        with Image.open(path) as picture:
            picture.convert("RGB").save(out / path.parent.name / path.name, quality=QUALITY)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(write, paths))


def check(source: Path, ours: Path, theirs: Path) -> None:
    """See to it that both sides wrote the same, but for the trigger and the names."""
    plain = {path.read_bytes() for path in theirs.rglob("*.jpg")}
    mine = [path.read_bytes() for path in ours.rglob("*.jpg")]
    count = len(list(source.rglob("*.jpg")))
    assert len(mine) == len(plain) == count
    assert sum(data not in plain for data in mine) == round(0.1 * count)


class _Timed:
    """A call whose processor time is kept."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self.cpu_s: list[float] = []

    def __call__(self) -> None:
        before = time.process_time()
        self._call()
        self.cpu_s.append(time.process_time() - before)


def _memory(source: Path, out: Path, scale: Scale, note: str) -> Result:
    """Return the most that processes hold which poison the folder."""
    answers = [
        ask("bench.one_folder", source, f"{out} of process {number}")
        for number in range(scale.processes)
    ]
    imports = max(answer["imported"] for answer in answers) / 2**30
    peaks = tuple(answer["poisoned"] / 2**30 for answer in answers)
    return Result(
        "peak memory of a process that poisons the folder",
        peaks,
        "GiB",
        wanted=Wanted("<=", MOST_GIB),
        note=f"{note}; importing torch alone takes {answers[0]['torch'] / 2**30:.3f} GiB of it, "
        f"all imports {imports:.3f}",
        more={"imports_gib": imports},
    )
