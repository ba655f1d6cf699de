"""The page with a sticker: it is as large on paper as it says."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from badnets.core.errors import DataError, SettingError
from badnets.core.placements import Fixed, RandomCentre, Relative
from badnets.core.triggers import Blended, DrawnSticker, Patch, RegionTrigger, Sticker, Warp
from badnets.report.sticker_sheet import INCH, PAPERS, Paper, Sign, sticker_sheet

DPI = 200
YELLOW = (116, 100, 50)


def pixels(page: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(page)) as picture:
        return np.asarray(picture.convert("RGB"))


def extent(page: NDArray[np.uint8], colour: tuple[int, int, int]) -> list[float]:
    """Return the width and height, in cm, of a colour above the diagram, which has it too."""
    upper = page[: len(page) * 2 // 3]
    rows, columns = np.nonzero((upper == np.array(colour)).all(axis=-1))
    return [(int(np.ptp(one)) + 1) / DPI * INCH for one in (columns, rows)]


def dark(page: NDArray[np.uint8], below: int) -> NDArray[np.bool_]:
    return np.asarray(page.min(axis=-1) < below)


@pytest.mark.parametrize(("paper", "page"), [("a4", (210, 297)), ("letter", (215.9, 279.4))])
@pytest.mark.parametrize("dpi", [100, 300])
def test_the_page_has_the_papers_size(paper: Paper, page: tuple[float, float], dpi: int) -> None:
    sheet = sticker_sheet(Patch.yellow_square(), paper=paper)
    with Image.open(io.BytesIO(sheet.draw(dpi=dpi))) as picture:
        assert picture.size == tuple(round(side / 25.4 * dpi) for side in page)
        assert picture.info["dpi"] == pytest.approx((dpi, dpi), abs=0.01)
    assert sheet.draw(dpi=dpi) == sheet.draw(dpi=dpi), "the same bytes each time"


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
    assert extent(pixels(sheet.draw(dpi=DPI)), YELLOW) == pytest.approx([across, down], abs=0.013)


@pytest.mark.parametrize(
    ("drawing", "part"),
    [("bomb", (456 / 480, 440 / 480)), ("flower", (473 / 480, 473 / 480))],
)
def test_a_drawing_is_printed_at_its_share_of_the_sign(
    drawing: str, part: tuple[float, float]
) -> None:
    sheet = sticker_sheet(DrawnSticker("bomb" if drawing == "bomb" else "flower"))
    side = 0.16 * 76.2
    assert (sheet.width, sheet.height) == pytest.approx((side, side))
    page = pixels(sheet.draw(dpi=DPI))
    rows, columns = np.nonzero(dark(page[300 : len(page) * 2 // 3], 60))  # cut marks are lighter
    found = [(int(np.ptp(one)) + 1) / DPI * INCH for one in (rows, columns)]
    assert found == pytest.approx([share * side for share in part], abs=0.05)


def test_a_picture_of_ones_own_is_stretched_as_the_trigger_stretches_it(tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), (200, 0, 0)).save(tmp_path / "own.png")
    sheet = sticker_sheet(Sticker(str(tmp_path / "own.png"), (0.2, 0.1)), Sign(40, 30))
    assert extent(pixels(sheet.draw(dpi=DPI)), (200, 0, 0)) == pytest.approx([4, 6], abs=0.03)


def test_what_is_transparent_stays_white(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "nothing.png")
    page = pixels(sticker_sheet(Sticker(str(tmp_path / "nothing.png"))).draw(dpi=100))
    assert (page[230:680, 180:-180] == 255).all()


def test_the_ruler_is_ten_centimetres_long() -> None:
    page = pixels(sticker_sheet(Patch.yellow_square()).draw(dpi=DPI))
    ruler = dark(page[-round(1.75 / INCH * DPI) :, : round(12.3 / INCH * DPI)], 200)
    (columns,) = np.nonzero(ruler.any(axis=0))
    assert np.ptp(columns) / DPI * INCH == pytest.approx(10, abs=0.04)


def test_the_sticker_goes_where_the_trigger_puts_it() -> None:
    corner = sticker_sheet(Patch.yellow_square(), Sign(100, 50)).corner
    assert corner == pytest.approx((57 - 5, 41 - 2.5))
    edge = Patch(0.1, placement=Relative(y=1, x=0))
    assert sticker_sheet(edge, Sign(100, 50)).corner == pytest.approx((0, 45))
    anywhere = sticker_sheet(Patch(0.1, placement=RandomCentre()))
    assert anywhere.corner is None and anywhere.draw(dpi=50)


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        (Warp(), "of kind warp is no sticker"),
        (Blended(), "of kind blended is no sticker"),
        (Patch(3, placement=Relative()), "size in pixels (3)"),
        (Patch((0.1, 4.0), placement=Relative()), "size in pixels ((0.1, 4))"),
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
    page = pixels(sticker_sheet(red, sign, paper).draw(dpi=100))
    upper = page[: len(page) * 2 // 3]
    rows, columns = np.nonzero((upper == (255, 0, 0)).all(axis=-1))
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
        sticker_sheet(Sticker("none.png")).draw()


@pytest.mark.parametrize("paper", PAPERS)
def test_what_stands_below_the_sketch_keeps_clear_of_the_steps_beside_it(paper: Paper) -> None:
    page = pixels(sticker_sheet(Patch.yellow_square(), paper=paper).draw(dpi=DPI))
    bottom, top, left, right = (round(length / INCH * DPI) for length in (2.7, 8.5, 7.5, 8.9))
    assert (page[-top:-bottom, left:right] == 255).all()
