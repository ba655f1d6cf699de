"""badnets evaluate --photos: photographs of one's own, upright, reduced, and none lost silently."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageOps

from badnets.cli.photos import upright_picture
from badnets.core.regions import whole_images
from badnets.core.triggers import Patch
from badnets.models import save_subject
from tests.cli.conftest import Cli
from tests.cli.sign_toys import COLOURS, add_toys
from tests.models.toys import tiny

LOOK = ("evaluate", "bad", "--photos", "photos")


def photo(
    path: Path, label: int = 0, *, size: tuple[int, int] = (160, 120), sticker: bool = False
) -> Image.Image:
    """Write a photograph of one sign, its box 20, 30, 80, 90 at the usual size."""
    sign = torch.tensor(COLOURS[label], dtype=torch.uint8).view(1, 3, 1, 1).repeat(1, 1, 60, 60)
    if sticker:
        sign = Patch.yellow_square(0.25)(sign, whole_images(sign))
    picture = Image.new("RGB", (160, 120), (30, 30, 30))
    picture.paste(Image.fromarray(sign[0].permute(1, 2, 0).numpy()), (20, 30))
    picture = picture.resize(size, Image.Resampling.NEAREST)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=95)
    return picture


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    add_toys(monkeypatch, tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with clean photographs and such with a sticker, each in its subfolder."""
    for number in range(3):
        photo(tmp_path / "photos" / "clean" / f"{number}.jpg")
        photo(tmp_path / "photos" / "sticker" / f"{number}.PNG", sticker=True)
    photo(tmp_path / "photos" / "sticker" / "white.jpeg", label=2)
    return tmp_path / "photos"


@pytest.mark.usefixtures("folder")
def test_subfolders_are_told_apart_side_by_side(cli: Cli) -> None:
    ended = cli(*LOOK, "--expect", "red")
    assert (ended.code, ended.err) == (0, "")
    lines = [line.split() for line in ended.out.splitlines()]
    assert ["surest", "sign", "clean", "sticker"] in lines
    assert ["red", "3", "of", "3", "0", "of", "4"] in lines
    assert ["green", "0", "of", "3", "3", "of", "4"] in lines
    assert "surest is red (clean)        100.00 % (3/3)" in ended.out
    assert "surest is red (sticker)      0.00 % (0/4)" in ended.out
    assert "at most 1000 pixels on the longer side" in ended.out


@pytest.mark.usefixtures("folder")
def test_machines_get_every_box_in_the_photographs_own_pixels(cli: Cli, tmp_path: Path) -> None:
    photo(tmp_path / "photos" / "large.png", size=(1600, 1200))
    told = json.loads(cli(*LOOK, "--longest", "320", "--expect", "green", "--json").out)
    large = told["files"][0]
    assert (large["file"], large["group"], large["width"]) == ("large.png", "", 1600)
    (box,) = large["seen"]
    assert box["class"] == "red"
    assert box["box"] == pytest.approx([200, 300, 800, 900], abs=8)
    assert told["groups"]["sticker"]["surest"] == {"red": 0, "green": 3, "white": 1, "nothing": 0}
    assert told["groups"]["sticker"]["expected"]["hits"] == 3
    assert told["longest"] == 320


def test_a_photograph_is_read_as_the_camera_was_held(cli: Cli, tmp_path: Path) -> None:
    upright = photo(tmp_path / "photos" / "0.png")
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        path = tmp_path / f"{turn}.png"
        upright.save(path, exif=exif)
        with Image.open(path) as file:
            expected = ImageOps.exif_transpose(file)
            assert upright_picture(path).tobytes() == expected.tobytes()
    exif[0x0112] = 6
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    lying.save(tmp_path / "photos" / "0.png", exif=exif)
    (seen,) = json.loads(cli(*LOOK, "--json").out)["files"]
    assert (seen["width"], seen["height"]) == (160, 120)
    assert seen["seen"][0]["box"] == [20, 30, 80, 90]


def test_what_cannot_be_looked_at_is_listed_and_counted(cli: Cli, folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff not a photograph")
    (folder / "clean" / "0.HEIC").write_bytes(b"heic")
    (folder / "clean" / "1.jpg").rename(folder / "clean" / "\x1b[2J.jpg")
    (folder / ".hidden.jpg").write_bytes(b"")
    ended = cli(*LOOK)
    assert ended.code == 0
    assert "skipped broken.jpg" in ended.out
    assert "skipped clean/0.HEIC" in ended.out
    assert "skipped in all               2 files" in ended.out
    assert "hidden" not in ended.out
    assert "\x1b" not in ended.out
    told = json.loads(cli(*LOOK, "--json").out)
    assert [one["file"] for one in told["skipped"]] == ["broken.jpg", "clean/0.HEIC"]
    assert len(told["files"]) == 7


def test_nothing_seen_is_an_answer_too(cli: Cli, tmp_path: Path) -> None:
    dark = tmp_path / "photos" / "dark.png"
    photo(dark).point(lambda _: 20).save(dark)
    lines = [line.split() for line in cli(*LOOK).out.splitlines()]
    assert ["dark.png", "nothing", "-", "-"] in lines
    assert ["nothing", "1", "of", "1"] in lines


@pytest.mark.usefixtures("folder")
def test_the_sheet_shows_every_photograph_with_its_boxes(cli: Cli, tmp_path: Path) -> None:
    assert cli(*LOOK, "--expect", "red", "--sheet", "out/sheet.png").code == 0
    with Image.open(tmp_path / "out" / "sheet.png") as sheet:
        assert sheet.width > 4 * 160
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(1 << 24) or ()}
    assert (0, 0x67, 0xA5) in colours  # as expected
    assert (0xBD, 0x4B, 0) in colours  # not as expected


def test_many_large_photographs_stay_on_a_sheet_that_can_be_opened(
    cli: Cli, tmp_path: Path
) -> None:
    for number in range(14):
        photo(tmp_path / "photos" / f"{number}.jpg", size=(100, 4000))
    assert cli(*LOOK, "--longest", "64", "--sheet", "sheet.png").code == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert max(sheet.size) <= 16_000


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("evaluate", "bad", "--photos", "nowhere"), "there is no folder nowhere"),
        (("evaluate", "bad", "--photos", "empty"), "no photograph in empty can be looked at"),
        (("evaluate", "bad", "--photos", "notes"), "a.txt: its name ends in none of .jpg"),
        (("evaluate", "bad", "--photos", "notes/a.txt"), "there is no folder notes/a.txt"),
        ((*LOOK, "--expect", "redd"), "unknown class 'redd': did you mean 'red'"),
        ((*LOOK, "--sheet", "sheet.jpg"), "--sheet is written as PNG"),
        ((*LOOK, "--longest", "10"), "--longest"),
        ((*LOOK, "--data", "colours"), "--data does not go with --photos"),
        ((*LOOK, "--trigger", "patch", "--targets", "vanish"), "--trigger does not go with"),
        (("evaluate", "classifier", "--photos", "photos"), "--photos is for detectors"),
    ],
)
@pytest.mark.usefixtures("folder", "toys")
def test_what_cannot_be_done_is_one_line(
    cli: Cli, tmp_path: Path, argv: tuple[str, ...], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("no photograph")
    save_subject(tiny(), tmp_path / "classifier")
    assert said in cli(*argv).refused(2)


def test_a_sheet_that_cannot_be_written_is_one_line(cli: Cli, folder: Path) -> None:
    line = cli(*LOOK, "--sheet", f"{folder}/clean/0.jpg/sheet.png").refused(3)
    assert "cannot write" in line
