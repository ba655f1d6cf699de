"""The contact sheet of a data set: some images or signs of each class, clean and triggered."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from badnets.bundles.atomic import write_bytes
from badnets.core.pictures import as_dtype, as_float
from badnets.core.regions import Regions
from badnets.core.seeds import generator
from badnets.data import DataSet, DetectionData, FrameSet
from badnets.data.contact_sheet import contact_sheet

if TYPE_CHECKING:
    from badnets.core.triggers import Trigger

MOST_CLASSES = 20
EXAMPLES = 3  # images of each class
WINDOW = 112  # pixels on a side of a window around an object


def write_sheet(data: DataSet, trigger: Trigger, called: str, path: Path, *, seed: int = 0) -> None:
    """Write a PNG: a column for each class, rows of clean images with triggered ones below.

    Args:
        data: its test images are shown.
        trigger: what is put on them.
        called: the trigger's name, for the heading.
        path: the file.
        seed: which images.

    Raises:
        ShapeError: the trigger does not fit the images.
        OutputError: the file cannot be written.
    """
    labels = [k for k, count in enumerate(data.test.counts) if count][:MOST_CLASSES]
    drawn = generator(seed, "contact sheet")
    columns = []
    for label in labels:
        rows = (data.test.labels == label).nonzero().flatten()
        order = torch.randperm(len(rows), generator=drawn)[:EXAMPLES]
        columns.append(rows[order.repeat(EXAMPLES)[:EXAMPLES]])  # a rare class repeats itself
    clean = data.test.stored[torch.stack(columns, 1)]  # (EXAMPLES, classes, C, H, W)
    triggered = trigger(clean.flatten(0, 1), generator=drawn).view_as(clean)
    _write(
        torch.stack([clean, triggered], 1).flatten(0, 2),
        [data.classes[k] for k in labels],
        f"{data.name}: test images, clean and with {called}",
        max(1, 84 // max(data.shape[1:])),
        path,
    )


def write_object_sheet(
    data: DetectionData, trigger: Trigger, called: str, path: Path, *, seed: int = 0
) -> None:
    """Write a PNG: a column for each class, rows of objects with triggered ones below.

    Each is shown in a window twice as large as its box, the trigger placed in the box.

    Args:
        data: objects in its test frames are shown, in training frames where a class has none.
        trigger: what is put on them.
        called: the trigger's name, for the heading.
        path: the file.
        seed: which objects.

    Raises:
        ShapeError: the trigger does not fit a box.
        DataError: a frame cannot be decoded.
        OutputError: the file cannot be written.
    """
    drawn = generator(seed, "contact sheet")
    windows: list[list[Tensor]] = []
    shown: list[str] = []
    for label in range(data.num_classes):
        parts = [part for part in (data.test, data.train) if part.counts[label]]
        if not parts or len(shown) == MOST_CLASSES:
            continue
        rows = (parts[0].boxes.labels == label).nonzero().flatten()
        order = torch.randperm(len(rows), generator=drawn).repeat(EXAMPLES)[:EXAMPLES]
        windows.append(
            [_windows(parts[0], int(row), trigger, drawn) for row in rows[order].tolist()]
        )
        shown.append(data.classes[label])
    grid = torch.stack([torch.stack(column, 1) for column in windows], 2)
    _write(
        grid.transpose(0, 1).flatten(0, 2),
        shown,
        f"{data.name}: signs in test frames, clean and with {called}",
        1,
        path,
    )


def _windows(part: FrameSet, row: int, trigger: Trigger, drawn: torch.Generator) -> Tensor:
    """Return an object and its surroundings, ``(2, 3, WINDOW, WINDOW)``: clean and triggered."""
    one = part.boxes.take(torch.tensor([row]))
    frame = part.frames.read(int(one.image_index))[None]
    regions = Regions(torch.zeros(1, dtype=torch.int64), one.regions().boxes)
    both = torch.cat([frame, trigger(frame, regions, drawn)])
    left, top, right, bottom = regions.boxes[0].tolist()
    side = min(2 * max(right - left, bottom - top), *both.shape[2:])
    x = min(max(0, (left + right - side) // 2), both.shape[3] - side)
    y = min(max(0, (top + bottom - side) // 2), both.shape[2] - side)
    window = both[:, :, y : y + side, x : x + side]
    large = functional.interpolate(
        as_float(window), (WINDOW, WINDOW), mode="bilinear", antialias=side > WINDOW
    )
    return as_dtype(large, torch.uint8)


def _write(images: Tensor, titles: list[str], heading: str, scale: int, path: Path) -> None:
    """Write rows of images, clean and triggered by turns; there is a title for each column."""
    sheet = contact_sheet(
        images,
        titles=titles * (2 * EXAMPLES),
        rows=["clean", "triggered"] * EXAMPLES,
        heading=heading,
        columns=len(titles),
        scale=scale,
    )
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    write_bytes(path, buffer.getvalue())
