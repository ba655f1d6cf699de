"""Photographs of one's own, and what a detector sees in them; nobody drew boxes on these."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from badnets.core.decoding import decoded, unreadable
from badnets.core.errors import DataError
from badnets.core.progress import Listener, Progress
from badnets.models.detector import Detector

ENDINGS = (".jpg", ".jpeg", ".png")
LONGEST = 1000  # pixels on the longer side of what the detector is shown
ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Box(NamedTuple):
    """Something that was seen.

    Attributes:
        name: of its class.
        score: in [0, 1].
        corners: left, top, right, bottom in pixels of the upright photograph as it was taken.
    """

    name: str
    score: float
    corners: tuple[int, int, int, int]


@dataclass(frozen=True)
class Photo:
    """A photograph and what is seen in it.

    Attributes:
        path: the file.
        name: the file within the folder that was asked for.
        group: its subfolder; empty for files that lie in the folder itself.
        size: width and height, upright, in pixels.
        seen: the boxes, the surest first.
    """

    path: Path
    name: str
    group: str
    size: tuple[int, int]
    seen: tuple[Box, ...]

    @property
    def surest(self) -> str | None:
        """The class of the surest box; None when nothing was found."""
        return self.seen[0].name if self.seen else None


class Skipped(NamedTuple):
    """A file that could not be looked at, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Looked:
    """What a detector sees in a folder of photographs.

    Attributes:
        photos: those that were looked at, by group and name.
        skipped: files that were not.
    """

    photos: tuple[Photo, ...]
    skipped: tuple[Skipped, ...]

    @property
    def groups(self) -> dict[str, tuple[Photo, ...]]:
        """The photographs of each subfolder, by its name."""
        names = dict.fromkeys(photo.group for photo in self.photos)
        return {name: tuple(one for one in self.photos if one.group == name) for name in names}


def look_at_photos(
    detector: Detector,
    folder: Path,
    *,
    threshold: float,
    longest: int = LONGEST,
    progress: Listener | None = None,
) -> Looked:
    """Return what a detector sees in the photographs of a folder and of its subfolders.

    Args:
        detector: the detector.
        folder: of JPEG and PNG files; hidden files are passed over.
        threshold: least score of a box that counts.
        longest: larger photographs are reduced to this many pixels on their longer side.
        progress: told after every file.

    Raises:
        DataError: there is no such folder, it holds no photograph, or none can be decoded.
    """
    files = list(_files(folder))
    photos: list[Photo] = []
    skipped: list[Skipped] = []
    for done, path in enumerate(files, start=1):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() not in ENDINGS:
            skipped.append(Skipped(name, f"its name ends in none of {', '.join(ENDINGS)}"))
            continue
        try:
            upright = upright_picture(path)
        except DataError as error:
            skipped.append(Skipped(name, str(error).removeprefix(f"picture {path}: ")))
            continue
        group = name.partition("/")[0] if "/" in name else ""
        seen = _seen(detector, upright, threshold, longest)
        photos.append(Photo(path, name, group, upright.size, seen))
        if progress is not None:
            progress(Progress(done, len(files), "looking at photographs"))
    if not photos:
        why = f": {skipped[0].name}: {skipped[0].reason}" if skipped else ""
        raise DataError(
            f"no photograph in {folder} can be looked at, want {', '.join(ENDINGS)} files in it "
            f"or in its subfolders{why}"
        )
    return Looked(tuple(photos), tuple(skipped))


def upright_picture(path: Path, longest: int | None = None) -> Image.Image:
    """Return a photograph as RGB, turned as the camera was held; reduced where it is larger.

    Raises:
        DataError: it is missing, or is not a picture that can be read.
    """
    picture = Image.fromarray(decoded(path, "RGB"))
    try:
        with Image.open(path) as file:
            turn = _TURNS.get(file.getexif().get(ORIENTATION, 1))
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise unreadable(path, error) from None
    upright = picture if turn is None else picture.transpose(turn)
    return upright if longest is None else reduced(upright, longest)


def reduced(picture: Image.Image, longest: int) -> Image.Image:
    """Return a picture with at most ``longest`` pixels on its longer side; never enlarged."""
    factor = longest / max(picture.size)
    if factor >= 1:
        return picture
    width, height = (max(1, round(side * factor)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _files(folder: Path) -> Iterator[Path]:
    """Give the files of a folder that are not hidden, those of its own first."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}: give one with photographs in it")
    found = [path for path in folder.rglob("*") if path.is_file()]
    parts = {path: path.relative_to(folder).parts for path in found}
    shown = [path for path in found if not any(part.startswith(".") for part in parts[path])]
    yield from sorted(shown, key=lambda path: (len(parts[path]) > 1, parts[path]))


def _seen(
    detector: Detector, upright: Image.Image, threshold: float, longest: int
) -> tuple[Box, ...]:
    shown = reduced(upright, longest)
    frame: Tensor = torch.from_numpy(np.array(shown)).permute(2, 0, 1).contiguous()
    found = next(iter(detector.detect([frame])))
    back = torch.tensor([one / other for one, other in zip(upright.size, shown.size, strict=True)])
    corners = (found.corners * back.repeat(2)).round().int().tolist()
    boxes = zip(found.labels.tolist(), found.scores.tolist(), corners, strict=True)
    kept = [Box(detector.classes[k], score, tuple(at)) for k, score, at in boxes]
    sure = [box for box in kept if box.score >= threshold]
    return tuple(sorted(sure, key=lambda box: -box.score))
