"""LISA, U.S. traffic signs: the full set and Tiny LISA, in their own layouts.

References:
    Mogelmose, Trivedi, Moeslund, "Vision-Based Traffic Sign Detection and Analysis for Intelligent
    Driver Assistance Systems", IEEE T-ITS 2012.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from badnets.core.errors import DataError
from badnets.core.roots import data_root
from badnets.data.annotations import Annotation, first_folder, frame_set, numbers, table
from badnets.data.detection import DetectionData, FrameSet
from badnets.data.download import Progress

SOURCE = (
    "A. Mogelmose, M. M. Trivedi, T. B. Moeslund, IEEE T-ITS 2012; Tiny LISA: Lopez-Montiel et "
    "al., IEEE Access 2021"
)
LICENCE = "research use; citation asked"
WHERE = "http://cvrr.ucsd.edu/LISA/lisa-traffic-sign-dataset.html"
CLASSES = ("stop", "speed-limit", "warning")
TEST_SHARE = 0.2  # of the frames, whole tracks, where the set brings no split of its own

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
CLASS_OF: Mapping[str, str | None] = {
    "stop": "stop",
    **{f"speedLimit{n}": "speed-limit" for n in (15, 25, 30, 35, 40, 45, 50, 55, 65, "Urdbl")},
    **dict.fromkeys(_WARNING.split(), "warning"),
    **dict.fromkeys(_OTHER.split()),
}
"""The super-class of every tag, as in the authors' code; None: a sign of no class."""


def load(root: Path | None = None, *, progress: Progress | None = None) -> DetectionData:
    """Return LISA's signs in the paper's three super-classes.

    The folder ``lisa`` (or ``lisa_tiny``) of the data root holds ``allAnnotations.csv`` (the full
    set) or ``annotations.csv`` (Tiny LISA). ``splits.csv`` (filename, scene_group, split: train,
    val or test) decides the split where it is there; else whole video tracks do, a fifth of the
    frames for testing: neighbouring frames of a track look alike, so none is split.

    Raises:
        DataError: the set is missing or damaged, or nothing says which frames belong together.
    """
    base = data_root(root)
    folder = first_folder(
        base, ("lisa", "lisa_tiny", "LISA"), ("allAnnotations.csv", "annotations.csv")
    )
    if folder is None:
        raise DataError(
            f"LISA is not in {base}: put its folder there as 'lisa', with allAnnotations.csv or "
            f"annotations.csv ({WHERE}); the drawn set 'scenes' needs no download"
        )
    whole = (folder / "allAnnotations.csv").is_file()
    written = folder / ("allAnnotations.csv" if whole else "annotations.csv")
    rows, tracks = _full(written) if whole else (_tiny(written), None)
    splits = folder / "splits.csv"
    if splits.is_file():
        groups, parts = _splits(splits)
    elif tracks is not None:
        groups, parts = tracks, None
    else:
        raise DataError(
            f"{folder} has no splits.csv and {written.name} names no tracks: frames that look "
            "alike cannot be kept together; add splits.csv (filename,scene_group,split)"
        )

    def part(files: Sequence[str]) -> FrameSet:
        return frame_set(
            written,
            rows,
            files=files,
            folders=(folder / "images", folder / "db_lisa_tiny", folder),
            classes=CLASSES,
            class_of=CLASS_OF,
            group_of=_known(groups, splits),
        )

    files = list(dict.fromkeys(row.file for row in rows))
    if parts is None:
        train, test = part(files).split(TEST_SHARE, seed=0)
    else:
        which = _known(parts, splits)
        train = part([name for name in files if which(name) == "train"])
        test = part([name for name in files if which(name) != "train"])
    return DetectionData("lisa", train, test, SOURCE, LICENCE)


def _known(values: Mapping[str, str], splits: Path) -> Callable[[str], str]:
    def value(name: str) -> str:
        if name not in values:
            raise DataError(f"{splits}: {name} is annotated, but has no row here")
        return values[name]

    return value


def _tiny(path: Path) -> list[Annotation]:
    columns = ("filename", "x1", "y1", "x2", "y2", "class")
    return [
        Annotation(
            line,
            row["filename"],
            numbers([row[name] for name in columns[1:5]], f"{path}, line {line}"),
            row["class"],
        )
        for line, row in table(path, ",", columns)
    ]


def _full(path: Path) -> tuple[list[Annotation], dict[str, str]]:
    """Return the rows of the full set, and the group of each file: tracks that overlap are one."""
    corner = "{} corner {}"
    corners = [
        corner.format(where, axis) for where in ("Upper left", "Lower right") for axis in "XY"
    ]
    columns = ("Filename", "Annotation tag", *corners, "Origin file", "Origin frame number")
    rows, spans = [], defaultdict[str, dict[str, list[int]]](lambda: defaultdict(list))
    track_of: dict[str, tuple[str, str]] = {}
    for line, row in table(path, ";", (*columns, "Origin track")):
        where = f"{path}, line {line}"
        rows.append(
            Annotation(
                line, row["Filename"], numbers([row[c] for c in corners], where),
                row["Annotation tag"],
            )
        )  # fmt: skip
        try:
            frame = int(row["Origin frame number"])
        except ValueError:
            raise DataError(f"{where}: Origin frame number must be a whole number") from None
        spans[row["Origin file"]][row["Origin track"]].append(frame)
        track_of[row["Filename"]] = (row["Origin file"], row["Origin track"])
    scene: dict[tuple[str, str], str] = {}
    for video, tracks in spans.items():
        scene |= {(video, track): name for track, name in _merged(video, tracks).items()}
    return rows, {name: scene[track] for name, track in track_of.items()}


def _merged(video: str, tracks: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """Return the scene of each track: tracks of a video that share frames are one scene."""
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
