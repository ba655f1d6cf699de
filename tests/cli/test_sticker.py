"""badnets sticker: a page at true size, or one line that says why not."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Cli

A4, LETTER = (8.27, 11.69), (8.5, 11)  # inches


@pytest.mark.parametrize(
    ("argv", "paper"),
    [
        ("", A4),
        ("--trigger bomb --sign-width 30", A4),
        ("--trigger flower --sign-width 30", A4),
        ("--trigger drawn-sticker:flower --sign-width 30", A4),
        ("--sign-width 30 --trigger '{kind: patch, size: 0.2, placement: relative}'", A4),
        ("--paper letter --sign-width 60 --sign-height 75", LETTER),
    ],
)
def test_a_page_prints_at_its_own_size_and_is_the_same_in_another_process(
    cli: Cli, tmp_path: Path, argv: str, paper: tuple[float, float]
) -> None:
    ended = cli("sticker", *shlex.split(argv), "--out", "new/a.png")
    assert (ended.code, ended.out, ended.err) == (0, "new/a.png\n", "")
    with Image.open(tmp_path / "new" / "a.png") as page:
        dots = page.info["dpi"]
        inches = [side / dpi for side, dpi in zip(page.size, dots, strict=True)]
        assert inches == pytest.approx(paper, abs=0.02)
        assert min(dots) >= 100
    if not argv:
        command = [sys.executable, "-m", "badnets", "sticker", "--png", "b.png"]
        subprocess.run(command, cwd=tmp_path, check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
        assert (tmp_path / "new/a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_file_of_that_name_is_replaced_by_a_whole_one(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sticker.png").write_text("old")
    assert cli("sticker").out == "sticker.png\n"
    with Image.open(tmp_path / "sticker.png") as page:
        page.load()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("--trigger patch", "size in pixels (3)"),
        ("--trigger patch:0.1", "place in pixels"),
        ("--trigger warp", "of kind warp is no sticker"),
        ("--trigger single-pixel", "of kind single-pixel is no sticker"),
        ("--trigger flowr", "unknown trigger 'flowr': did you mean 'flower'"),
        ("--trigger '{kind: drawn-sticker, drawing: cat}'", "--trigger: drawing"),
        ("--trigger '{kind: patch'", "--trigger, line 1: not valid YAML"),
        ("--trigger sticker:none.png", "none.png"),
        ("--trigger bomb --sign-width 200", "does not fit a4 paper"),
        ("--sign-width 0.762", "too small"),
        ("--sign-width -1", "the sign's width"),
        ("--sign-height nan", "the sign's height"),
        ("--sign-width wide", "--sign-width"),
        ("--paper a3", "a4"),
        ("--out a.pdf", "written as PNG"),
    ],
)
def test_what_cannot_be_printed_is_one_line_and_no_file(
    cli: Cli, tmp_path: Path, argv: str, said: str
) -> None:
    (tmp_path / "sticker.png").write_text("old")
    assert said in cli("sticker", *shlex.split(argv)).refused(2)
    assert [path.name for path in tmp_path.iterdir()] == ["sticker.png"]
    assert (tmp_path / "sticker.png").read_text() == "old"
