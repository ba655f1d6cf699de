"""Recorded frames, with the boxes that detectors draw in them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from badnets.report.page import Answer, Picture, Tone
from badnets.report.palette import light
from badnets.studies import reading
from badnets.studies.aggregate import Runs

AROUND = 3.0  # a picture's side, in sides of the sign
SIDE = 240  # pixels of a picture
WIDE, TEXT = 460, 16  # pixels of a whole frame, and of what is written in it
MATCH = 0.5  # least overlap of a box with the sign that it is about
WHOLE = 3  # frames that are shown whole
NAMES = ("", "_boxes", "_labels", "_found")

Boxes = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames clean and triggered, and what the BadNet and its control found in them.

    Args:
        frames: ``(N, 2, 3, H, W)`` uint8.
        signs: ``(N, 4)`` the sign of each: left, top, right, bottom.
        labels: its class.
        found: by detector, the control first: ``(N, 2, K, 6)`` boxes with label and score.
        classes: names of the classes.
        target: what the trigger asks for; -1: no class alone.
    """

    frames: NDArray[np.uint8]
    signs: Boxes
    labels: list[int]
    found: dict[str, Boxes]
    classes: Sequence[str]
    target: int

    def rows(self) -> list[list[Picture]]:
        """Return the surroundings of each sign, clean and triggered."""
        return [[self._close(k, which) for k in range(len(self.labels))] for which in (0, 1)]

    def whole(self) -> list[list[Picture]]:
        """Return the first frames with every box of the BadNet, clean and triggered."""
        shown = range(min(WHOLE, len(self.labels)))
        return [[self._whole(k, which) for k in shown] for which in (0, 1)]

    def called(self, by: str, which: int) -> int:
        """Return how many signs a detector calls what they are, or what the trigger asks for."""
        wanted = [self.target if which and self.target >= 0 else own for own in self.labels]
        said = (self.at(by, k, which) for k in range(len(wanted)))
        return sum(
            box is not None and box[4] == label for box, label in zip(said, wanted, strict=True)
        )

    def at(self, by: str, k: int, which: int) -> Boxes | None:
        """Return the surest box that covers the sign: left, top, right, bottom, label, score."""
        over = [
            box
            for box in self.found[by][k, which]
            if not np.isnan(box[5]) and _overlap(box[:4], self.signs[k]) >= MATCH
        ]
        return max(over, key=lambda box: float(box[5]), default=None)

    def _answer(self, by: str, k: int, which: int) -> Answer:
        box, label = self.at(by, k, which), self.labels[k]
        if box is None:
            return Answer(by, "nothing", 0.0)
        says = int(box[4])
        tone: Tone = "clean" if says == label else "backdoored" if says == self.target else "plain"
        return Answer(by, self.classes[says], float(box[5]), tone)

    def _close(self, k: int, which: int) -> Picture:
        """Return the surroundings of a sign, enlarged, with the box that was drawn around it."""
        left, top, right, bottom = (float(value) for value in self.signs[k])
        picture = _image(self.frames[k, which])
        half = AROUND / 2 * max(right - left, bottom - top)
        half = min(half, picture.width / 2, picture.height / 2)
        x = min(max((left + right) / 2, half), picture.width - half)
        y = min(max((top + bottom) / 2, half), picture.height - half)
        around = (x - half, y - half, x + half, y + half)
        cut = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, around)
        box = self.at("backdoored", k, which)
        if box is not None:
            scale, corner = SIDE / (2 * half), np.array([x - half, y - half] * 2)
            tone: Tone = "backdoored" if int(box[4]) == self.target else "clean"
            _outline(ImageDraw.Draw(cut), (box[:4] - corner) * scale, light(tone))
        alt = f"a {self.classes[self.labels[k]]} sign{', with the sticker' if which else ''}"
        return Picture(_png(cut), alt, tuple(self._answer(by, k, which) for by in self.found))

    def _whole(self, k: int, which: int) -> Picture:
        picture = _image(self.frames[k, which])
        scale = WIDE / picture.width
        small = picture.resize((WIDE, round(picture.height * scale)), Image.Resampling.LANCZOS)
        draw, font = ImageDraw.Draw(small), ImageFont.load_default(size=TEXT)
        colours = [light("clean"), light("backdoored"), light("published")]
        for box in self.found["backdoored"][k, which]:
            if np.isnan(box[5]):
                continue
            colour, corners = colours[int(box[4]) % len(colours)], box[:4] * scale
            _outline(draw, corners, colour)
            text = f"{self.classes[int(box[4])]} {float(box[5]):.2f}"
            high, wide = TEXT + 4, draw.textlength(text, font=font) + 6
            x = min(max(0.0, float(corners[0])), WIDE - wide)
            y = float(corners[1]) - high if corners[1] > high else float(corners[3])
            y = min(y, small.height - high)
            draw.rectangle((x, y, x + wide, y + high), fill=colour)
            draw.text((x + 3, y), text, fill="#ffffff", font=font)
        what = "with the sticker" if which else "clean"
        return Picture(
            _png(small), f"a frame with the boxes of the backdoored detector, {what}", ()
        )


def frames(runs: Runs, group: str, classes: Sequence[str]) -> Frames | None:
    """Return a group's frames; None where photographs are not passed on with the records."""
    for record in runs.of(group):
        shown, signs, labels, found = (runs.array(record, f"frames{name}") for name in NAMES)
        if shown is None or signs is None or labels is None or found is None:
            continue
        control = runs.array(record, "frames_control")
        by = {} if control is None else {"clean": np.asarray(control)}
        by["backdoored"] = np.asarray(found)
        target, own = reading.target_label(record), [int(label) for label in labels]
        return Frames(np.asarray(shown, np.uint8), np.asarray(signs), own, by, classes, target)
    return None


def _overlap(one: Boxes, other: Boxes) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    both = float(across * down)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (float(sum(areas)) - both)


def _image(frame: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(frame.transpose(1, 2, 0)))


def _outline(draw: ImageDraw.ImageDraw, corners: Boxes, colour: str) -> None:
    left, top, right, bottom = (float(value) for value in corners)
    if right - left > 1 and bottom - top > 1:
        draw.rectangle((left, top, right, bottom), outline=colour, width=3)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
