"""The command line, called as a person calls it, in a folder of its own."""

from __future__ import annotations

import shutil
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


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of bundles, to be copied.

    ``bad`` is a detector that reads colours, with a backdoor; ``good`` has none; ``blank`` is an
    untrained small ZF; ``net`` is a small classifier.
    """
    from badnets.models import save_detector, save_subject
    from tests.cli.sign_toys import add_toys, blank, reader
    from tests.models.toys import tiny
    from tests.tasks.small import classification

    folder = tmp_path_factory.mktemp("bundles")
    with pytest.MonkeyPatch.context() as patched:
        classification().enter(patched)
        add_toys(patched)
        for name, backdoor in (("bad", True), ("good", False)):
            save_detector(reader(backdoor=backdoor), folder / name)
        save_detector(blank(), folder / "blank")
        save_subject(tiny(), folder / "net")
    return folder


@pytest.fixture
def sign_toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toys: object, bundles: Path) -> None:
    """Add small data sets and networks of both tasks to the tables, and bundles to the folder."""
    from tests.cli.sign_toys import add_toys

    add_toys(monkeypatch)
    shutil.copytree(bundles, tmp_path, dirs_exist_ok=True)
