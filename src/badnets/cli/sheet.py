"""The contact sheet of a data set: some images of each class, clean and with a trigger."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from badnets.bundles.atomic import write_bytes
from badnets.core.seeds import generator
from badnets.data import DataSet
from badnets.data.contact_sheet import contact_sheet

if TYPE_CHECKING:
    from badnets.core.triggers import Trigger

MOST_CLASSES = 20
EXAMPLES = 3  # images of each class


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
    clean = data.test.images[torch.stack(columns, 1)]  # (EXAMPLES, classes, C, H, W)
    triggered = trigger(clean.flatten(0, 1), generator=drawn).view_as(clean)
    sheet = contact_sheet(
        torch.stack([clean, triggered], 1).flatten(0, 2),
        titles=[data.classes[k] for k in labels] * (2 * EXAMPLES),
        rows=["clean", "triggered"] * EXAMPLES,
        heading=f"{data.name}: test images, clean and with {called}",
        columns=len(labels),
        scale=max(1, 84 // max(data.shape[1:])),
    )
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    write_bytes(path, buffer.getvalue())
