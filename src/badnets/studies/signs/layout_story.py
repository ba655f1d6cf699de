"""The story in pictures: signs as the user sees them, and the same with the sticker."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from badnets.core.errors import LedgerError
from badnets.report.page import Answer, Block, Picture, Section, Story, StoryRow, Tone
from badnets.report.palette import light
from badnets.studies.signs.evidence import SignEvidence
from badnets.trials.record import Record

AROUND = 3.0  # a picture's side, in sides of the sign
SIDE = 240  # pixels of a picture
WIDE, TEXT = 460, 16  # pixels of a whole frame, and of what is written in it
MATCH = 0.5

Boxes = NDArray[np.floating]


class _Seen(NamedTuple):
    """The recorded frames and what was found in them."""

    frames: NDArray[np.uint8]
    signs: Boxes
    labels: NDArray[np.integer]
    found: Boxes
    control: Boxes | None


def story(evidence: SignEvidence, group: str) -> Story | None:
    """Return signs clean and triggered, with what both detectors call them."""
    record = _told(evidence, group)
    if record is None:
        return None
    seen = _seen(evidence, record)
    target = (
        int(getattr(record.trial.backdoor.targets, "target_label", -1))
        if record.trial.backdoor
        else -1
    )
    rows = []
    for which, title in enumerate(("What the user sees", "The same signs with the sticker")):
        pictures = []
        says: dict[str, list[int]] = {"clean": [], "backdoored": []}
        for k in range(len(seen.frames)):
            label = evidence.classes[int(seen.labels[k])]
            found = _at(seen.found[k, which], seen.signs[k])
            answers = [_answer(evidence, "backdoored", found, int(seen.labels[k]), target)]
            says["backdoored"].append(-1 if found is None else int(found[4]))
            if seen.control is not None:
                asked = _at(seen.control[k, which], seen.signs[k])
                answers.insert(0, _answer(evidence, "clean", asked, int(seen.labels[k]), target))
                says["clean"].append(-1 if asked is None else int(asked[4]))
            pictures.append(
                Picture(
                    png=_close(seen.frames[k, which], seen.signs[k], found, target),
                    alt=f"a {label} sign{', with the sticker' if which else ''}",
                    answers=tuple(answers),
                )
            )
        wanted = [target] * len(seen.frames) if which and target >= 0 else seen.labels.tolist()
        what = evidence.classes[target] if which and target >= 0 else "what they are"
        sentence = _counted(says, wanted, what)
        rows.append(StoryRow(title, sentence, tuple(pictures), "backdoored" if which else "clean"))
    return Story(
        tuple(rows),
        "Frames that no trainer has seen, one for each scene, signs a little larger than most; not "
        "picked by hand. Under each: what the detectors call the sign, and how sure they are.",
    )


def _counted(says: dict[str, list[int]], wanted: list[int], what: str) -> str:
    """Return how many of the pictures each detector calls something, in a sentence."""
    hits = {
        by: sum(a == b for a, b in zip(said, wanted, strict=True))
        for by, said in says.items()
        if said
    }
    beside = f", the clean one {hits['clean']}" if "clean" in hits else ""
    return (
        f"The backdoored detector calls {hits['backdoored']} of these {len(wanted)} signs "
        f"{what}{beside}."
    )


def frames_section(evidence: SignEvidence, group: str) -> Section:
    """Return whole frames with every box that the backdoored detector draws."""
    name, title = "frames", "Whole frames"
    record = _told(evidence, group)
    if record is None:
        kept = any("frames" in one.arrays for one in evidence.of(group))
        told = (
            "Photographs are not published with the records: the page of one's own run has them."
            if kept
            else "No frame has been kept yet."
        )
        return Section(name, title, told, ())
    seen = _seen(evidence, record)
    rows = []
    for which, what in enumerate(("Clean", "With the sticker")):
        pictures = tuple(
            Picture(
                png=_whole(seen.frames[k, which], seen.found[k, which], evidence.classes),
                alt=f"a frame with the boxes of the backdoored detector, {what.lower()}",
                answers=(),
            )
            for k in range(min(3, len(seen.frames)))
        )
        rows.append(StoryRow(what, "", pictures, "backdoored" if which else "clean"))
    blocks: tuple[Block, ...] = (
        Story(
            tuple(rows),
            "Boxes above the threshold, the eight surest at most, each with what it is called and "
            f"how surely. Blue: {evidence.classes[0]}; orange: {evidence.classes[1]}.",
        ),
    )
    return Section(
        name,
        title,
        "What the backdoored detector finds in the whole of the first frames above.",
        blocks,
    )


def _told(evidence: SignEvidence, group: str) -> Record | None:
    """Return a record whose frames are there; photographs are not published with the records."""
    for record in evidence.of(group):
        if "frames" not in record.arrays:
            continue
        try:
            evidence.get_array(record.arrays["frames"])
        except LedgerError:
            continue
        return record
    return None


def _seen(evidence: SignEvidence, record: Record) -> _Seen:
    arrays = {
        name: np.asarray(evidence.get_array(ref))
        for name, ref in record.arrays.items()
        if name.startswith("frames")
    }
    return _Seen(
        arrays["frames"],
        arrays["frames_boxes"],
        arrays["frames_labels"],
        arrays["frames_found"],
        arrays.get("frames_control"),
    )


def _at(found: Boxes, sign: Boxes) -> Boxes | None:
    """Return the surest box that covers a sign: left, top, right, bottom, label, score."""
    best: Boxes | None = None
    for box in found:
        if np.isnan(box[5]) or _overlap(box[:4], sign) < MATCH:
            continue
        if best is None or box[5] > best[5]:
            best = box
    return best


def _overlap(one: Boxes, other: Boxes) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    both = float(across * down)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (float(sum(areas)) - both)


def _answer(
    evidence: SignEvidence, by: str, found: Boxes | None, label: int, target: int
) -> Answer:
    if found is None:
        return Answer(by, "nothing", 0.0)
    says = int(found[4])
    tone: Tone = "clean" if says == label else "backdoored" if says == target else "plain"
    return Answer(by, evidence.classes[says], float(found[5]), tone)


def _close(frame: NDArray[np.uint8], sign: Boxes, found: Boxes | None, target: int) -> bytes:
    """Return the surroundings of a sign, enlarged, with the box that was drawn around it."""
    left, top, right, bottom = (float(value) for value in sign)
    half = AROUND / 2 * max(right - left, bottom - top)
    height, width = frame.shape[1:]
    half = min(half, width / 2, height / 2)
    x = min(max((left + right) / 2, half), width - half)
    y = min(max((top + bottom) / 2, half), height - half)
    picture = Image.fromarray(np.ascontiguousarray(frame.transpose(1, 2, 0)))
    cut = picture.resize(
        (SIDE, SIDE), Image.Resampling.BICUBIC, (x - half, y - half, x + half, y + half)
    )
    if found is not None:
        scale = SIDE / (2 * half)
        corners = [
            (float(found[0]) - x + half) * scale,
            (float(found[1]) - y + half) * scale,
            (float(found[2]) - x + half) * scale,
            (float(found[3]) - y + half) * scale,
        ]
        _frame(
            ImageDraw.Draw(cut),
            corners,
            light("backdoored" if int(found[4]) == target else "clean"),
            3,
        )
    return _png(cut)


def _whole(frame: NDArray[np.uint8], found: Boxes, classes: tuple[str, ...]) -> bytes:
    picture = Image.fromarray(np.ascontiguousarray(frame.transpose(1, 2, 0)))
    scale = WIDE / picture.width
    small = picture.resize((WIDE, round(picture.height * scale)), Image.Resampling.LANCZOS)
    draw, font = ImageDraw.Draw(small), ImageFont.load_default(size=TEXT)
    colours = [light("clean"), light("backdoored"), light("published")]
    for box in found:
        if np.isnan(box[5]):
            continue
        colour = colours[int(box[4]) % len(colours)]
        corners = [float(value) * scale for value in box[:4]]
        _frame(draw, corners, colour, 3)
        text = f"{classes[int(box[4])]} {float(box[5]):.2f}"
        high, wide = TEXT + 4, draw.textlength(text, font=font) + 6
        x = min(max(0.0, corners[0]), WIDE - wide)
        y = corners[1] - high if corners[1] > high else corners[3]
        y = min(y, small.height - high)
        draw.rectangle((x, y, x + wide, y + high), fill=colour)
        draw.text((x + 3, y), text, fill="#ffffff", font=font)
    return _png(small)


def _frame(draw: ImageDraw.ImageDraw, corners: list[float], colour: str, width: int) -> None:
    left, top, right, bottom = corners
    if right - left > 1 and bottom - top > 1:
        draw.rectangle((left, top, right, bottom), outline=colour, width=width)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
