"""badnets sticker: a page at true size, or one line that says why not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from badnets.core.placements import Relative
from badnets.core.triggers import DrawnSticker, Patch, RegionTrigger
from badnets.report.sticker_sheet import Sign, sticker_sheet
from tests.cli.conftest import Cli


@pytest.mark.parametrize(
    ("asked", "trigger"),
    [
        ("yellow-square", Patch.yellow_square()),
        ("bomb", DrawnSticker("bomb")),
        ("flower", DrawnSticker("flower")),
        ("drawn-sticker:flower", DrawnSticker("flower")),
        (
            "{kind: patch, size: 0.2, placement: {kind: relative, x: 0.5}}",
            Patch(0.2, placement=Relative(x=0.5)),
        ),
    ],
)
def test_names_and_mappings_are_drawn(
    cli: Cli, tmp_path: Path, asked: str, trigger: RegionTrigger
) -> None:
    ended = cli("sticker", "--trigger", asked, "--sign-width", "30", "--out", "a.pdf")
    assert (ended.code, ended.out, ended.err) == (0, "a.pdf\n", "")
    assert (tmp_path / "a.pdf").read_bytes() == sticker_sheet(trigger, Sign(30, 30)).draw("pdf")


def test_without_options_it_is_the_post_it_on_a_stop_sign(cli: Cli, tmp_path: Path) -> None:
    assert cli("sticker").out == "sticker.pdf\n"
    page = (tmp_path / "sticker.pdf").read_bytes()
    assert page == sticker_sheet(Patch.yellow_square(), Sign(76.2, 76.2)).draw("pdf")


def test_paper_height_and_a_picture_of_the_page(cli: Cli, tmp_path: Path) -> None:
    ended = cli(
        "sticker", "--paper", "letter", "--sign-width", "60", "--sign-height", "75",
        "--out", "new/a.pdf", "--png", "new/a.png",
    )  # fmt: skip
    assert (ended.code, ended.out) == (0, "new/a.pdf\nnew/a.png\n")
    sheet = sticker_sheet(Patch.yellow_square(), Sign(60, 75), "letter")
    assert (tmp_path / "new/a.pdf").read_bytes() == sheet.draw("pdf")
    with Image.open(tmp_path / "new/a.png") as page:
        assert page.size == (850, 1100)


def test_a_page_is_the_same_in_another_process(cli: Cli, tmp_path: Path) -> None:
    cli("sticker", "--sign-width", "30", "--out", "a.pdf")
    argv = [sys.executable, "-m", "badnets", "sticker", "--sign-width", "30", "--out", "b.pdf"]
    subprocess.run(argv, cwd=tmp_path, check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_a_file_of_that_name_is_replaced_by_a_whole_one(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_text("old")
    assert cli("sticker", "--out", "a.pdf").code == 0
    page = (tmp_path / "a.pdf").read_bytes()
    assert page.startswith(b"%PDF-")
    assert page.rstrip().endswith(b"%%EOF")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--trigger", "patch"), "size in pixels (3)"),
        (("--trigger", "patch:0.1"), "place in pixels"),
        (("--trigger", "warp"), "of kind warp is no sticker"),
        (("--trigger", "single-pixel"), "of kind single-pixel is no sticker"),
        (("--trigger", "flowr"), "unknown trigger 'flowr': did you mean 'flower'"),
        (("--trigger", "{kind: drawn-sticker, drawing: cat}"), "--trigger: drawing"),
        (("--trigger", "{kind: patch"), "--trigger, line 1: not valid YAML"),
        (("--trigger", "sticker:none.png"), "none.png"),
        (("--trigger", "bomb", "--sign-width", "200"), "does not fit a4 paper"),
        (("--sign-width", "0.762"), "too small"),
        (("--sign-width", "-1"), "the sign's width"),
        (("--sign-height", "nan"), "the sign's height"),
        (("--sign-width", "wide"), "--sign-width"),
        (("--paper", "a3"), "a4"),
        (("--png", "./a.pdf"), "one file"),
    ],
)
def test_what_cannot_be_printed_is_one_line_and_no_file(
    cli: Cli, tmp_path: Path, argv: tuple[str, ...], said: str
) -> None:
    (tmp_path / "a.pdf").write_text("old")
    assert said in cli("sticker", "--out", "a.pdf", *argv).refused(2)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pdf"]
    assert (tmp_path / "a.pdf").read_text() == "old"


def test_a_place_that_cannot_be_written_is_one_line_and_no_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert "cannot write file/a.pdf" in cli("sticker", "--out", "file/a.pdf").refused(3)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_help_imports_neither_torch_nor_matplotlib() -> None:
    program = (
        "import sys\nfrom badnets.cli.main import main\nmain(['sticker', '--help'])\n"
        "sys.exit(bool({'torch', 'matplotlib', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    assert "--sign-width" in done.stdout
