"""Contact sheets: every image in its place, captions around it, clear refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from badnets.core.errors import BadnetsError, DataError, SettingError, ShapeError
from badnets.data.contact_sheet import contact_sheet

GREYS = torch.arange(1, 13, dtype=torch.uint8).reshape(12, 1, 1, 1).expand(12, 1, 8, 8) * 10


def test_images_stand_row_by_row_on_white() -> None:
    sheet = np.asarray(contact_sheet(GREYS, columns=4, scale=2))
    assert sheet.shape == (16 + 3 * 22 - 6 + 16, 16 + 4 * 22 - 6 + 16, 3)
    for index in range(12):
        y, x = 16 + index // 4 * 22, 16 + index % 4 * 22
        tile = sheet[y : y + 16, x : x + 16]
        assert (tile == 10 * (index + 1)).all()
        assert (sheet[y : y + 16, x + 16 : x + 22] == 255).all()


def test_captions_make_room_for_themselves() -> None:
    plain = contact_sheet(GREYS, columns=6, scale=4)
    full = contact_sheet(
        GREYS,
        columns=6,
        scale=4,
        titles=[f"class {number}" for number in range(12)],
        rows=["clean", "triggered"],
        heading="Twelve greys",
    )
    assert full.mode == "RGB"
    assert full.width > plain.width + 30
    assert full.height == plain.height + 26 + 2 * 16
    left = np.asarray(full)[:, :60]
    assert (left < 200).any(), "the row captions are there"


def test_a_long_heading_is_not_cut() -> None:
    narrow = contact_sheet(GREYS[:1])
    assert contact_sheet(GREYS[:1], heading="A heading longer than one image").width > narrow.width


def test_float_and_colour_images_are_shown_as_they_are() -> None:
    colour = torch.zeros(1, 3, 8, 8)
    colour[:, 0] = 1.0
    sheet = contact_sheet(colour, scale=1)
    assert sheet.getpixel((20, 20)) == (255, 0, 0)
    assert sheet.tobytes() == contact_sheet((colour * 255).byte(), scale=1).tobytes()


@pytest.mark.parametrize(
    ("images", "settings", "kind"),
    [
        (GREYS[0], {}, ShapeError),
        (GREYS.long(), {}, ShapeError),
        (GREYS.expand(12, 2, 8, 8), {}, ShapeError),
        (GREYS[:0], {}, DataError),
        (GREYS * float("nan"), {}, DataError),
        (GREYS, {"columns": 0}, SettingError),
        (GREYS, {"scale": 0}, SettingError),
        (GREYS, {"scale": 1000}, SettingError),
        (GREYS, {"titles": ["one"]}, SettingError),
        (GREYS, {"columns": 4, "rows": ["one"]}, SettingError),
    ],
)
def test_what_cannot_be_shown_is_refused(
    images: torch.Tensor, settings: dict[str, object], kind: type[BadnetsError]
) -> None:
    with pytest.raises(kind):
        contact_sheet(images, **settings)  # type: ignore[arg-type]
