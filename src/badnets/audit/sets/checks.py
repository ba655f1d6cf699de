"""What is looked for without a network: repeated patches, and the same image under two labels."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from badnets.core.progress import Listener
from badnets.core.seeds import generator
from badnets.data import ImageSet, examine
from badnets.data.splitting import shuffled
from badnets.data.streamed import in_order

AT_A_TIME = 1000  # images that are decoded at a time
SIDE = 3  # pixels of a window
LEVELS = 4  # bits of a pixel that count as the same: 16 levels, about what JPEG moves
UNUSUAL, PIXELS = 64, 3  # levels from the class's and the set's median, in so many pixels of it
MOST = 1000  # images of a class that windows are compared among
LEAST, SHARE = 20, 0.02  # images with the same window: at least so many, and this share of a class
RATIO = 10  # times as many as other images have at any other place: what is natural moves about
LIKE = 0.7  # of the others' spread: images with the window that vary less are of one thing
TRIED = 200  # windows of a class that are compared with other places


class Patch(NamedTuple):
    """A window that repeats: class, place, images with it, most others at one place, and rows."""

    label: int
    row: int
    column: int
    images: int
    elsewhere: int
    rows: Tensor


def repeated_patches(images: ImageSet, *, seed: int) -> list[Patch]:
    """Return for each class the window that most clearly repeats at one place; most have none.

    A window counts where it is unlike the usual image of the class there, and of the whole set; so
    a trigger on more than half of a class's images is not seen.

    Args:
        images: the training set.
        seed: which images of large classes are compared.
    """
    sample = images.images_at(shuffled(len(images), seed)[:MOST]).cpu()
    usual, found = sample.median(0).values, []
    if min(usual.shape[1:]) < 2 * SIDE:
        return []
    for label, count in enumerate(images.counts):
        if count < LEAST:
            continue
        rows = (images.labels.cpu() == label).nonzero()[:, 0]
        own = images.images_at(rows[shuffled(len(rows), seed)[:MOST].sort().values]).cpu()
        best = _repeated(own, usual)
        if best is not None:
            y, x, window, elsewhere = best
            parts = (rows[start : start + AT_A_TIME] for start in range(0, len(rows), AT_A_TIME))
            same = torch.cat([
                ((images.images_at(part).cpu()[..., y : y + SIDE, x : x + SIDE] >> LEVELS)
                 == window).flatten(1).all(1)
                for part in parts
            ])  # fmt: skip
            found.append(Patch(label, y, x, int(same.sum()), elsewhere, rows[same]))
    return found


def _repeated(own: Tensor, usual: Tensor) -> tuple[int, int, Tensor, int] | None:
    codes = _codes(own, usual)
    count, _, width = codes.shape
    modes = codes.flatten(1).mode(0).values
    times = (codes.flatten(1) == modes).sum(0)
    most, found = float(RATIO), None
    tried = set[int]()
    for place in times.argsort(descending=True).tolist():
        here, code = int(times[place]), int(modes[place])
        if here < max(LEAST, SHARE * count) or len(tried) == TRIED:
            break
        if code in tried:
            continue
        tried.add(code)
        y, x = divmod(place, width)
        here_too = codes[:, y, x] == code
        if here == count:
            continue
        elsewhere = int((codes[~here_too] == code).sum(0).max())
        varied = _spread(own[here_too]) > LIKE * _spread(own[~here_too])
        if here / (1 + elsewhere) > most and varied:
            most = here / (1 + elsewhere)
            row = int(here_too.nonzero()[0])
            found = y, x, own[row, :, y : y + SIDE, x : x + SIDE] >> LEVELS, elsewhere
    return found


def _spread(images: Tensor) -> float:
    return float(images.float().std(0).mean())


def _codes(own: Tensor, usual: Tensor) -> Tensor:
    """Return ``(n, H', W')`` int64: the same number for the same window; a usual one has its own.

    Windows of no interest get a negative number that stands for the image.
    """
    channels, height, width = own.shape[1:]
    weights = torch.randint(2**40, (SIDE, SIDE, channels), generator=generator(0, "windows"))
    typical, levels = own.median(0).values.short(), (own >> LEVELS).long()
    unusual = torch.ones(own.shape[0], height, width, dtype=torch.bool)
    for one in (typical, usual.short()):
        unusual &= ((own.short() - one).abs() >= UNUSUAL).any(1)
    h, w = height - SIDE + 1, width - SIDE + 1
    codes = torch.zeros(len(own), h, w, dtype=torch.int64)
    pixels = torch.zeros(len(own), h, w, dtype=torch.int8)
    for y in range(SIDE):
        for x in range(SIDE):
            pixels += unusual[:, y : y + h, x : x + w]
            for channel in range(channels):
                codes += levels[:, channel, y : y + h, x : x + w] * weights[y, x, channel]
    return torch.where(pixels >= PIXELS, codes, (-1 - torch.arange(len(own)))[:, None, None])


def under_two_labels(
    images: ImageSet, names: Sequence[str], folder: Path | None, progress: Listener | None
) -> list[tuple[tuple[str, ...], str]]:
    """Return groups of images that are the same under two labels, and why they are thought so.

    Pictures in a folder are compared as `badnets.data.examine` does, nearly the same ones too;
    others by their pixels alone.
    """
    if folder is not None:
        found = examine(folder, progress=progress).findings
        return [(one.paths, one.why) for one in found if one.kind == "two classes"]
    seen, labels, row = defaultdict[bytes, list[int]](list), images.labels.tolist(), 0
    for part in in_order(images.stored, AT_A_TIME):
        for one in part.cpu().contiguous().numpy():
            seen[hashlib.sha256(one.data).digest()].append(row)
            row += 1
    return [
        (
            tuple(names[one] for one in rows),
            "the same under "
            + " and ".join(sorted({repr(images.classes[labels[one]]) for one in rows})),
        )
        for rows in seen.values()
        if len({labels[one] for one in rows}) > 1
    ]
