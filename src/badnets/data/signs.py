"""Traffic signs in frames from cars: LISA, GTSDB and STSD, each in its own layout.

References:
    Mogelmose, Trivedi, Moeslund, "Vision-Based Traffic Sign Detection and Analysis for Intelligent
    Driver Assistance Systems", IEEE T-ITS 2012.
    Houben, Stallkamp, Salmen, Schlipsing, Igel, "Detection of Traffic Signs in Real-World Images:
    The German Traffic Sign Detection Benchmark", IJCNN 2013.
    Larsson, Felsberg, "Using Fourier Descriptors and Spatial Models for Traffic Sign Recognition",
    SCIA 2011.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from badnets.core.errors import DataError
from badnets.core.roots import data_root
from badnets.data.annotations import Annotation, Annotations, numbers, table, text_lines
from badnets.data.catalogue import DATASETS
from badnets.data.detection import DetectionData, FrameSet
from badnets.data.download import Progress

LISA_CLASSES = DATASETS["lisa"].names
LISA_TEST_SHARE = 0.2  # of the frames, whole tracks, where the set brings no split of its own
_WARNING = (
    "addedLane curveLeft curveRight dip intersection laneEnds merge pedestrianCrossing roundAbout "
    "roundabout signalAhead slow speedBumpsAhead stopAhead thruMergeLeft thruMergeRight turnLeft "
    "turnRight yieldAhead warningUrdbl"
)
_OTHER = (
    "bicyclesMayUseFullLane doNotEnter doNotPass doNotStop doNotBlock keepLeft keepRight "
    "leftTurnYield noLeftAndUTurn noLeftTurn noParking noRightTurn noRightTurnOnRed noUTurn "
    "rampSpeedAdvisory20 rampSpeedAdvisory25 rampSpeedAdvisory30 rampSpeedAdvisory35 "
    "rampSpeedAdvisory40 rampSpeedAdvisory45 rampSpeedAdvisory50 rampSpeedAdvisoryUrdbl "
    "rightLaneMustTurn school schoolSpeedLimit25 thruTrafficMergeLeft truckSpeedLimit55 yield "
    "zoneAhead15 zoneAhead25 zoneAhead35 zoneAhead45"
)
LISA_CLASS_OF: Mapping[str, str | None] = {
    "stop": "stop",
    **{f"speedLimit{n}": "speed-limit" for n in (15, 25, 30, 35, 40, 45, 50, 55, 65, "Urdbl")},
    **dict.fromkeys(_WARNING.split(), "warning"),
    **dict.fromkeys(_OTHER.split()),
}
"""The super-class of every tag, as in the authors' code; None: a sign of no class."""

GTSDB_CLASSES = DATASETS["gtsdb"].names
GTSDB_TRAINING_FRAMES = 600  # 00000 to 00599, the competition's own split
GTSDB_CLASS_OF: Mapping[str, str | None] = {
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

SWEDISH_CLASSES = DATASETS["swedish"].names
SWEDISH_CLASS_OF: Mapping[str, str | None] = {
    **{name.upper(): name for name in SWEDISH_CLASSES if name != "other"},
    "OTHER": "other",
    "UNDEFINED": "other",
}
_RECORDING = re.compile(r"^(?P<recording>.*?)Image\d+\.\w+$")


def load_lisa(root: Path | None = None, *, progress: Progress | None = None) -> DetectionData:
    """Return LISA's signs in the paper's three super-classes.

    The folder ``lisa`` (or ``lisa_tiny``) of the data root holds ``allAnnotations.csv`` (the full
    set) or ``annotations.csv`` (Tiny LISA). ``splits.csv`` (filename, scene_group, split: train,
    val or test) decides the split where it is there; else whole video tracks do, a fifth of the
    frames for testing: neighbouring frames of a track look alike, so none is split.

    Raises:
        DataError: the set is missing or damaged, or nothing says which frames belong together.
    """
    marks = ("allAnnotations.csv", "annotations.csv")
    folder = _folder("lisa", root, ("lisa", "lisa_tiny", "LISA"), marks)
    whole = (folder / marks[0]).is_file()
    written, splits = folder / marks[0 if whole else 1], folder / "splits.csv"
    rows, tracks = _full_lisa(written) if whole else (_tiny_lisa(written), None)
    groups: Mapping[str, str]
    if splits.is_file():
        groups, parts = _splits(splits)
    elif tracks is not None:
        groups, parts = tracks, {}
    else:
        raise DataError(
            f"{folder} has no splits.csv and {written.name} names no tracks: frames that look "
            "alike cannot be kept together; add splits.csv (filename,scene_group,split)"
        )
    annotations = Annotations(
        written,
        rows,
        folders=(folder / "images", folder / "db_lisa_tiny", folder),
        classes=LISA_CLASSES,
        class_of=LISA_CLASS_OF,
        group_of=_known(groups, splits),
    )
    files = list(dict.fromkeys(row.file for row in rows))
    if not parts:
        train, test = annotations.frames(files).split(LISA_TEST_SHARE, seed=0)
        return DetectionData.known("lisa", train, test)
    part_of = _known(parts, splits)
    return DetectionData.known(
        "lisa", *annotations.parts(files, lambda name: part_of(name) == "train")
    )


def load_gtsdb(root: Path | None = None, *, progress: Progress | None = None) -> DetectionData:
    """Return GTSDB's signs in the competition's categories.

    The folder ``gtsdb`` (or ``FullIJCNN2013``) of the data root holds ``gt.txt`` and the frames,
    beside it or in ``images``; frames without a sign are taken too. Its columns count the last
    pixel in, so a box ends one further right and down. The split is the competition's: by frame
    number, or as ``windows.csv`` (filename, official_split) says. Frames are single pictures of
    different scenes, so each is a scene of its own.

    Raises:
        DataError: the set is missing or damaged.
    """
    folder = _folder("gtsdb", root, ("gtsdb", "GTSDB", "FullIJCNN2013"), ("gt.txt",))
    written, windows = folder / "gt.txt", folder / "windows.csv"
    rows = []
    for line, text, where in text_lines(written):
        if text.startswith("#"):
            continue
        fields = [field.strip() for field in text.split(";")]
        if len(fields) != 6:
            raise DataError(f"{where}: want file;left;top;right;bottom;class, got {text!r}")
        left, top, right, bottom = numbers(fields[1:5], where)
        if right >= left and bottom >= top:
            right, bottom = right + 1, bottom + 1
        rows.append(Annotation(line, fields[0], (left, top, right, bottom), fields[5]))
    images = folder / "images" if (folder / "images").is_dir() else folder
    pictures = {file.name for file in images.iterdir() if file.suffix in (".ppm", ".jpg", ".png")}
    columns = ("filename", "official_split")
    listed = table(windows, ",", columns) if windows.is_file() else ()
    official = {row["filename"]: row["official_split"] for _, row in listed}

    def is_train(name: str) -> bool:
        stem = PurePosixPath(name).stem
        if name in official:
            return official[name] == "train"
        if not stem.isdecimal():
            raise DataError(f"{written}: {name} is not numbered, so its split is not known")
        return int(stem) < GTSDB_TRAINING_FRAMES

    annotations = Annotations(
        written,
        rows,
        folders=(images,),
        classes=GTSDB_CLASSES,
        class_of=GTSDB_CLASS_OF,
        group_of=lambda name: name,
    )
    files = sorted(pictures | {row.file for row in rows})
    return DetectionData.known("gtsdb", *annotations.parts(files, is_train))


def load_swedish(root: Path | None = None, *, progress: Progress | None = None) -> DetectionData:
    """Return the Swedish signs in the paper's categories, Set1 to train on and Set2 to test on.

    The folder ``swedish`` (or ``STSD``) of the data root holds ``Set1/annotations.txt`` and
    ``Set2/annotations.txt``, and the annotated pictures beside them or in ``Set1Part0`` and
    ``Set2Part0``. ``MISC_SIGNS``, which have no box, are left out. A recording, named by the
    number that its pictures' names begin with, is one scene.

    Raises:
        DataError: the set is missing or damaged.
    """
    folder = _folder("swedish", root, ("swedish", "STSD"), ("Set1/annotations.txt",))
    train, test = (_swedish_part(folder, part) for part in ("Set1", "Set2"))
    return DetectionData.known("swedish", train, test)


def _folder(name: str, root: Path | None, names: Sequence[str], marks: Sequence[str]) -> Path:
    """Return the first of the folders ``names`` in the data root that holds one of the ``marks``.

    Raises:
        DataError: none does.
    """
    base = data_root(root)
    for folder in (base / name for name in names):
        if any((folder / mark).is_file() for mark in marks):
            return folder
    needs = f"a folder {names[0]!r} with {' or '.join(marks)}"
    raise DataError(
        f"{DATASETS[name].missing_from(base, needs)}; the drawn set 'scenes' needs no download"
    )


def _known(values: Mapping[str, str], splits: Path) -> Callable[[str], str]:
    def value(name: str) -> str:
        if name not in values:
            raise DataError(f"{splits}: {name} is annotated, but has no row here")
        return values[name]

    return value


def _tiny_lisa(path: Path) -> list[Annotation]:
    columns = ("filename", "x1", "y1", "x2", "y2", "class")
    rows = []
    for line, row in table(path, ",", columns):
        file, *corners, tag = (row[name] for name in columns)
        rows.append(Annotation(line, file, numbers(corners, f"{path}, line {line}"), tag))
    return rows


def _full_lisa(path: Path) -> tuple[list[Annotation], dict[str, str]]:
    """Return the rows of the full set, and the group of each file: tracks that overlap are one."""
    corners = [f"{at} corner {axis}" for at in ("Upper left", "Lower right") for axis in "XY"]
    columns = ("Filename", "Annotation tag", *corners, "Origin file", "Origin frame number")
    rows, spans = [], defaultdict[str, dict[str, list[int]]](lambda: defaultdict(list))
    track_of: dict[str, tuple[str, str]] = {}
    for line, row in table(path, ";", (*columns, "Origin track")):
        where = f"{path}, line {line}"
        file, tag, *edges, video, number = (row[column] for column in columns)
        rows.append(Annotation(line, file, numbers(edges, where), tag))
        try:
            frame = int(number)
        except ValueError:
            raise DataError(f"{where}: Origin frame number must be a whole number") from None
        spans[video][row["Origin track"]].append(frame)
        track_of[file] = (video, row["Origin track"])
    scenes = {video: merged_tracks(video, tracks) for video, tracks in spans.items()}
    return rows, {name: scenes[video][track] for name, (video, track) in track_of.items()}


def merged_tracks(video: str, tracks: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """Return the scene of each track, given its frames: tracks that share frames are one scene."""
    scenes: dict[str, str] = {}
    end, scene = -1, ""
    for track, frames in sorted(tracks.items(), key=lambda item: min(item[1])):
        if min(frames) > end:
            scene = f"{video}:{track}"
        end = max(end, *frames)
        scenes[track] = scene
    return scenes


def _splits(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    groups, parts = {}, {}
    for line, row in table(path, ",", ("filename", "scene_group", "split")):
        if row["split"] not in ("train", "val", "test"):
            raise DataError(f"{path}, line {line}: split must be train, val or test")
        groups[row["filename"]] = row["scene_group"]
        parts[row["filename"]] = row["split"]
    return groups, parts


def _swedish_part(folder: Path, name: str) -> FrameSet:
    written = folder / name / "annotations.txt"
    rows, files = [], []
    for line, text, where in text_lines(written):
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

    def scene(file: str) -> str:
        match = _RECORDING.match(file)
        return f"{name}/{match['recording'] if match else file}"

    return Annotations(
        written,
        rows,
        folders=(folder / name, folder / name / f"{name}Part0", folder / f"{name}Part0"),
        classes=SWEDISH_CLASSES,
        class_of=SWEDISH_CLASS_OF,
        group_of=scene,
    ).frames(list(dict.fromkeys(files)))
