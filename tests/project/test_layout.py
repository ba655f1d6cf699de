"""Modules say what is in them, and imports between the rooms run one way."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc"}


def modules(root: Path, *folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (root / folder).rglob("*.py"))


def test_every_module_says_what_is_in_it(root: Path) -> None:
    nameless = [
        path
        for path in modules(root, "src", "bench")
        if SAY_NOTHING
        & {part.removesuffix(".py").strip("_") for part in path.relative_to(root).parts}
    ]
    assert nameless == []


def test_the_package_is_typed(root: Path) -> None:
    assert (root / "src/badnets/py.typed").is_file()


def test_every_room_is_a_package_with_a_place(root: Path) -> None:
    tools = tomllib.loads((root / "pyproject.toml").read_text())["tool"]
    (layers,) = (each for each in tools["importlinter"]["contracts"] if each["type"] == "layers")
    placed = {name.strip("( )") for layer in layers["layers"] for name in layer.split("|")}
    package = root / "src/badnets"
    rooms = {path.name for path in package.iterdir() if path.is_dir() and path.name[0] != "_"}
    assert rooms <= placed
    assert all((package / room / "__init__.py").is_file() for room in rooms)


def test_imports_between_the_rooms_run_one_way(root: Path) -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [lint_imports, "--no-cache"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
