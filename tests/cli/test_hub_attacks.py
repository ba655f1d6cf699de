"""``badnets hub bench-attacks`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--group", "byte"), "no 'byte'; there are bytes, metadata"),
        (("--page", "x.txt"), "NAME.html or NAME.md"),
    ],
)
def test_wrong_use_is_told_before_anything_is_tried(
    cli: Cli, argv: tuple[str, ...], said: str
) -> None:
    assert said in cli("hub", "bench-attacks", *argv).refused(2)


@pytest.mark.slow
def test_text_json_and_page(cli: Cli, tmp_path: Path) -> None:
    ended = cli("hub", "bench-attacks", "--group", "interrupted", "--page", "bench.html")
    assert ended.code == 0 and "accepted by nature" in ended.out
    assert "tried, 0 accepted" in ended.out.splitlines()[0]
    assert (tmp_path / "bench.html").read_text().count("interrupted") > 1
    said = json.loads(cli("hub", "bench-attacks", "--group", "interrupted", "--json").out)
    assert said["accepted"] == 0 and len(said["rows"]) == said["tried"] > 10
