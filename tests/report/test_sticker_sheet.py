"""The page with a sticker: it is as large on paper as it says."""

from __future__ import annotations

import io
import re
import zlib
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from badnets.core.errors import DataError, SettingError
from badnets.core.placements import Fixed, RandomCentre, Relative
from badnets.core.triggers import Blended, DrawnSticker, Patch, RegionTrigger, Sticker, Warp
from badnets.report.sticker_sheet import PAPERS, Paper, Sign, sticker_sheet

INCH = 2.54
POINT = INCH / 72
YELLOW = (116, 100, 50)


def pixels(page: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(page)) as picture:
        return np.asarray(picture.convert("RGB"))


def drawing_of(pdf: bytes) -> str:
    """Return what a PDF of one page tells the printer to draw."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    opened = [zlib.decompress(one) for one in streams if one.startswith(b"\x78")]
    (page,) = (one for one in opened if b"BT\n" in one)
    return " ".join(page.decode("latin-1").split())


def upper(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the part of a page above the small diagram, which has the same colours."""
    return page[: len(page) * 2 // 3]


def extent(found: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the height and the width, in pixels, of what was found."""
    rows, columns = np.nonzero(found)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def coloured(page: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray((page == np.array(colour)).all(axis=-1))


def dark(page: NDArray[np.uint8], below: int) -> NDArray[np.bool_]:
    return np.asarray(page.min(axis=-1) < below)


@pytest.mark.parametrize(("paper", "page"), [("a4", (210, 297)), ("letter", (215.9, 279.4))])
def test_the_page_has_the_papers_size(paper: Paper, page: tuple[float, float]) -> None:
    sheet = sticker_sheet(Patch.yellow_square(), paper=paper)
    boxes = re.findall(rb"/MediaBox \[ 0 0 (\S+) (\S+) \]", sheet.draw("pdf"))
    assert len(boxes) == 1
    assert [float(side) * POINT * 10 for side in boxes[0]] == pytest.approx(page, abs=1e-6)
    height, width = pixels(sheet.draw("png")).shape[:2]
    assert (width, height) == tuple(int(side / 25.4 * 100) for side in page)


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize(
    ("sign", "across", "down"),
    [(Sign(), 7.62, 7.62), (Sign(10, 10), 1, 1), (Sign(60, 90), 6, 9)],
)
def test_a_square_is_printed_at_a_tenth_of_the_sign(
    paper: Paper, sign: Sign, across: float, down: float
) -> None:
    sheet = sticker_sheet(Patch.yellow_square(), sign, paper)
    assert (sheet.width, sheet.height) == pytest.approx((across, down))
    found = coloured(upper(pixels(sheet.draw("png", dpi=100))), YELLOW)
    assert extent(found) == pytest.approx((down / INCH * 100, across / INCH * 100), abs=1.01)
    paths = re.findall(r"0.1960784314 rg ((?:\S+ \S+ [ml] )+)h", drawing_of(sheet.draw("pdf")))
    corners = [(float(x), float(y)) for x, y in re.findall(r"(\S+) (\S+) [ml]", paths[0])]
    for axis, length in ((0, across), (1, down)):
        ends = [corner[axis] * POINT for corner in corners]
        assert max(ends) - min(ends) == pytest.approx(length, abs=1e-4)


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize(
    ("drawing", "part"),
    [("bomb", (456 / 480, 440 / 480)), ("flower", (473 / 480, 473 / 480))],
)
def test_a_drawing_is_printed_at_its_share_of_the_sign(
    paper: Paper, drawing: str, part: tuple[float, float]
) -> None:
    trigger = DrawnSticker("bomb" if drawing == "bomb" else "flower")
    sheet = sticker_sheet(trigger, paper=paper)
    side = 0.16 * 76.2
    assert (sheet.width, sheet.height) == pytest.approx((side, side))
    matrices = re.findall(r"(\S+) 0 0 (\S+) 0 \S+ cm /I1 Do", drawing_of(sheet.draw("pdf")))
    assert [abs(float(one)) * POINT for one in matrices[0]] == pytest.approx((side, side))
    inside = upper(pixels(sheet.draw("png", dpi=200)))[300:]  # below the words
    found = [length / 200 * INCH for length in extent(dark(inside, 60))]  # cut marks are lighter
    assert found == pytest.approx([share * side for share in part], abs=0.05)


def test_a_picture_of_ones_own_is_stretched_as_the_trigger_stretches_it(tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), (200, 0, 0)).save(tmp_path / "own.png")
    sheet = sticker_sheet(Sticker(str(tmp_path / "own.png"), (0.2, 0.1)), Sign(40, 30))
    found = coloured(upper(pixels(sheet.draw("png", dpi=100))), (200, 0, 0))
    assert extent(found) == pytest.approx((6 / INCH * 100, 4 / INCH * 100), abs=2.01)


def test_what_is_transparent_stays_white(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "nothing.png")
    sheet = sticker_sheet(Sticker(str(tmp_path / "nothing.png")))
    page = pixels(sheet.draw("png"))
    middle = page[230:680, 180:-180]
    assert (middle == 255).all()


def test_the_ruler_is_ten_centimetres_long() -> None:
    page = drawing_of(sticker_sheet(Patch.yellow_square()).draw("pdf"))
    lines = re.findall(r"(\S+) (\S+) m (\S+) (\S+) l S", page)
    level = [abs(float(x) - float(to)) * POINT for x, y, to, end in lines if y == end]
    assert max(level) == pytest.approx(10, abs=1e-4)


def test_the_sticker_goes_where_the_trigger_puts_it() -> None:
    corner = sticker_sheet(Patch.yellow_square(), Sign(100, 50)).corner
    assert corner == pytest.approx((57 - 5, 41 - 2.5))
    edge = Patch(0.1, placement=Relative(y=1, x=0))
    assert sticker_sheet(edge, Sign(100, 50)).corner == pytest.approx((0, 45))
    assert sticker_sheet(Patch(0.1, placement=RandomCentre())).corner is None


@pytest.mark.parametrize("trigger", [Patch.yellow_square(), DrawnSticker("flower")])
def test_a_page_is_the_same_each_time_whatever_matplotlib_was_told(trigger: RegionTrigger) -> None:
    sheet = sticker_sheet(trigger, Sign(40, 40))
    page, picture = sheet.draw("pdf"), sheet.draw("png")
    with matplotlib.rc_context({"savefig.bbox": "tight", "figure.autolayout": True}):
        assert sheet.draw("pdf") == page
        assert sheet.draw("png") == picture
    assert b"CreationDate" not in page
    assert len(page) < 200_000


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        (Warp(), "of kind warp is no sticker"),
        (Blended(), "of kind blended is no sticker"),
        (Patch(3, placement=Relative()), "size in pixels (3)"),
        (Patch((0.1, 4.0), placement=Relative()), "size in pixels ((0.1, 4.0))"),
        (Patch(0.1, placement=Fixed()), "place in pixels"),
        (Patch(0.5, placement=Relative()), "38.1 x 38.1 cm, for a sign of 76.2 x 76.2 cm, does"),
        (Patch(0.001, placement=Relative()), "too small"),
    ],
)
def test_what_cannot_be_printed_is_refused(trigger: RegionTrigger, said: str) -> None:
    with pytest.raises(SettingError, match=re.escape(said)) as caught:
        sticker_sheet(trigger)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("paper", PAPERS)
def test_what_just_fits_is_on_the_page_and_clear_of_the_words(paper: Paper) -> None:
    with pytest.raises(SettingError, match="room for") as caught:
        sticker_sheet(Patch(0.9, placement=Relative()), Sign(900, 900), paper)
    ((across, down),) = re.findall(r"room for (\S+) x (\S+) cm", str(caught.value))
    sign = Sign(2 * (float(across) - 0.06), 2 * (float(down) - 0.06))
    red = Patch(0.5, (1.0, 0.0, 0.0), placement=Relative())
    page = pixels(sticker_sheet(red, sign, paper).draw("png", dpi=100))
    rows, columns = np.nonzero(coloured(upper(page), (255, 0, 0)))
    assert columns.min() > 1.5 / INCH * 100
    assert columns.max() < page.shape[1] - 1.5 / INCH * 100
    ink = np.nonzero(dark(page[:, columns.min() + 5 : columns.max() - 5], 200).any(axis=1))[0]
    above, below = ink[ink < rows.min()], ink[ink > rows.max()]
    assert rows.min() - above.max() > 0.6 / INCH * 100
    assert below.min() - rows.max() > 0.6 / INCH * 100


@pytest.mark.parametrize("length", [0.0, -1.0, float("nan"), float("inf")])
def test_a_sign_has_a_size(length: float) -> None:
    for bad in ((length, 10.0), (10.0, length)):
        with pytest.raises(SettingError, match="centimetres above 0"):
            Sign(*bad)


def test_a_picture_that_is_not_there_is_told() -> None:
    with pytest.raises(DataError, match=r"none\.png"):
        sticker_sheet(Sticker("none.png")).draw("pdf")
