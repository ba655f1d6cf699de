"""``badnets audit inputs``: folders of pictures, some of them triggered, on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.audit.templates import TRIGGER, images, templates
from tests.cli.conftest import Cli, Ended

K = 3


def fill(folder: Path, each: int, triggered: int = 0) -> None:
    """Write pictures of the classes; the first few carry the trigger."""
    (folder / "more").mkdir(parents=True)
    stored = images(K, each).images.clone()
    stored[:triggered].flatten(1)[:, TRIGGER] = 255
    for number, one in enumerate(stored):
        inside = folder / "more" if number % 2 else folder
        Image.fromarray(one[0].numpy()).save(inside / f"{number}.png")


def loose(folder: Path, each: int) -> None:
    folder.mkdir()
    for number, one in enumerate(images(K, each).images):
        Image.fromarray(one[0].numpy()).save(folder / f"{number}.png")


@pytest.fixture
def ask(tmp_path: Path, cli: Cli) -> object:
    templates(K, target=1).save(tmp_path / "net")
    loose(tmp_path / "trusted", 70)

    def call(*argv: str) -> Ended:
        return cli("audit", "inputs", "net", *argv, "--allow-code", "--quiet")

    return call


def test_flagged_files_are_listed_and_counted(ask: Cli, tmp_path: Path) -> None:
    fill(tmp_path / "given", 20, triggered=12)
    ended = ask("given", "--clean", "trusted")
    assert ended.code == 1 and ended.err == ""
    for said in ("triggered inputs likely", "more/11.png", "c1", "20.00 % (12/60)"):
        assert said in ended.out
    told = json.loads(ask("folder:given", "--clean", "folder:trusted", "--json").out)
    assert {one["file"] for one in told["files"]} == {
        f"{'more/' if k % 2 else ''}{k}.png" for k in range(12)
    }
    assert told["p_value"] < told["level"] == 0.01 and told["threshold"] > 1


@pytest.mark.parametrize("rate", ["0.01", "0.05"])
def test_one_picture_that_is_flagged_is_a_finding_and_one_of_many_is_none(
    ask: Cli, tmp_path: Path, rate: str
) -> None:
    fill(tmp_path / "given", 20, triggered=1)
    (tmp_path / "alone").mkdir()
    shutil.copy(tmp_path / "given" / "0.png", tmp_path / "alone")
    told = ("--clean", "trusted", "--max-false-rejections", rate)
    alone = ask("alone", *told, "--json")
    assert alone.code == 1 and json.loads(alone.out)["conclusion"] == "triggered inputs likely"
    assert 0 < json.loads(alone.out)["p_value"] < float(rate) + 1e-9
    among = ask("given", *told)
    assert among.code == 0 and "0.png" in among.out and "a flag alone is no finding" in among.out


def test_clean_pictures_pass_and_what_cannot_be_read_is_not_checked(
    ask: Cli, tmp_path: Path
) -> None:
    fill(tmp_path / "given", 20)
    assert ask("given", "--clean", "trusted").code == 0
    (tmp_path / "given" / "broken.png").write_bytes(b"no picture")
    ended = ask("given", "--clean", "trusted")
    assert ended.code == 3 and "1 of 61 files" in ended.out and "broken.png" in ended.out


def test_too_few_clean_pictures_are_not_checked(ask: Cli, tmp_path: Path) -> None:
    fill(tmp_path / "given", 10, triggered=9)
    loose(tmp_path / "few", 20)
    ended = ask("given", "--clean", "few")
    assert ended.code == 3 and "needs 99 clean images to set the threshold" in ended.out
    assert ask("given", "--clean", "few", "--max-false-rejections", "0.05").code == 1


def test_wrong_usage_is_one_line(ask: Cli, tmp_path: Path) -> None:
    assert "no folder gone" in ask("folder:gone", "--clean", "trusted").refused()
    assert "unknown data set" in ask("gone", "--clean", "trusted").refused().lower()
    wrong = ask("trusted", "--clean", "trusted", "--method", "stripe").refused()
    assert "stripe" in wrong and "strip" in wrong
    (tmp_path / "empty").mkdir()
    assert "there is no input to look at" in ask("empty", "--clean", "trusted").refused()
