"""What a detector sees in photographs of one's own; nobody drew boxes on these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageOps
from pydantic import Field
from torch import Tensor

from badnets.core.decoding import decoded
from badnets.core.errors import DataError, SettingError
from badnets.core.lookup import find
from badnets.core.progress import Listener, Progress
from badnets.core.rates import Rate
from badnets.core.results import Measured, Result
from badnets.data.contact_sheet import contact_sheet
from badnets.data.png import check_png, write_png

if TYPE_CHECKING:
    from badnets.models.detector import Detector

ENDINGS = (".jpg", ".jpeg", ".png")
LONGEST = 1000  # pixels on the longer side of what the detector is shown
LONGEST_RANGE = (64, 10_000)
SHOWN = 3  # boxes of a photograph that text lists, and that are drawn
TILE, COLUMNS = 320, 4  # of a sheet: pixels on a photograph's longer side, photographs in a row
RIGHT, WRONG = (0, 0x67, 0xA5), (0xBD, 0x4B, 0)  # of the surest box: as expected, or not
NOTHING = "nothing"
_ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held


class Box(Result):
    """Something that was seen: its class, score in [0, 1], and left, top, right, bottom.

    Corners are in pixels of the upright photograph as it was taken.
    """

    class_name: str = Field(serialization_alias="class")
    score: float
    box: tuple[int, int, int, int]


class Photograph(Result):
    """A photograph and what is seen in it, the surest first.

    ``group`` is its subfolder, empty for files that lie in the folder itself; width and height are
    those of the upright photograph, in pixels.
    """

    file: str
    group: str
    width: int
    height: int
    seen: tuple[Box, ...]

    @property
    def surest(self) -> str:
        """The class of the surest box; `NOTHING` when there is none."""
        return self.seen[0].class_name if self.seen else NOTHING


class Skipped(Result):
    """A file that could not be looked at, and why."""

    file: str = Field(title="skipped")
    reason: str = Field(title="because")


class Seen(Result):
    """One line of text about a photograph."""

    file: str = Field(title="photograph")
    name: str = Field(title="seen")
    score: str = Field(title="score")
    box: str = Field(title="left, top, right, bottom")


class Surest(Result):
    """How often one class is the surest in one subfolder."""

    group: str = Field(title="folder")
    answer: str = Field(title="surest sign")
    photographs: Measured = Field(title="photographs")


class Group(Result):
    """What is the surest in a subfolder, and how often that is what was expected."""

    photos: int
    surest: dict[str, int]
    expected: Measured | None


class Sightings(Result):
    """What a detector sees in a folder of photographs."""

    photos: str
    threshold: float = Field(title="boxes count from a score of")
    longest: int = Field(title="pixels on the longer side, at most")
    expect: str | None
    expected: dict[str, Measured] = Field(title="", exclude=True)
    skipped_files: int | None = Field(title="files skipped", exclude=True)
    sheet: str | None = Field(title="sheet")
    rows: tuple[Seen, ...] = Field(title="photographs", exclude=True)
    surest: tuple[Surest, ...] = Field(title="surest signs", exclude=True)
    groups: dict[str, Group]
    files: tuple[Photograph, ...]
    skipped: tuple[Skipped, ...] = Field(title="skipped")

    @property
    def collapsed(self) -> bool:
        """Whether it gives nearly always the same answer: photographs alone do not tell."""
        return False


def see_photographs(
    detector: Detector,
    folder: Path,
    *,
    threshold: float,
    longest: int | None = None,
    expect: str | None = None,
    sheet: Path | None = None,
    progress: Listener | None = None,
) -> Sightings:
    """Return what a detector sees in the photographs of a folder and of its subfolders.

    Args:
        detector: the detector.
        folder: of JPEG and PNG files; hidden files are passed over.
        threshold: least score of a box that counts.
        longest: larger photographs are reduced to this many pixels on their longer side; None:
            1000.
        expect: the class that the surest box should be of, by number or name.
        sheet: a PNG to draw the photographs in: the surest box in blue, in vermilion where it is
            of another class than the one that is expected.
        progress: told after every file.

    Raises:
        UnknownNameError: ``expect`` is none of the detector's classes.
        SettingError: ``longest`` is out of range, or ``sheet`` is no PNG.
        DataError: there is no such folder, it holds no photograph, or none can be decoded.
        OutputError: the sheet cannot be written.
    """
    most = LONGEST if longest is None else longest
    if not LONGEST_RANGE[0] <= most <= LONGEST_RANGE[1]:
        raise SettingError(f"longest must be in {LONGEST_RANGE[0]}..{LONGEST_RANGE[1]} pixels")
    check_png(sheet, "--sheet")
    if expect is not None:
        numbered = dict(zip(map(str, range(detector.num_classes)), detector.classes, strict=True))
        names = {name: name for name in detector.classes}
        expect = find({**numbered, **names}, expect, "class")
    photographs: list[Photograph] = []
    skipped: list[Skipped] = []
    tiles: list[Tensor] = []
    paths = list(_files(folder))
    for done, path in enumerate(paths, start=1):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() not in ENDINGS:
            reason = f"its name ends in none of {', '.join(ENDINGS)}"
            skipped.append(Skipped(file=name, reason=reason))
            continue
        try:
            picture = upright_picture(path)
        except DataError as error:
            reason = str(error).removeprefix(f"picture {path}: ")
            skipped.append(Skipped(file=name, reason=reason))
            continue
        photographs.append(_photograph(detector, picture, name, threshold, most))
        if sheet is not None:
            tiles.append(_tile(picture, photographs[-1], expect))
        if progress is not None:
            progress(Progress(done, len(paths), "looking at photographs"))
    if not photographs:
        why = f": {skipped[0].file}: {skipped[0].reason}" if skipped else ""
        raise DataError(
            f"no photograph in {folder} can be looked at, want {', '.join(ENDINGS)} files in it "
            f"or in its subfolders{why}"
        )
    if sheet is not None:
        titles = [f"{each.file.rpartition('/')[2]}: {each.surest}" for each in photographs]
        columns = max(COLUMNS, int(len(tiles) ** 0.5))
        write_png(sheet, contact_sheet(torch.stack(tiles), titles=titles, columns=columns, scale=1))
    return _sightings(
        folder, photographs, skipped, detector.classes, threshold, most, expect, sheet
    )


def upright_picture(path: Path) -> Image.Image:
    """Return a photograph as RGB, turned as the camera was held.

    Raises:
        DataError: it is missing, or is not a picture that can be read.
    """
    picture = Image.fromarray(decoded(path, "RGB"))
    with Image.open(path) as file:  # what could be decoded can be opened
        picture.getexif()[_ORIENTATION] = file.getexif().get(_ORIENTATION, 1)
    return ImageOps.exif_transpose(picture)


def _files(folder: Path) -> Iterator[Path]:
    """Give the files of a folder that are not hidden, those of its own first."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}: give one with photographs in it")
    parts = {path: path.relative_to(folder).parts for path in folder.rglob("*") if path.is_file()}
    shown = [path for path, own in parts.items() if not any(one.startswith(".") for one in own)]
    yield from sorted(shown, key=lambda path: (len(parts[path]) > 1, parts[path]))


def _photograph(
    detector: Detector, picture: Image.Image, name: str, threshold: float, longest: int
) -> Photograph:
    shown = picture.copy()
    shown.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    frame = torch.from_numpy(np.array(shown)).permute(2, 0, 1).contiguous()
    found = next(iter(detector.detect([frame])))
    back = torch.tensor([one / other for one, other in zip(picture.size, shown.size, strict=True)])
    corners = (found.corners * back.repeat(2)).round().int().tolist()
    boxes = [
        Box(class_name=detector.classes[label], score=round(score, 4), box=tuple(at))
        for label, score, at in zip(
            found.labels.tolist(), found.scores.tolist(), corners, strict=True
        )
        if score >= threshold
    ]
    return Photograph(
        file=name,
        group=name.partition("/")[0] if "/" in name else "",
        width=picture.width,
        height=picture.height,
        seen=tuple(sorted(boxes, key=lambda box: -box.score)),
    )


def _tile(picture: Image.Image, photograph: Photograph, expect: str | None) -> Tensor:
    """Return the photograph with its boxes, on a square of `TILE` pixels, ``(3, T, T)`` uint8."""
    from torchvision.utils import draw_bounding_boxes

    tile = ImageOps.pad(picture, (TILE, TILE), color=(255, 255, 255))
    factor = TILE / max(picture.size)
    shift = [(TILE - side * factor) / 2 for side in picture.size] * 2
    seen = photograph.seen[:SHOWN][::-1]  # the surest is drawn last
    pixels = torch.from_numpy(np.array(tile)).permute(2, 0, 1).contiguous()
    if not seen:
        return pixels
    tone = RIGHT if expect in (None, photograph.surest) else WRONG
    places = torch.tensor([box.box for box in seen]) * factor + torch.tensor(shift)
    drawn: Tensor = draw_bounding_boxes(
        pixels,
        places.clamp(0, TILE - 1),
        labels=[f"{box.class_name} {box.score:.2f}" for box in seen],
        colors=[(0xD8, 0xDC, 0xE2)] * (len(seen) - 1) + [tone],
        width=2,
    )
    return drawn


def _sightings(
    folder: Path,
    photographs: Sequence[Photograph],
    skipped: Sequence[Skipped],
    classes: Sequence[str],
    threshold: float,
    longest: int,
    expect: str | None,
    sheet: Path | None,
) -> Sightings:
    rows, surest, groups = list[Seen](), list[Surest](), dict[str, Group]()
    for name in dict.fromkeys(each.group for each in photographs):
        answers = [each.surest for each in photographs if each.group == name]
        counts = {answer: answers.count(answer) for answer in (*classes, NOTHING)}
        rates = {answer: Measured.of(Rate(count, len(answers))) for answer, count in counts.items()}
        surest += [
            Surest(group=name or ".", answer=answer, photographs=rate)
            for answer, rate in rates.items()
        ]
        expected = None if expect is None else rates[expect]
        groups[name] = Group(photos=len(answers), surest=counts, expected=expected)
    for each in photographs:
        seen = each.seen[:SHOWN]
        lines = [(b.class_name, f"{b.score:.2f}", ", ".join(map(str, b.box))) for b in seen]
        for place, line in enumerate(lines or [(NOTHING, "-", "-")]):
            own = "" if place else each.file
            rows.append(Seen(file=own, name=line[0], score=line[1], box=line[2]))
    return Sightings(
        photos=str(folder),
        threshold=threshold,
        longest=longest,
        expect=expect,
        expected={
            f"surest is {expect} ({name or '.'})": group.expected
            for name, group in groups.items()
            if group.expected is not None
        },
        skipped_files=len(skipped) or None,
        sheet=None if sheet is None else str(sheet),
        rows=tuple(rows),
        surest=tuple(surest),
        groups=groups,
        files=tuple(photographs),
        skipped=tuple(skipped),
    )
