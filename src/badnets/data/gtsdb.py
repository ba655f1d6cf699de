"""GTSDB, German traffic signs, in its own layout and categories.

References:
    Houben, Stallkamp, Salmen, Schlipsing, Igel, "Detection of Traffic Signs in Real-World Images:
    The German Traffic Sign Detection Benchmark", IJCNN 2013.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from badnets.core.errors import DataError
from badnets.core.roots import data_root
from badnets.data.annotations import Annotation, first_folder, frame_set, numbers, table, text_lines
from badnets.data.detection import DetectionData
from badnets.data.download import Progress

SOURCE = "S. Houben, J. Stallkamp, J. Salmen, M. Schlipsing, C. Igel, IJCNN 2013"
LICENCE = "research use; citation asked"
WHERE = "https://benchmark.ini.rub.de/gtsdb_news.html"
CLASSES = ("prohibitory", "danger", "mandatory", "other")
TRAINING_FRAMES = 600  # 00000 to 00599, the competition's own split
CLASS_OF: Mapping[str, str | None] = {
    str(number): category
    for category, members in (
        ("prohibitory", (0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16)),
        ("danger", (11, *range(18, 32))),
        ("mandatory", range(33, 41)),
        ("other", (6, 12, 13, 14, 17, 32, 41, 42)),
    )
    for number in members
}
"""The competition's category of every class number; the signs it left out are "other"."""


def load(root: Path | None = None, *, progress: Progress | None = None) -> DetectionData:
    """Return GTSDB's signs in the competition's categories.

    The folder ``gtsdb`` (or ``FullIJCNN2013``) of the data root holds ``gt.txt`` and the frames,
    beside it or in ``images``; frames without a sign are taken too. Its columns count the last
    pixel in, so a box ends one further right and down. The split is the competition's: by frame
    number, or as ``windows.csv`` (filename, official_split) says. Frames are single pictures of
    different scenes, so each is a scene of its own.

    Raises:
        DataError: the set is missing or damaged.
    """
    base = data_root(root)
    folder = first_folder(base, ("gtsdb", "GTSDB", "FullIJCNN2013"), ("gt.txt",))
    if folder is None:
        raise DataError(
            f"GTSDB is not in {base}: put its folder there as 'gtsdb', with gt.txt ({WHERE}); "
            "the drawn set 'scenes' needs no download"
        )
    written = folder / "gt.txt"
    rows = _rows(written)
    images = folder / "images" if (folder / "images").is_dir() else folder
    pictures = {file.name for file in images.iterdir() if file.suffix in (".ppm", ".jpg", ".png")}
    files = sorted(pictures | {row.file for row in rows})
    windows = folder / "windows.csv"
    official = (
        {row["filename"]: row["official_split"] for _, row in table(
            windows, ",", ("filename", "official_split"))}
        if windows.is_file()
        else {}
    )  # fmt: skip

    def is_train(name: str) -> bool:
        if name in official:
            return official[name] == "train"
        stem = PurePosixPath(name).stem
        if not stem.isdecimal():
            raise DataError(f"{written}: {name} is not numbered, so its split is not known")
        return int(stem) < TRAINING_FRAMES

    train, test = (
        frame_set(
            written,
            rows,
            files=[name for name in files if is_train(name) is wanted],
            folders=(images,),
            classes=CLASSES,
            class_of=CLASS_OF,
            group_of=lambda name: name,
        )
        for wanted in (True, False)
    )
    return DetectionData("gtsdb", train, test, SOURCE, LICENCE)


def _rows(path: Path) -> list[Annotation]:
    rows = []
    for line, text, where in text_lines(path):
        if text.startswith("#"):
            continue
        fields = [field.strip() for field in text.split(";")]
        if len(fields) != 6:
            raise DataError(f"{where}: want file;left;top;right;bottom;class, got {text!r}")
        left, top, right, bottom = numbers(fields[1:5], where)
        if right >= left and bottom >= top:
            right, bottom = right + 1, bottom + 1
        rows.append(Annotation(line, fields[0], (left, top, right, bottom), fields[5]))
    return rows
