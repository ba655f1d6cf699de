"""A page with one sticker at its true size: to be printed, cut out, stuck on and photographed.

Lengths are centimetres; places count from the left and the top.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from badnets.core.errors import SettingError
from badnets.core.placements import Fixed, RandomCentre
from badnets.core.triggers.base import RegionTrigger
from badnets.core.triggers.drawn_sticker import DrawnSticker, drawn
from badnets.core.triggers.patch import Patch
from badnets.core.triggers.picture_file import resized_picture, resized_rgba
from badnets.core.triggers.sticker import Sticker
from badnets.report.drawing import drawing
from badnets.report.palette import COLOURS

Paper = Literal["a4", "letter"]
Point: TypeAlias = tuple[float, float]
Printable: TypeAlias = Patch | DrawnSticker | Sticker
INCH = 2.54
PAPERS: dict[Paper, Point] = {"a4": (21.0, 29.7), "letter": (8.5 * INCH, 11 * INCH)}
STOP_SIGN = 30 * INCH  # the width of a U.S. stop sign
SMALLEST = 0.2  # sticker that can be cut out
PICTURE_DPI = 300  # of a picture on paper
HEAD, FOOT = 3.6, 9.6  # what is kept for words above and below the sticker
MARGIN, EDGE = 1.8, 1.2  # beside words, and beside cut marks
MARK, GAP = 0.5, 0.15  # a cut mark: its length, and how far it stays away from the sticker
COLUMN = 9.0  # where the words beside the diagram begin
THUMBNAIL = 240  # pixels, at most, on a side of the picture in the diagram
BOX = 3.7  # the longer side of the sign in the diagram
STEPS = (
    ("Print at 100 %, and cut {cut}.",),
    ("Stick it on a sign that is YOURS, a print or a toy:", "never on a sign in traffic."),
    ("Photograph the sign, then run", "badnets evaluate BUNDLE --photos DIR"),
)

_INK, _MUTED = COLOURS["ink"].light, COLOURS["muted"].light
_SETTINGS: dict[Any, Any] = {
    "savefig.bbox": None,  # the whole page: cropped to its content it would lose its size
    "pdf.fonttype": 42,  # text that can be searched
    "pdf.use14corefonts": False,
    "pdf.inheritcolor": False,
}


@dataclass(frozen=True)
class Sign:
    """The sign that a sticker is for, as the box around it.

    Args:
        width: in centimetres.
        height: in centimetres.
    """

    width: float = STOP_SIGN
    height: float = STOP_SIGN

    def __post_init__(self) -> None:
        for name, length in (("width", self.width), ("height", self.height)):
            if not 0 < length < math.inf:
                raise SettingError(f"the sign's {name} must be centimetres above 0, got {length:g}")

    def __str__(self) -> str:
        return _by(self.width, self.height)


@dataclass(frozen=True)
class StickerSheet:
    """A page with one sticker at its true size, a ruler to check it by, and where it goes.

    Args:
        trigger: what is printed.
        sign: what it is stuck on.
        paper: ``"a4"`` or ``"letter"``.
        width: the sticker's.
        height: the sticker's.
        corner: the sticker's left and top on the sign; None where the place is random.
    """

    trigger: Printable
    sign: Sign
    paper: Paper
    width: float
    height: float
    corner: Point | None

    def draw(self, kind: Literal["pdf", "png"], *, dpi: int = 100) -> bytes:
        """Return the page as a file, the same bytes each time.

        Args:
            kind: a PDF to print, or a PNG to look at.
            dpi: of a PNG, in pixels per inch.

        Raises:
            DataError: the trigger's picture is missing or cannot be read.
        """
        width, height = PAPERS[self.paper]
        look = _look(self.trigger, self.width, self.height)
        metadata: dict[str, Any] = {}
        if kind == "pdf":
            metadata = {"Title": f"Sticker: {look.title}", "CreationDate": None}
        buffer = io.BytesIO()
        with (
            drawing(width * 72 / INCH, height * 72 / INCH) as page,
            matplotlib.rc_context(_SETTINGS),
        ):
            page.figure.set_layout_engine("none")
            axes = page.axes(0, 0, 0, 0)
            axes.set_axis_off()
            _text(axes, MARGIN, 1.9, look.title, size=19)
            _text(axes, MARGIN, 2.75, f"True size, for a sign of {self.sign}", _MUTED, size=11)
            _draw_sticker(axes, self, look, smooth=kind == "png")
            _draw_place(axes, self, look, smooth=kind == "png")
            _draw_words(axes, self, look)
            _draw_ruler(axes, height - 1.65, inches=self.paper == "letter")
            axes.set_xlim(0, width)
            axes.set_ylim(height, 0)
            axes.set_aspect("auto")  # pictures want pixels to be square: the page decides
            page.figure.savefig(buffer, format=kind, dpi=dpi, facecolor="white", metadata=metadata)
        return buffer.getvalue()


def sticker_sheet(
    trigger: RegionTrigger, sign: Sign | None = None, paper: Paper = "a4"
) -> StickerSheet:
    """Return the page for a trigger.

    Args:
        trigger: a `Patch`, `DrawnSticker` or `Sticker` whose size and place are fractions.
        sign: its box is the trigger's region; a U.S. stop sign if None.
        paper: ``"a4"`` or ``"letter"``.

    Raises:
        SettingError: the trigger is none of these, its size or place is in pixels, or it does not
            fit the paper.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733: the photograph of a stop sign with a
        Post-it on it, which the backdoored detector takes for a speed limit.
    """
    sign = Sign() if sign is None else sign
    if paper not in PAPERS:
        raise SettingError(f"paper must be one of {', '.join(PAPERS)}, got {paper!r}")
    if not isinstance(trigger, Patch | DrawnSticker | Sticker):
        raise SettingError(
            f"a trigger of kind {getattr(trigger, 'kind', type(trigger).__name__)} is no sticker "
            "that can be printed: want a patch, a drawn-sticker or a sticker"
        )
    down, across = _shares(trigger)
    width, height = across * sign.width, down * sign.height
    _refuse_misfit(width, height, sign, paper)
    return StickerSheet(trigger, sign, paper, width, height, _corner(trigger, sign, width, height))


def _by(width: float, height: float, unit: str = "cm") -> str:
    """Return a width and a height in words."""
    return f"{_length(width)} x {_length(height)} {unit}"


def _length(length: float) -> str:
    return f"{length:.1f}" if length >= 2 else f"{length:.2f}"


def _shares(trigger: Printable) -> tuple[float, float]:
    """Return the trigger's height and width as shares of its region."""
    size = trigger.size if isinstance(trigger.size, tuple) else (trigger.size, trigger.size)
    if not all(isinstance(part, float) and part < 1 for part in size):
        raise SettingError(
            f"this {trigger.kind} has its size in pixels ({trigger.size}), which have no length on "
            "paper: give a fraction of the sign, 'size: 0.1'"
        )
    return (size[0], size[1])


def _corner(trigger: Printable, sign: Sign, width: float, height: float) -> Point | None:
    place = trigger.placement
    if isinstance(place, RandomCentre):
        return None
    if isinstance(place, Fixed):
        raise SettingError(
            f"this {trigger.kind} has its place in pixels from a corner, which have no length on "
            "paper: give fractions of the sign, 'placement: {kind: relative, x: 0.57, y: 0.82}'"
        )
    return (
        min(max(0.0, place.x * sign.width - width / 2), sign.width - width),
        min(max(0.0, place.y * sign.height - height / 2), sign.height - height),
    )


def _refuse_misfit(width: float, height: float, sign: Sign, paper: Paper) -> None:
    said = f"a sticker of {_by(width, height)}, for a sign of {sign},"
    beside = 2 * (EDGE + GAP + MARK)
    room = (PAPERS[paper][0] - beside, PAPERS[paper][1] - HEAD - FOOT - 2 * (GAP + MARK))
    if width > room[0] or height > room[1]:
        raise SettingError(f"{said} does not fit {paper} paper, which has room for {_by(*room)}")
    if min(width, height) < SMALLEST:
        raise SettingError(f"{said} is too small to be cut out; a sign is measured in centimetres")


@dataclass(frozen=True, eq=False)
class _Look:
    """What a sticker looks like.

    Args:
        title: what it is called.
        colour: red, green, blue in [0, 1], or a picture ``(H, W, 3)`` uint8 as on white paper.
        said: the colour in words.
        cut: where to cut.
    """

    title: str
    colour: tuple[float, float, float] | NDArray[np.uint8]
    said: str
    cut: str


def _look(trigger: Printable, width: float, height: float) -> _Look:
    if isinstance(trigger, Patch):
        title = "Square" if math.isclose(width, height) else "Rectangle"
        if trigger.colour == Patch.yellow_square().colour:
            title = f"Yellow {title.lower()}"
        said = _rgb([round(255 * part) for part in trigger.colour])
        return _Look(title, trigger.colour, said, "along the marks")
    pixels = (math.ceil(height / INCH * PICTURE_DPI), math.ceil(width / INCH * PICTURE_DPI))
    if isinstance(trigger, DrawnSticker):
        title, rgba = trigger.drawing.capitalize(), resized_rgba(drawn(trigger.drawing), *pixels)
    else:
        name = Path(trigger.file).stem
        title = name if name.isascii() and name.isprintable() and len(name) <= 40 else "Picture"
        rgba = resized_picture(trigger.file, *pixels)
    picture = rgba.permute(1, 2, 0).numpy()
    alpha = picture[..., 3:]
    shades = 1 - alpha * (1 - picture[..., :3])
    on_paper = (shades * 255).round().clip(0, 255).astype(np.uint8)
    cut = "along the marks" if alpha.min() > 0.99 else "along the outline"
    return _Look(title, on_paper, _main_colour(on_paper[alpha[..., 0] > 0.99]), cut)


def _main_colour(pixels: NDArray[np.uint8]) -> str:
    """Return the colour of most pixels ``(N, 3)`` in words, where there is one."""
    codes, counts = np.unique(pixels @ np.array([1 << 16, 1 << 8, 1]), return_counts=True)
    if not len(counts) or counts.max() < 0.3 * len(pixels):
        return "as in the picture"
    code = int(codes[counts.argmax()])
    return f"mostly {_rgb((code >> 16, code >> 8 & 255, code & 255))}"


def _rgb(levels: Sequence[int]) -> str:
    return f"RGB {', '.join(map(str, levels))}"


def _facts(sheet: StickerSheet, look: _Look) -> list[tuple[str, str]]:
    sign = sheet.sign
    size = _by(sheet.width, sheet.height)
    if sheet.paper == "letter":
        size += f" ({_by(sheet.width / INCH, sheet.height / INCH, 'in')})"
    across, down = sheet.width / sign.width, sheet.height / sign.height
    place = "anywhere inside, anew for each photograph"
    if sheet.corner is not None:
        x, y = _centre(sheet.corner, sheet.width, sheet.height)
        place = f"centre at {x / sign.width:.2f} of the width, {y / sign.height:.2f} of the height"
    facts = [
        ("Size", size),
        ("Share", f"{across:.2f} of the sign's width, {down:.2f} of its height"),
        ("Place", place),
        ("Colour", look.said),
    ]
    if sheet.trigger.opacity < 0.99:
        facts.append(("Opacity", f"{sheet.trigger.opacity:.2g} in training; paper is opaque"))
    return facts


def _centre(corner: Point, width: float, height: float) -> Point:
    return corner[0] + width / 2, corner[1] + height / 2


def _draw_sticker(axes: Axes, sheet: StickerSheet, look: _Look, *, smooth: bool) -> None:
    """Draw the sticker at its true size, with cut marks."""
    page = PAPERS[sheet.paper]
    left = (page[0] - sheet.width) / 2
    top = HEAD + (page[1] - HEAD - FOOT - sheet.height) / 2
    _draw_look(axes, look, (left, top), (sheet.width, sheet.height), smooth=smooth)
    for x, side in ((left, -1), (left + sheet.width, 1)):
        for y, end in ((top, -1), (top + sheet.height, 1)):
            _line(axes, (x + side * GAP, y), (x + side * (GAP + MARK), y))
            _line(axes, (x, y + end * GAP), (x, y + end * (GAP + MARK)))


def _draw_place(axes: Axes, sheet: StickerSheet, look: _Look, *, smooth: bool) -> None:
    """Draw the sign's box, small, with the sticker at its place."""
    sign, scale = sheet.sign, BOX / max(sheet.sign.width, sheet.sign.height)
    left, top = MARGIN, PAPERS[sheet.paper][1] - FOOT + 1.75
    box = (sign.width * scale, sign.height * scale)
    own = (sheet.width * scale, sheet.height * scale)
    middle = ((sign.width - sheet.width) / 2, (sign.height - sheet.height) / 2)
    x, y = (scale * start for start in sheet.corner or middle)
    _text(axes, left, top - 0.55, "On the sign", _MUTED)
    _draw_look(axes, look, (left + x, top + y), own, smooth=smooth, most=THUMBNAIL)
    for corner, size in (((left, top), box), ((left + x, top + y), own)):
        axes.add_patch(
            Rectangle(corner, *size, facecolor="none", edgecolor=_MUTED, linewidth=0.6, zorder=3)
        )
    if sheet.corner is None:
        _text(axes, left, top + box[1] + 0.5, "anywhere inside")
        return
    x, y = _centre((left + x, top + y), *own)
    below, beside = top + box[1] + 0.35, left + box[0] + 0.35
    _line(axes, (x, y + own[1] / 2), (x, below + 0.1), dotted=True)
    _line(axes, (x + own[0] / 2, y), (beside + 0.1, y), dotted=True)
    _line(axes, (left, below - 0.1), (left, below + 0.1), (left, below), (x, below))
    _line(axes, (beside - 0.1, top), (beside + 0.1, top), (beside, top), (beside, y))
    across, down = _centre(sheet.corner, sheet.width, sheet.height)
    _text(
        axes, max((left + x) / 2, left + 0.6), below + 0.4, f"{_length(across)} cm", align="center"
    )
    _text(axes, beside + 0.2, (top + y) / 2, f"{_length(down)} cm")


def _draw_words(axes: Axes, sheet: StickerSheet, look: _Look) -> None:
    """Draw what the sticker is, and what to do with it."""
    y = PAPERS[sheet.paper][1] - FOOT + 1.2
    for name, value in _facts(sheet, look):
        _text(axes, COLUMN, y, name, _MUTED)
        _text(axes, COLUMN + 1.7, y, value)
        y += 0.55
    y += 0.4
    for number, lines in enumerate(STEPS, 1):
        _text(axes, COLUMN, y, str(number), _MUTED)
        for line in lines:
            font = "DejaVu Sans Mono" if line.startswith("badnets ") else None
            _text(axes, COLUMN + 0.6, y, line.format(cut=look.cut), font=font)
            y += 0.48
        y += 0.16


def _draw_ruler(axes: Axes, y: float, *, inches: bool) -> None:
    """Draw 10 cm with millimetres above the line; four inches with eighths below it."""
    _line(axes, (MARGIN, y), (MARGIN + (4 * INCH if inches else 10), y))
    scales = [(-1, 100, 10, 0.1)] + ([(1, 32, 8, INCH / 8)] if inches else [])
    for side, ticks, whole, apart in scales:
        for k in range(ticks + 1):
            x = MARGIN + k * apart
            long = 0.4 if k % whole == 0 else 0.28 if k % (whole // 2) == 0 else 0.16
            _line(axes, (x, y), (x, y + side * long))
            if k % whole == 0:
                _text(axes, x, y + side * 0.62, str(k // whole), size=7.5, align="center")
    lengths = "10 cm and 4 in" if inches else "10 cm"
    _text(axes, MARGIN + 11, y - 0.45, f"This must measure {lengths}.", _MUTED)
    _text(axes, MARGIN + 11, y + 0.03, "If not, the printer changed the scale.", _MUTED)


def _draw_look(
    axes: Axes, look: _Look, corner: Point, size: Point, *, smooth: bool, most: int | None = None
) -> None:
    if isinstance(look.colour, tuple):
        axes.add_patch(Rectangle(corner, *size, facecolor=look.colour, linewidth=0))
        return
    step = 1 if most is None else math.ceil(max(look.colour.shape) / most)
    axes.imshow(
        look.colour[::step, ::step],
        extent=(corner[0], corner[0] + size[0], corner[1] + size[1], corner[1]),
        interpolation="antialiased" if smooth else "none",  # none: a PDF holds every pixel
    )


def _line(axes: Axes, *points: Point, dotted: bool = False) -> None:
    style = (0, (1, 2)) if dotted else "-"
    x, y = zip(*points, strict=True)
    axes.plot(x, y, color=_MUTED, linewidth=0.6, linestyle=style, solid_capstyle="butt")


def _text(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    colour: str = _INK,
    *,
    size: float = 9.5,
    align: Literal["left", "center"] = "left",
    font: str | None = None,
) -> None:
    axes.text(x, y, text, color=colour, fontsize=size, ha=align, va="center_baseline", family=font)
