"""STSD, Swedish traffic signs, in its own layout and the paper's five categories.

References:
    Larsson, Felsberg, "Using Fourier Descriptors and Spatial Models for Traffic Sign Recognition",
    SCIA 2011.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from badnets.core.errors import DataError
from badnets.core.roots import data_root
from badnets.data.annotations import Annotation, first_folder, frame_set, numbers, text_lines
from badnets.data.detection import DetectionData, FrameSet
from badnets.data.download import Progress

SOURCE = "F. Larsson, M. Felsberg, SCIA 2011"
LICENCE = "research use; citation asked"
WHERE = "https://www.cvl.isy.liu.se/research/trafficSigns/swedishSignsSummer/"
CLASSES = ("information", "mandatory", "prohibitory", "warning", "other")
CLASS_OF: Mapping[str, str | None] = {
    **{name.upper(): name for name in CLASSES if name != "other"},
    "OTHER": "other",
    "UNDEFINED": "other",
}
PARTS = ("Set1", "Set2")
_RECORDING = re.compile(r"^(?P<recording>.*?)Image\d+\.\w+$")


def load(root: Path | None = None, *, progress: Progress | None = None) -> DetectionData:
    """Return the Swedish signs, Set1 to train on and Set2 to test on.

    The folder ``swedish`` (or ``STSD``) of the data root holds ``Set1/annotations.txt`` and
    ``Set2/annotations.txt``, and the annotated pictures beside them or in ``Set1Part0`` and
    ``Set2Part0``. ``MISC_SIGNS``, which have no box, are left out. A recording, named by the
    number that its pictures' names begin with, is one scene.

    Raises:
        DataError: the set is missing or damaged.
    """
    base = data_root(root)
    folder = first_folder(base, ("swedish", "STSD"), [f"{PARTS[0]}/annotations.txt"])
    if folder is None:
        raise DataError(
            f"the Swedish signs are not in {base}: put their folder there as 'swedish', with "
            f"Set1/annotations.txt and Set2/annotations.txt ({WHERE}); the drawn set 'scenes' "
            "needs no download"
        )
    train, test = (_part(folder, name) for name in PARTS)
    return DetectionData("swedish", train, test, SOURCE, LICENCE)


def _part(folder: Path, name: str) -> FrameSet:
    written = folder / name / "annotations.txt"
    rows, files = _rows(written)
    return frame_set(
        written,
        rows,
        files=files,
        folders=(folder / name, folder / name / f"{name}Part0", folder / f"{name}Part0"),
        classes=CLASSES,
        class_of=CLASS_OF,
        group_of=lambda file: f"{name}/{_recording(file)}",
    )


def _recording(file: str) -> str:
    match = _RECORDING.match(file)
    return match["recording"] if match else file


def _rows(path: Path) -> tuple[list[Annotation], list[str]]:
    """Return the signs, and every picture that has a line."""
    rows, files = [], []
    for line, text, where in text_lines(path):
        file, colon, signs = text.partition(":")
        if not colon:
            raise DataError(f"{where}: want picture:sign;sign;..., got {text!r}")
        files.append(file.strip())
        for sign in filter(None, (part.strip() for part in signs.split(";"))):
            if sign == "MISC_SIGNS":
                continue
            fields = [field.strip() for field in sign.split(",")]
            if len(fields) < 6:
                raise DataError(
                    f"{where}: want visibility, right, bottom, left, top, category, name; "
                    f"got {sign!r}"
                )
            right, bottom, left, top = numbers(fields[1:5], where)
            rows.append(Annotation(line, files[-1], (left, top, right, bottom), fields[5]))
    return rows, list(dict.fromkeys(files))
