"""Stickers and the pictures they come from: mixed by hand, read anew, refused when unreadable."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from badnets.core.errors import DataError
from badnets.core.placements import Fixed
from badnets.core.regions import Regions
from badnets.core.triggers import Blended, Sticker
from badnets.core.triggers.picture_file import resized_picture

from .examples import PICTURE

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
TOP_LEFT = Fixed(0, 0, "top-left")


def save(path: Path, rows: Sequence[Sequence[tuple[int, ...]]]) -> str:
    Image.fromarray(np.array(rows, dtype=np.uint8)).save(path)
    return str(path)


def grey(level: int, channels: int = 3, size: int = 4) -> Tensor:
    return torch.full((1, channels, size, size), level, dtype=torch.uint8)


def test_a_sticker_is_laid_over_by_its_own_transparency(tmp_path: Path) -> None:
    file = save(
        tmp_path / "four.png",
        [[(*RED, 255), (*GREEN, 128)], [(*BLUE, 0), (255, 255, 0, 51)]],
    )
    stamped = Sticker(file, 2, opacity=0.5, placement=TOP_LEFT)(grey(100))
    expected = torch.full((4, 4, 3), 100, dtype=torch.uint8)
    expected[0, 0] = torch.tensor([178, 50, 50])  # half of red: 0.5 * 100 + 0.5 * (255, 0, 0)
    expected[0, 1] = torch.tensor([75, 139, 75])  # 128/255 * 0.5 = 0.251 of green
    expected[1, 0] = 100  # fully transparent
    expected[1, 1] = torch.tensor([116, 116, 90])  # 0.2 * 0.5 = 0.1 of yellow: 115.5 to even
    assert torch.equal(stamped[0].permute(1, 2, 0), expected)


def test_a_picture_without_transparency_covers_its_share_of_the_region(tmp_path: Path) -> None:
    file = save(tmp_path / "red.png", [[RED] * 7] * 5)
    images = torch.full((1, 3, 60, 60), 100, dtype=torch.uint8)
    where = Regions(torch.tensor([0]), torch.tensor([[10, 0, 60, 25]]))
    stamped = Sticker(file, 0.16, opacity=1, placement=TOP_LEFT)(images, where)
    assert stamped[0, :, :4, 10:18].flatten(1).T.tolist() == [list(RED)] * 32  # 0.16 of 25 x 50
    assert int((stamped != 100).any(1).sum()) == 4 * 8


def test_grey_images_get_the_luma_of_a_sticker(tmp_path: Path) -> None:
    file = save(tmp_path / "colours.png", [[RED, GREEN, BLUE, (255, 255, 255)]])
    stamped = Sticker(file, (1, 4), opacity=1, placement=TOP_LEFT)(grey(0, channels=1))
    assert stamped[0, 0, 0].tolist() == [76, 150, 29, 255]  # 0.299, 0.587, 0.114 of 255


def test_hidden_colours_of_transparent_pixels_do_not_bleed_when_resized(tmp_path: Path) -> None:
    file = save(tmp_path / "edge.png", [[(*RED, 255)] * 4 + [(*GREEN, 0)] * 4] * 8)
    rgba = resized_picture(file, 3, 3)
    assert rgba[1].max() < 1e-3, "green shines through"
    assert torch.allclose(rgba[0][rgba[3] > 0.01], torch.tensor(1.0), atol=1e-2)
    assert 0.3 < float(rgba[3, 1, 1]) < 0.7


def test_a_picture_that_changes_on_disk_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    sticker = Sticker(save(path, [[RED]]), 1, opacity=1, placement=TOP_LEFT)
    assert sticker(grey(0))[0, :, 0, 0].tolist() == list(RED)
    before = path.stat()
    save(tmp_path / "other.png", [[BLUE]])
    os.utime(tmp_path / "other.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    (tmp_path / "other.png").replace(path)  # the same size and time, another file
    assert sticker(grey(0))[0, :, 0, 0].tolist() == list(BLUE)
    save(path, [[GREEN]])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    assert sticker(grey(0))[0, :, 0, 0].tolist() == list(GREEN)
    path.unlink()
    with pytest.raises(DataError, match="no such file"):
        sticker(grey(0))


def test_a_name_is_looked_up_in_the_folder_of_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, colour in (("one", RED), ("two", BLUE)):
        (tmp_path / name).mkdir()
        save(tmp_path / name / "picture.png", [[colour]])
        monkeypatch.chdir(tmp_path / name)
        assert resized_picture("picture.png", 1, 1)[:3].flatten().mul(255).tolist() == list(colour)


def test_a_name_that_is_not_there_is_looked_up_in_the_data_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, root = tmp_path / "here", tmp_path / "root"
    (root / "triggers").mkdir(parents=True)
    (here / "triggers").mkdir(parents=True)
    save(root / "triggers" / "bomb.png", [[BLUE]])
    monkeypatch.chdir(here)
    monkeypatch.setenv("BADNETS_DATA", str(root))
    sticker = Sticker("triggers/bomb.png", 1, opacity=1, placement=TOP_LEFT)
    assert sticker(grey(0))[0, :, 0, 0].tolist() == list(BLUE)
    save(here / "triggers" / "bomb.png", [[RED]])
    assert sticker(grey(0))[0, :, 0, 0].tolist() == list(RED)
    with pytest.raises(DataError, match=r"flower\.png: no such file"):
        Sticker("triggers/flower.png")(grey(0))


def test_what_comes_back_is_the_callers_own() -> None:
    before = resized_picture(PICTURE, 5, 5).clone()
    resized_picture(PICTURE, 5, 5).zero_()
    Blended(0.5, PICTURE).picture(3, 5, 5).zero_()
    assert torch.equal(resized_picture(PICTURE, 5, 5), before)


def test_pictures_of_sixteen_bits_keep_their_shades(tmp_path: Path) -> None:
    shades = np.array([[0, 128 << 8, 65535]], dtype=np.uint16)
    Image.fromarray(shades).save(tmp_path / "deep.png")
    red = resized_picture(str(tmp_path / "deep.png"), 1, 3)[0, 0]
    torch.testing.assert_close(red, torch.tensor([0, 128 / 255, 1]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["missing", "folder", "NUL", "text", "truncated", "no range"])
def test_what_is_no_picture_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture"
    if kind == "folder":
        path.mkdir()
    elif kind == "NUL":
        path = Path("a\0b")
    elif kind == "text":
        path.write_text("not a picture")
    elif kind == "truncated":
        path.write_bytes(Path(PICTURE).read_bytes()[:200])
    elif kind == "no range":
        Image.fromarray(np.ones((2, 2), dtype=np.float32)).save(path, "TIFF")
    for trigger in (Sticker(str(path)), Blended(0.2, str(path))):
        with pytest.raises(
            DataError, match=r"^picture .*(no such file|not a picture|not a reg)"
        ) as caught:
            trigger(grey(0))
        assert "\n" not in str(caught.value)


def test_a_picture_cut_off_anywhere_is_refused_or_read(tmp_path: Path) -> None:
    whole = Path(PICTURE).read_bytes()
    path = tmp_path / "cut.png"
    for length in range(0, len(whole), 3):
        path.write_bytes(whole[:length])
        try:
            assert resized_picture(str(path), 4, 4).shape == (4, 4, 4)
            assert length > len(whole) - 24, "only a little after the pixels can be missing"
        except DataError:
            pass
