"""The continuous build runs everything in order, and under CI=true skips nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

BASH = shutil.which("bash")
PROGRAMS = {"chromium": "chromium", "postgres": "postgresql"}  # program -> Debian's package
pytestmark = pytest.mark.skipif(BASH is None, reason="bash is not installed")


class Machine:
    """A machine that has nothing but what a test puts on it."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.run_file = root / ".ci/run"
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()
        for name in ("dirname", "cp"):
            found = shutil.which(name)
            assert found is not None
            (folder / name).symlink_to(found)
        self.has("make", 'test "$1" != "$BROKEN"')
        self.has("id", "echo 1000")

    def has(self, name: str, does: str = ":") -> None:
        script = self.folder / name
        script.write_text(f'#!{BASH}\necho "{name} $*" >> "{self.log}"\n{does}\n')
        script.chmod(0o755)

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(BASH), str(self.run_file)],
            env={"PATH": str(self.folder), "POSTGRESQL": str(self.folder), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def did(self, name: str) -> list[str]:
        lines = self.log.read_text().splitlines()
        return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]


@pytest.fixture
def machine(root: Path, tmp_path: Path) -> Machine:
    return Machine(root, tmp_path)


def test_it_runs_lint_tests_demo_and_base_in_order(machine: Machine) -> None:
    for name in PROGRAMS:
        machine.has(name)
    done = machine.run(CI="true")
    assert done.returncode == 0, done.stderr
    assert machine.did("make") == ["lint", "test", "demo", "base"]


@pytest.mark.parametrize("broken", ["lint", "test", "demo", "base"])
def test_it_stops_at_what_fails(machine: Machine, broken: str) -> None:
    for name in PROGRAMS:
        machine.has(name)
    assert machine.run(BROKEN=broken).returncode != 0
    assert machine.did("make")[-1] == broken


@pytest.mark.parametrize("missing", PROGRAMS)
def test_without_a_program_it_goes_on_but_not_in_a_continuous_build(
    machine: Machine, missing: str
) -> None:
    for name in PROGRAMS.keys() - {missing}:
        machine.has(name)
    assert machine.run().returncode == 0
    assert machine.did("make") == ["lint", "test", "demo", "base"]
    machine.log.write_text("")
    done = machine.run(CI="true")
    assert done.returncode != 0
    assert f"needs {PROGRAMS[missing]} and CI=true allows no skipping" in done.stderr
    assert machine.did("make") == []


def test_root_installs_what_is_missing(machine: Machine) -> None:
    machine.has("id", "echo 0")
    copies = "; ".join(f'cp "{machine.folder}/id" "{machine.folder}/{name}"' for name in PROGRAMS)
    machine.has("apt-get", f'test "$1" = update || {{ {copies}; }}')
    assert machine.run(CI="true").returncode == 0
    assert [line.split()[0] for line in machine.did("apt-get")] == ["update", "install"]
    assert machine.run(CI="true").returncode == 0
    assert len(machine.did("apt-get")) == 2, "nothing is missing any more"


def test_an_apt_that_fails_is_tolerated_outside_a_continuous_build(machine: Machine) -> None:
    machine.has("id", "echo 0")
    machine.has("apt-get", "exit 100")
    assert machine.run().returncode == 0
    assert machine.run(CI="true").returncode != 0
