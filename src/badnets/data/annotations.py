"""From rows of an annotation file to a set of frames; what is wrong is named with its line."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from badnets.core.errors import DataError
from badnets.core.files import read_file, regular_file
from badnets.core.lookup import find
from badnets.data.detection import Boxed, FrameSet, boxes_of
from badnets.data.frames import FrameFiles


class Annotation(NamedTuple):
    """One row of an annotation file.

    Attributes:
        line: where it stands, from 1.
        file: the picture, relative to its folder.
        corners: left, top, right, bottom in pixels; right and bottom exclusive.
        tag: what the sign is called there.
    """

    line: int
    file: str
    corners: tuple[float, float, float, float]
    tag: str


@dataclass(frozen=True)
class Annotations:
    """What an annotation file says of the pictures in some folders.

    Args:
        written: the file, for messages.
        rows: its rows.
        folders: where the pictures may lie; the first that holds one counts.
        classes: the class names.
        class_of: a class for every tag that is known; None: signs that belong to no class.
        group_of: the scene of a file.
        counted: what a row's number counts, for messages.
    """

    written: Path
    rows: Sequence[Annotation]
    folders: Sequence[Path]
    classes: tuple[str, ...]
    class_of: Mapping[str, str | None]
    group_of: Callable[[str], str]
    counted: str = "line"

    def frames(self, files: Sequence[str]) -> FrameSet:
        """Return the frames ``files``, in order, with the boxes that are written down for them.

        Raises:
            DataError: a picture is missing or not decodable; a box is NaN, reversed, without area
                or beyond its frame; a tag is unknown; a name leads out of the folder.
        """
        frames = FrameFiles.open([self._path(name) for name in files])
        place = {name: index for index, name in enumerate(files)}
        sizes = frames.sizes.tolist()
        found: list[Boxed] = []
        for row in self.rows:
            where = f"{self.written}, {self.counted} {row.line}"
            try:
                label = find(self.class_of, row.tag, "sign")
            except LookupError as error:
                raise DataError(f"{where}: {error}") from None
            frame = place.get(row.file)
            if frame is None:
                continue
            inside = checked_box(row.corners, sizes[frame], f"{where}: box of {row.file}")
            if label is not None:
                found.append((frame, inside, self.classes.index(label)))
        groups = tuple(self.group_of(name) for name in files)
        return FrameSet(frames, boxes_of(found), self.classes, groups)

    def parts(
        self, files: Sequence[str], is_train: Callable[[str], bool]
    ) -> tuple[FrameSet, FrameSet]:
        """Return the frames of both parts, as ``is_train`` tells them apart; see `frames`."""
        train = {name: None for name in files if is_train(name)}
        return self.frames([*train]), self.frames([name for name in files if name not in train])

    def _path(self, name: str) -> Path:
        inside = PurePosixPath(name.replace("\\", "/"))
        parts = inside.parts
        if inside.is_absolute() or ".." in parts or not parts or ":" in parts[0]:
            raise DataError(f"{self.written}: {name!r} leads out of its folder")
        for folder in self.folders:
            if (folder / inside).is_file():
                return folder / inside
        looked = ", ".join(map(str, self.folders))
        raise DataError(f"{self.written}: picture {name} is missing (looked in {looked})")


def checked_box(
    corners: Sequence[float], size: Sequence[int], where: str
) -> tuple[float, float, float, float]:
    """Return a box's corners in a frame of ``size`` (height, width).

    What reaches beyond the frame by less than one pixel, as rounding may, is cut off.

    Raises:
        DataError: it is NaN, reversed, has no area, or reaches further beyond the frame.
    """
    left, top, right, bottom = corners
    said = f"{where} is {left:g},{top:g},{right:g},{bottom:g}"
    if not all(math.isfinite(value) for value in corners):
        raise DataError(f"{said}: want four finite numbers")
    if right < left or bottom < top:
        raise DataError(f"{said}: its corners are reversed, want left,top,right,bottom")
    if right == left or bottom == top:
        raise DataError(f"{said}: it has no area")
    height, width = size
    if left <= -1 or top <= -1 or right >= width + 1 or bottom >= height + 1:
        raise DataError(f"{said}: it reaches beyond its frame of {width} x {height} pixels")
    return max(left, 0), max(top, 0), min(right, width), min(bottom, height)


def numbers(fields: Sequence[str], where: str) -> tuple[float, float, float, float]:
    """Return four fields as numbers.

    Raises:
        DataError: there are not four, or one is no number.
    """
    try:
        left, top, right, bottom = (float(field) for field in fields)
    except ValueError:
        raise DataError(f"{where}: want four numbers, got {', '.join(fields)!r}") from None
    return left, top, right, bottom


def table(
    path: Path, delimiter: str, wanted: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Give the rows of a table with a heading line: line number and fields by column.

    Args:
        path: the file.
        delimiter: what stands between fields.
        wanted: columns that must be there.

    Raises:
        DataError: it cannot be read, a column is missing, or a row is too short.
    """
    try:
        with regular_file(path) as plain, TextIOWrapper(plain, "utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened, delimiter=delimiter)
            missing = [name for name in wanted if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(f"{path}: column {', '.join(missing)} is missing in its first line")
            for row in reader:
                if any(row[name] is None for name in wanted):
                    raise DataError(f"{path}, line {reader.line_num}: too few fields")
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error})") from None


def text_lines(path: Path) -> Iterator[tuple[int, str, str]]:
    """Give the lines that are not empty: number from 1, text, and where it stands for messages.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        lines = read_file(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} cannot be read ({error})") from None
    for line, text in enumerate(lines, start=1):
        if text.strip():
            yield line, text, f"{path}, line {line}"
