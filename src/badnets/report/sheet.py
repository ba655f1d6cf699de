"""Boxes and words as SVG, written directly: what needs no axes is drawn a hundred times faster."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from badnets.report.drawing import BAR, FONTS, SVG
from badnets.report.page import Tone
from badnets.report.palette import light
from badnets.report.text import printable


class Sheet:
    """A drawing in the light colours; places are pixels from the left and the top.

    Args:
        width: in pixels.
        height: in pixels.
        salt: unique on the page.
    """

    def __init__(self, width: float, height: float, salt: str) -> None:
        self.width, self.salt = width, salt
        size = {"viewBox": f"0 0 {width:g} {height:g}", "width": f"{width:g}"}
        size |= {"height": f"{height:g}", "font-family": FONTS}
        self.root = ET.Element(f"{{{SVG}}}svg", size)

    def words(
        self, left: float, base: float, text: str, tone: Tone = "plain", *, size: float = 11,
        anchor: str = "start", turned: bool = False,
    ) -> None:  # fmt: skip
        """Write text on a base line; turned, it runs upwards."""
        given = {"x": _short(left), "y": _short(base), "fill": light(tone)}
        given |= {"font-size": f"{size:g}", "text-anchor": anchor}
        if turned:
            given["transform"] = f"rotate(-90 {_short(left)} {_short(base)})"
        self._add("text", given).text = printable(text)

    def box(
        self, corner: tuple[float, float], side: float, tone: Tone, opacity: float | None,
        title: str = "",
    ) -> None:  # fmt: skip
        """Draw a square, filled; or its outline, without an opacity.

        Args:
            corner: left and top.
            side: in pixels.
            tone: its colour.
            opacity: in [0, 1].
            title: shown when it is pointed at.
        """
        given = {"x": _short(corner[0]), "y": _short(corner[1])}
        given |= {"width": _short(side), "height": _short(side)}
        if opacity is None:
            given |= {"fill": "none", "stroke": light(tone), "stroke-width": "1.8"}
        else:
            given |= {"fill": light(tone), "fill-opacity": _short(opacity)}
        if title:
            given["class"] = "titled"
        box = self._add("rect", given)
        if title:
            ET.SubElement(box, f"{{{SVG}}}title").text = printable(title)

    def scale(
        self, top: float, tone: Tone, opacities: tuple[float, float], ends: tuple[str, str]
    ) -> None:
        """Draw the scale of a tone, from one opacity to the other, with what its ends stand for."""
        name, middle = f"{self.salt}-scale", top + BAR / 2
        shades = self._add("linearGradient", {"id": name})
        for place, opacity in enumerate(opacities):
            given = {
                "offset": str(place),
                "stop-color": light(tone),
                "stop-opacity": f"{opacity:g}",
            }
            ET.SubElement(shades, f"{{{SVG}}}stop", given)
        wide = self.width - 200
        given = {"x": "100", "y": _short(middle - 5), "width": _short(wide), "height": "10"}
        self._add("rect", given | {"fill": f"url(#{name})"})
        self.words(92, middle + 4, ends[0], "muted", size=10, anchor="end")
        self.words(self.width - 92, middle + 4, ends[1], "muted", size=10)

    def svg(self) -> str:
        """Return the drawing."""
        return ET.tostring(self.root, encoding="unicode") + "\n"

    def _add(self, tag: str, given: dict[str, str]) -> ET.Element:
        return ET.SubElement(self.root, f"{{{SVG}}}{tag}", given)


def _short(length: float) -> str:
    return f"{length:.2f}".rstrip("0").rstrip(".")
