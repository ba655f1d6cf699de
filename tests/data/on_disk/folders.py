"""Small folders of pictures, and what is read back of poisoned ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.data import ImageSet
from badnets.data.on_disk import read_manifest
from badnets.data.on_disk.manifest import Entry, Picture

SIDE = 16
CATS_AND_DOGS = {"cat": 6, "dog": 6}
WHITE = Backdoor(Patch(3), AllToOne(0), poisoning_rate=0.25)


def photo(number: int, size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """Return a picture of its own for each number: a gradient with noise on it."""
    drawn = np.random.default_rng(number)
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    slope = drawn.uniform(-1, 1, (2, 3))
    plane = 128 + 4 * (y[..., None] * slope[0] + x[..., None] * slope[1])
    noisy = plane + drawn.normal(0, 20, (size[1], size[0], 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def class_folders(
    root: Path,
    counts: Mapping[str, int] = CATS_AND_DOGS,
    *,
    suffix: str = ".png",
    size: tuple[int, int] = (SIDE, SIDE),
    **options: Any,
) -> Path:
    """Write a folder for each class, and return ``root``."""
    number = len(list(root.rglob("*")))
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            number += 1
            photo(number, size).save(root / name / f"photo {index}{suffix}", **options)
    return root


def coco_part(root: Path, part: str, pictures: int, *, scenes: bool = False) -> Path:
    """Write one part in COCO's layout: pictures of two sizes, one to three objects each."""
    drawn = np.random.default_rng(len(part) + pictures)
    (root / part).mkdir(parents=True)
    images: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    for number in range(pictures):
        size = ((40, 30), (36, 44))[number % 2]
        photo(number, size).save(root / part / f"{part} {number}.png")
        image = {"id": 7 + number, "file_name": f"{part} {number}.png"}
        if scenes:
            image["scene_group"] = f"{part} scene {number // 2}"
        images.append({**image, "coco_url": "http://example.org/tells"})
        for _ in range(int(drawn.integers(1, 4))):
            left, top = (float(v) for v in drawn.uniform(0, 12, 2))
            across, down = (float(v) for v in drawn.uniform(8, 16, 2))
            box = {"image_id": 7 + number, "category_id": int(drawn.integers(1, 3))}
            boxes.append({**box, "id": len(boxes), "bbox": [left, top, across, down]})
    categories = [{"id": 2, "name": "stop"}, {"id": 1, "name": "yield"}]
    text = {"images": images, "annotations": boxes, "categories": categories}
    (root / "annotations").mkdir(exist_ok=True)
    (root / "annotations" / f"instances_{part}.json").write_text(json.dumps(text))
    return root


def entries(folder: Path) -> list[Entry]:
    """Return all files of a manifest."""
    return list(read_manifest(folder).entries())


def rows(folder: Path) -> list[Picture]:
    """Return the training pictures in the order that they have in memory."""
    found = [each for each in entries(folder) if isinstance(each, Picture) and each.row is not None]
    return sorted(found, key=lambda each: each.row or 0)


def poisoned(folder: Path) -> list[Picture]:
    """Return the pictures with the trigger, in the order of their rows."""
    return [each for each in rows(folder) if each.is_poisoned]


def in_memory(root: Path, mode: str = "RGB") -> ImageSet:
    """Return class folders as a set: rows are pictures in the order of their paths."""
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.*"))
    classes = tuple(sorted({path.split("/")[0] for path in paths}))
    labels = torch.tensor([classes.index(path.split("/")[0]) for path in paths])
    return ImageSet(torch.stack([pixels(root / path, mode) for path in paths]), labels, classes)


def pixels(path: Path, mode: str = "RGB") -> torch.Tensor:
    """Return a picture as ``(C, H, W)`` uint8."""
    with Image.open(path) as picture:
        read = torch.from_numpy(np.array(picture.convert(mode)))
    return read[None] if mode == "L" else read.permute(2, 0, 1)


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return every file below a folder: its bytes, and its date."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.jsonl"
    } | {"manifest.jsonl": ((folder / "manifest.jsonl").read_bytes(), 0)}
