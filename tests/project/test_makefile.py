"""The Makefile makes the environment when it must, and only then.

A stand-in for Python records what it is asked to do, so nothing is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

STAND_IN = """#!/bin/sh
# A Python that notes its arguments, makes environments of itself, and fails when told to.
case "$*" in
  "--version") echo "Python 3.9.1"; exit 0 ;;
  *version_info*) test ! -e "$CLONE/old"; exit ;;
  "-m venv --clear .venv") rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
esac
echo "$*" >> "$CLONE/calls"
case "$*" in *requirements.lock*) test ! -e "$CLONE/offline" ;; esac
"""


class Clone:
    """A checkout with a stand-in for Python, and what that was asked to do."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name in ("Makefile", "pyproject.toml", "requirements.lock"):
            shutil.copy(root / name, folder)
        self.python = folder / "stand-in"
        self.python.write_text(STAND_IN)
        self.python.chmod(0o755)

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "CLONE": str(self.folder)}
        (self.folder / "calls").write_text("")
        return subprocess.run(
            ["make", f"PYTHON={self.python}", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def steps(self) -> list[str]:
        """What the last ``make`` did, in words."""
        known = {"venv": "make", "requirements.lock": "install", "--editable": "link"}
        calls = (self.folder / "calls").read_text().splitlines()
        return [next(known[word] for word in known if word in call) for call in calls]

    def append(self, name: str, text: str) -> None:
        with (self.folder / name).open("a") as file:
            file.write(text)


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Clone:
    return Clone(root, tmp_path / "clone")


@pytest.fixture
def ready(clone: Clone) -> Clone:
    assert clone.make("setup").returncode == 0
    assert clone.steps == ["make", "install", "link"]
    return clone


def test_a_complete_environment_is_left_alone(ready: Clone) -> None:
    for name in ("requirements.lock", "pyproject.toml"):
        os.utime(ready.folder / name)  # as a checkout does
    assert ready.make("setup").returncode == 0
    assert ready.steps == []


@pytest.mark.parametrize(
    ("name", "steps"),
    [("requirements.lock", ["install", "link"]), ("pyproject.toml", ["link"])],
)
def test_what_has_changed_is_made_again(ready: Clone, name: str, steps: list[str]) -> None:
    ready.append(name, "# another\n")
    assert ready.make("setup").returncode == 0
    assert ready.steps == steps


@pytest.mark.parametrize("complete_before", [False, True])
def test_an_install_that_broke_off_is_made_from_nothing(
    clone: Clone, complete_before: bool
) -> None:
    if complete_before:
        clone.make("setup")
        clone.append("requirements.lock", "# another\n")
    (clone.folder / "offline").touch()
    assert clone.make("setup").returncode != 0
    (clone.folder / "offline").unlink()
    assert clone.make("setup").returncode == 0
    assert clone.steps == ["make", "install", "link"]


def test_a_moved_clone_gets_an_environment_of_its_own(ready: Clone, tmp_path: Path) -> None:
    ready.folder = ready.folder.rename(tmp_path / "elsewhere")
    ready.python = ready.folder / "stand-in"
    assert ready.make("setup").returncode == 0
    assert ready.steps == ["make", "install", "link"]


def test_an_environment_without_its_python_is_made_again(ready: Clone) -> None:
    (ready.folder / ".venv/bin/python").unlink()
    assert ready.make("setup").returncode == 0
    assert ready.steps == ["make", "install", "link"]


def test_an_old_python_is_refused_in_one_line(clone: Clone) -> None:
    (clone.folder / "old").touch()
    done = clone.make("test")
    assert done.returncode != 0
    ours = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(ours) == 1
    assert "needs Python 3.11 or newer" in ours[0]
    assert "Python 3.9.1" in ours[0]
    assert "make test PYTHON=" in ours[0]
    assert not (clone.folder / ".venv").exists()
