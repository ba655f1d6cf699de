"""The command line, called as a person calls it, in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from badnets.cli.main import main


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    def refused(self, code: int = 2, *, after_work: bool = False) -> str:
        """Return the one line that a refusal is; after work, lines of progress come before it."""
        assert self.code == code, self
        assert "Traceback" not in self.err
        *progress, line = self.err.splitlines()
        assert after_work or not progress, self.err
        assert line.startswith("badnets: ")
        return line.removeprefix("badnets: ")


Cli = Callable[..., Ended]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Return a function that runs a command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("BADNETS_WORKSPACE", "BADNETS_DATA", "BADNETS_DEVICE", "BADNETS_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)

    def call(*argv: str) -> Ended:
        capsys.readouterr()
        code = main([str(part) for part in argv])
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return call
