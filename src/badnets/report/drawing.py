"""Drawings as small, clean SVG: the same bytes for the same numbers, text as text.

Drawn in the light colours; `themed` turns those into CSS variables for a page that has both.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from badnets.report.page import Tone
from badnets.report.palette import COLOURS, light
from badnets.report.text import printable

FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
WIDTH = 440.0  # of a drawing that stands beside another
BAR = 22.0  # height of a colour scale below a drawing
SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
_INK, _MUTED, _LINE = (COLOURS[name].light for name in ("ink", "muted", "line"))
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: it can be read aloud, searched and is small
    "text.parse_math": False,  # a class may be called "$"
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so measures are the same anywhere
    "font.size": 11.0,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "axes.labelsize": 11.0,
    "axes.linewidth": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "grid.color": _LINE,
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _MUTED,
    "xtick.labelsize": 10.0,
    "ytick.labelsize": 10.0,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "lines.linewidth": 2.0,
    "lines.markersize": 5.0,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
_DRAWING = Lock()  # matplotlib's settings are global: one drawing at a time
_COLOUR_NAMES = {colour.light: name for name, colour in COLOURS.items()}
_DECIMAL = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")

ET.register_namespace("", SVG)


class Drawing:
    """A matplotlib figure that becomes SVG.

    Args:
        width: in pixels.
        height: in pixels.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / 72, height / 72))
        FigureCanvasSVG(self.figure)
        self.titles: dict[str, str] = {}

    def axes(self, left: float, top: float, right: float, bottom: float) -> Axes:
        """Return axes with these margins to the drawing's edges, in pixels."""
        return self.figure.add_axes(
            (
                left / self.width,
                bottom / self.height,
                (self.width - left - right) / self.width,
                (self.height - top - bottom) / self.height,
            )
        )

    def words(
        self, left: float, top: float, text: str, tone: Tone = "muted", *, size: float = 11,
        across: str = "left", down: str = "center",
    ) -> None:  # fmt: skip
        """Write text at a place counted from the left and the top, in pixels."""
        self.figure.text(
            left / self.width, 1 - top / self.height, text, color=light(tone), ha=across, va=down,
            fontsize=size,
        )  # fmt: skip

    def legend(self, handles: Sequence[Line2D], across: int = 2, length: float = 1.7) -> None:
        """Draw a legend above everything, in so many columns."""
        self.figure.legend(
            handles=list(handles), loc="upper left", bbox_to_anchor=(0, 1), ncols=across,
            borderpad=0.0, borderaxespad=0.3, handlelength=length, columnspacing=1.2,
            labelspacing=0.35,
        )  # fmt: skip

    def scale(self, colours: NDArray[np.floating], ends: tuple[str, str]) -> None:
        """Draw the scale of a map's colours along the lower edge, with what its ends stand for.

        Args:
            colours: ``(1, N, 4)`` RGBA in [0, 1], from the least to the most.
            ends: what the first and the last stand for.
        """
        left = right = min(100.0, self.width / 3)
        middle = self.height - BAR / 2 + 2
        axes = self.axes(left, middle - 5, right, self.height - middle - 5)
        axes.imshow(colours, aspect="auto", interpolation="nearest")
        axes.set_axis_off()
        self.words(left - 8, middle, ends[0], size=10, across="right")
        self.words(self.width - right + 8, middle, ends[1], size=10)

    def title(self, text: str) -> str:
        """Return a name that, as an artist's ``gid``, shows ``text`` when it is pointed at."""
        name = f"titled-{len(self.titles)}"
        self.titles[name] = text
        return name

    def svg(self, salt: str) -> str:
        """Return the drawing; identifiers start with ``salt``, so that two can share a page."""
        buffer = io.StringIO()
        matplotlib.rcParams["svg.hashsalt"] = salt
        with warnings.catch_warnings():
            # text stays text: a reader's font has the letters that the measuring one has not
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            self.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        return _cleaned(printable(buffer.getvalue()), salt, self.titles, self.width, self.height)


@contextmanager
def drawing(width: float, height: float) -> Iterator[Drawing]:
    """Yield a drawing; its ``svg`` is to be called inside the block.

    Args:
        width: in pixels; a page shows it at about this size.
        height: in pixels.
    """
    with _DRAWING, matplotlib.rc_context(_SETTINGS):
        yield Drawing(width, height)


def themed(svg: str, alt: str) -> str:
    """Return a drawing for a page with light and dark ground: colours become CSS variables.

    Args:
        svg: from this module.
        alt: the drawing in words.
    """
    root = ET.fromstring(svg)
    root.set("role", "img")
    root.set("aria-label", printable(alt))
    text = ET.tostring(root, encoding="unicode")
    return re.sub(
        "|".join(map(re.escape, _COLOUR_NAMES)),
        lambda found: f"var(--{_COLOUR_NAMES[found[0]]})",
        text,
    )


def on_ground(svg: str) -> str:
    """Return a drawing as a file of its own, on light ground whatever is behind it."""
    root = ET.fromstring(svg)
    ground = {"width": "100%", "height": "100%", "fill": COLOURS["ground"].light}
    root.insert(0, ET.Element(f"{{{SVG}}}rect", ground))
    return ET.tostring(root, encoding="unicode") + "\n"


def _cleaned(svg: str, salt: str, titles: Mapping[str, str], width: float, height: float) -> str:
    root = ET.fromstring(svg)
    root.attrib.clear()
    root.set("viewBox", f"0 0 {width:g} {height:g}")
    root.set("width", f"{width:g}")
    root.set("height", f"{height:g}")
    root.set("font-family", FONTS)
    root.set("stroke-linejoin", "round")
    for child in list(root):
        if child.tag == f"{{{SVG}}}metadata" or child.find(f"{{{SVG}}}style") is not None:
            root.remove(child)
    used = _references(root)
    for element in root.iter():
        _clean_element(element, salt, titles, used)
    _flatten(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _references(root: ET.Element) -> set[str]:
    found: set[str] = set()
    for element in root.iter():
        for name, value in element.attrib.items():
            found.update(_REFERENCE.findall(value))
            if name.endswith("href") and value.startswith("#"):
                found.add(value[1:])
    return found


def _clean_element(
    element: ET.Element, salt: str, titles: Mapping[str, str], used: set[str]
) -> None:
    name = element.attrib.pop("id", "")
    if name in used:
        element.set("id", f"{salt}-{name}")
    if name in titles:
        title = ET.Element(f"{{{SVG}}}title")
        title.text = printable(titles[name])
        element.insert(0, title)
        element.set("class", "titled")
    href = element.attrib.pop(f"{{{XLINK}}}href", None)
    if href is not None:
        element.set(
            "href", f"#{salt}-{href[1:]}" if href.startswith("#") else "".join(href.split())
        )
    for key, value in element.attrib.items():
        if key in ("href", "aria-label"):
            continue
        value = _REFERENCE.sub(rf"url(#{salt}-\1)", value)
        if key == "style":
            value = re.sub(r"font-family: [^;]+; ?", "", value).replace(": ", ":")
            value = value.replace("; ", ";")
        if key == "transform":
            value = re.sub(r"^rotate\(-0 [^)]*\)$", "", value)
        element.attrib[key] = _DECIMAL.sub(_rounded, " ".join(value.split()))
    if element.get("transform") == "":
        del element.attrib["transform"]
    if element.tag != f"{{{SVG}}}text":
        element.text = None if not (element.text or "").strip() else element.text
    element.tail = None


def _rounded(found: re.Match[str]) -> str:
    text = f"{float(found[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _flatten(element: ET.Element) -> None:
    """Replace groups that say nothing by what is in them."""
    children: list[ET.Element] = []
    for child in list(element):
        _flatten(child)
        plain = child.tag == f"{{{SVG}}}g" and not child.attrib
        children.extend(child if plain else [child])
    for child in list(element):
        element.remove(child)
    element.extend(children)
