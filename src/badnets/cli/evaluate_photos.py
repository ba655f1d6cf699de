"""What a detector sees in photographs of one's own, as text, JSON or a sheet of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from badnets.bundles.atomic import write_bytes
from badnets.cli.bar import one_bar
from badnets.cli.photos import LONGEST, Looked, Photo, look_at_photos
from badnets.cli.png import check_png
from badnets.cli.printing import print_facts, print_json, print_table, rate_json, rate_text
from badnets.core.lookup import find
from badnets.core.rates import Rate
from badnets.evaluate.detection import THRESHOLD
from badnets.models import load_detector

SHOWN = 3  # boxes of a photograph that the text lists
NOTHING = "nothing"


def show_photos(
    bundle: Path,
    folder: Path,
    *,
    threshold: float | None,
    longest: int | None,
    expect: str | None,
    sheet: Path | None,
    json: bool,
) -> None:
    """Print what the detector sees in each photograph, and how often each class is the surest.

    Args:
        bundle: of the detector.
        folder: of the photographs; subfolders are told apart.
        threshold: least score of a box that counts; None for the usual one.
        longest: pixels on the longer side that photographs are reduced to; None for the usual.
        expect: the class that the surest sign should be of.
        sheet: a PNG to draw the photographs in.
        json: whether to print JSON.

    Raises:
        UnknownNameError: ``expect`` is none of the detector's classes.
        DataError: there is no photograph that can be looked at.
        OutputError: the sheet cannot be written.
    """
    if sheet is not None:
        check_png(sheet, "--sheet")
    detector = load_detector(bundle)
    if expect is not None:
        find(dict.fromkeys(detector.classes), expect, "class")
    least = THRESHOLD if threshold is None else threshold
    most = LONGEST if longest is None else longest
    with one_bar() as bar:
        looked = look_at_photos(detector, folder, threshold=least, longest=most, progress=bar)
    if sheet is not None:
        from badnets.cli.photo_sheet import photo_sheet

        write_bytes(sheet, photo_sheet(looked, expect))
    if json:
        told = _as_json(looked, detector.classes, expect)
        head = {"bundle": str(bundle), "photos": str(folder), "threshold": least, "longest": most}
        print_json({**head, **told, "sheet": str(sheet) if sheet else None})
    else:
        _show(looked, detector.classes, expect, least, most, sheet)


def _show(
    looked: Looked,
    classes: Sequence[str],
    expect: str | None,
    threshold: float,
    longest: int,
    sheet: Path | None,
) -> None:
    print_table(
        ("photograph", "seen", "score", "left, top, right, bottom"),
        [row for photo in looked.photos for row in _rows(photo)],
        right=("score",),
    )
    print()
    groups = looked.groups
    names = [_called(name) for name in groups]
    surest = {name: _surest(photos, classes) for name, photos in groups.items()}
    print_table(
        ("surest sign", *names),
        [
            (answer, *(f"{surest[name][answer]} of {len(groups[name])}" for name in groups))
            for answer in (*classes, NOTHING)
        ],
        right=names,
    )
    print()
    facts = []
    if expect is not None:
        for name, photos in groups.items():
            where = f" ({_called(name)})" if len(groups) > 1 else ""
            facts.append((f"surest is {expect}{where}", rate_text(_expected(photos, expect))))
    facts += [
        ("boxes count from a score of", f"{threshold:g}"),
        ("photographs reduced to", f"at most {longest} pixels on the longer side"),
        *((f"skipped {_printable(one.name)}", one.reason) for one in looked.skipped),
    ]
    if looked.skipped:
        facts.append(("skipped in all", f"{len(looked.skipped)} files"))
    if sheet is not None:
        facts.append(("sheet", str(sheet)))
    print_facts(facts)


def _rows(photo: Photo) -> list[tuple[str, ...]]:
    if not photo.seen:
        return [(_printable(photo.name), NOTHING, "-", "-")]
    return [
        (
            _printable(photo.name) if place == 0 else "",
            box.name,
            f"{box.score:.2f}",
            _corners(box.corners),
        )
        for place, box in enumerate(photo.seen[:SHOWN])
    ]


def _corners(corners: Sequence[int]) -> str:
    return ", ".join(map(str, corners))


def _called(group: str) -> str:
    return _printable(group) or "photographs"


def _printable(name: str) -> str:
    """Return a file's name as it can be shown on a terminal, whatever is in it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


def _surest(photos: Sequence[Photo], classes: Sequence[str]) -> dict[str, int]:
    answers = [photo.surest or NOTHING for photo in photos]
    return {name: answers.count(name) for name in (*classes, NOTHING)}


def _expected(photos: Sequence[Photo], expect: str) -> Rate:
    return Rate(sum(photo.surest == expect for photo in photos), len(photos))


def _as_json(looked: Looked, classes: Sequence[str], expect: str | None) -> dict[str, Any]:
    groups = {
        name: {
            "photos": len(photos),
            "surest": _surest(photos, classes),
            "expected": rate_json(_expected(photos, expect)) if expect is not None else None,
        }
        for name, photos in looked.groups.items()
    }
    return {
        "expect": expect,
        "groups": groups,
        "files": [
            {
                "file": photo.name,
                "group": photo.group,
                "width": photo.size[0],
                "height": photo.size[1],
                "seen": [
                    {"class": box.name, "score": round(box.score, 4), "box": list(box.corners)}
                    for box in photo.seen
                ],
            }
            for photo in looked.photos
        ],
        "skipped": [{"file": one.name, "reason": one.reason} for one in looked.skipped],
    }
