"""What must start at once, or work where torch is not installed, imports no torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "torchvision", "timm", "sklearn", "matplotlib", "pyarrow")
LIGHT = [
    "badnets",
    "badnets.core",
    "badnets.core.errors",
    "badnets.core.lookup",
    "badnets.bundles",
    "badnets.cli",
    "badnets.cli.main",
]


def heavy_after(statement: str) -> str:
    """The heavy packages that are loaded once ``statement`` has run in a new Python."""
    code = f"import sys\n{statement}\nprint(*sorted(sys.modules.keys() & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", LIGHT)
def test_a_light_module_imports_nothing_heavy(module: str) -> None:
    assert heavy_after(f"import {module}") == ""


def test_every_room_exports_lazily(root: Path) -> None:
    rooms = sorted(path.parent.name for path in (root / "src/badnets").glob("*/__init__.py"))
    assert rooms
    assert heavy_after("\n".join(f"import badnets.{room}" for room in rooms)) == ""


def test_every_public_name_can_be_imported(root: Path) -> None:
    rooms = sorted(path.parent.name for path in (root / "src/badnets").glob("*/__init__.py"))
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    package = importlib.import_module(name)\n"
        "    for public in getattr(package, '__all__', ()):\n"
        "        getattr(package, public)\n"
        "    missing = set(getattr(package, '__all__', ())) - set(dir(package))\n"
        "    assert not missing, f'{name}: not in dir(): {missing}'\n"
    )
    names = ["badnets", *(f"badnets.{room}" for room in rooms)]
    done = subprocess.run(
        [sys.executable, "-c", code, *names],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
