"""What a data set holds, where it comes from, and what it looks like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from badnets.core.results import Result
from badnets.core.triggers import Patch, PixelPattern
from badnets.core.triggers.base import Trigger
from badnets.data.catalogue import entry_of, load, load_detection, task_of

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from torch import Tensor

    from badnets.data.dataset import ImageSet
    from badnets.data.detection import FrameSet

MOST_CLASSES = 20
EXAMPLES = 3  # images of each class
WINDOW = 112  # pixels on a side of a window around an object

Counts = dict[str, int]


class DataDescription(Result):
    """A data set by name: what its entry says, and once it is loaded what is in it."""

    name: str = Field(title="name")
    title: str = Field(title="title")
    description: str = Field(title="description")
    task: str = Field(title="task")
    shape: list[int] | None = Field(title="shape")
    classes: int | None = Field(title="classes")
    train: int | None = Field(title="train")
    test: int | None = Field(title="test")
    licence: str = Field(title="licence")
    where: str = Field(title="where")
    embedded: bool = Field(title="embedded")
    downloads: bool = Field(exclude=True)
    digests: dict[str, str] | None = Field(default=None, title="digests")
    frames: Counts | None = Field(default=None, title="frames")
    scenes: Counts | None = Field(default=None, title="scenes")
    boxes_per_class: dict[str, Counts] | None = Field(
        default=None, title="boxes per class", serialization_alias="boxes per class"
    )
    images_per_class: dict[str, Counts] | None = Field(
        default=None, title="images per class", serialization_alias="images per class"
    )
    notes: str | None = Field(default=None, title="notes")

    @property
    def size(self) -> str:
        """The shape of its images in one word."""
        return "x".join(map(str, self.shape)) if self.shape else "boxes"

    @property
    def comes_from(self) -> str:
        """What loading it takes."""
        if self.embedded:
            return "embedded"
        return "download, or --data-root" if self.downloads else "--data-root"


def describe_data(
    name: str, *, load_it: bool = False, data_root: Path | str | None = None
) -> DataDescription:
    """Return what is known of a data set by its name.

    Args:
        name: of a data set, also ``folder:PATH`` and ``coco:PATH``.
        load_it: whether it is loaded too: digests, and images or boxes of each class.
        data_root: where data sets lie; None: the usual place.

    Raises:
        UnknownNameError: there is no such data set.
        DataError: it is missing or damaged.
    """
    entry = entry_of(name)
    told: dict[str, object] = {
        "name": name,
        "title": entry.title,
        "description": entry.description,
        "task": entry.task,
        "shape": list(entry.shape) if entry.shape else None,
        "classes": entry.classes,
        "train": entry.train,
        "test": entry.test,
        "licence": entry.licence,
        "where": entry.where,
        "embedded": entry.embedded,
        "downloads": entry.downloads,
    }
    if load_it:
        from badnets.data.detection import FrameSet

        detects = task_of(name) == "detection"
        data = load_detection(name, data_root) if detects else load(name, data_root)
        parts: dict[str, ImageSet | FrameSet] = {"train": data.train, "test": data.test}
        counts = {
            part: dict(zip(data.classes, rows.counts, strict=True)) for part, rows in parts.items()
        }
        told |= {"digests": data.digests, f"{'boxes' if detects else 'images'}_per_class": counts}
        told["notes"] = "; ".join(getattr(data, "notes", ())) or None
        for part, rows in parts.items():
            if isinstance(rows, FrameSet):
                told.setdefault("frames", {})[part] = len(rows)  # type: ignore[index]
                told.setdefault("scenes", {})[part] = len(set(rows.groups))  # type: ignore[index]
    return DataDescription.model_validate(told)


def draw_data(
    name: str, trigger: Trigger | None = None, *, seed: int = 0, data_root: Path | str | None = None
) -> Image.Image:
    """Return a contact sheet: a column for each class, rows clean with triggered ones below.

    Of data with boxes each object of the test frames is shown in a window twice as large as its
    box, the trigger placed in the box; of training frames where a class has none.

    Args:
        name: of the data set.
        trigger: what is put on; None: the pixel pattern, on objects the yellow square.
        seed: which images, and random places.
        data_root: where data sets lie; None: the usual place.

    Raises:
        ShapeError: the trigger does not fit.
        DataError: the data is missing, or a frame cannot be decoded.
    """
    detects = task_of(name) == "detection"
    import torch

    from badnets.core.seeds import generator
    from badnets.data.contact_sheet import contact_sheet
    from badnets.data.detection import FrameSet

    drawn = generator(seed, "contact sheet")
    columns: list[Tensor] = []
    titles: list[str] = []
    data = load_detection(name, data_root) if detects else load(name, data_root)
    trigger = trigger or (Patch.yellow_square() if detects else PixelPattern.gu())
    for label, title in enumerate(data.classes):
        part = next((part for part in (data.test, data.train) if part.counts[label]), None)
        if part is None or len(titles) == MOST_CLASSES or not (detects or data.test.counts[label]):
            continue
        labels = part.boxes.labels if isinstance(part, FrameSet) else part.labels
        rows = (labels == label).nonzero().flatten()
        order = torch.randperm(len(rows), generator=drawn)[:EXAMPLES]
        rows = rows[order.repeat(EXAMPLES)[:EXAMPLES]]  # a rare class repeats itself
        if isinstance(part, FrameSet):
            pairs = [_windows(part, row, trigger, drawn) for row in rows.tolist()]
            columns.append(torch.stack(pairs))
        else:
            clean = part.stored[rows]
            columns.append(torch.stack([clean, trigger(clean, generator=drawn)], 1))
        titles.append(title)
    images = torch.stack(columns, 2)  # (EXAMPLES, 2, classes, C, H, W)
    what = "signs in test frames" if detects else "test images"
    return contact_sheet(
        images.flatten(0, 2),
        titles=titles * (2 * EXAMPLES),
        rows=["clean", "triggered"] * EXAMPLES,
        heading=f"{data.name}: {what}, clean and with {getattr(trigger, 'kind', 'the trigger')}",
        columns=len(titles),
        scale=1 if detects else max(1, 84 // max(images.shape[-2:])),
    )


def _windows(part: FrameSet, row: int, trigger: Trigger, drawn: torch.Generator) -> Tensor:
    """Return an object and its surroundings, ``(2, 3, WINDOW, WINDOW)``: clean and triggered."""
    import torch
    from torch.nn import functional

    from badnets.core.pictures import as_dtype, as_float
    from badnets.core.regions import Regions

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
