"""``badnets --help``: how long it takes, against Python alone, and that torch stays away."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from badnets.core.errors import DataError
from bench.measuring import interleaved
from bench.results import Result, Wanted
from bench.scales import Scale

MOST_S = 0.5
IMPORTS = """
import sys
from badnets.cli.main import main
sys.argv = ["badnets", "--help"]
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
print(*sorted(sys.modules), file=sys.stderr)
"""


def run(scale: Scale) -> Iterator[Result]:
    """Give the seconds of ``badnets --help``."""
    command = [str(script()), "--help"]
    empty = [sys.executable, "-c", "pass"]
    assert "torch" not in imported(), "badnets --help imports torch"
    _run(command)  # warms the disk's cache up
    _run(empty)
    pairs = interleaved(lambda: _run(command), lambda: _run(empty), scale.starts)
    ratio = median(pairs.slower)
    yield Result(
        "badnets --help",
        pairs.ours,
        "s",
        wanted=Wanted("<=", MOST_S),
        note=f"imports no torch; {ratio:.1f} times the start of Python alone",
        more={**pairs.medians, "ratio_to_python": ratio},
    )


def imported() -> set[str]:
    """Return the modules that are loaded once ``badnets --help`` has spoken."""
    return set(_run([sys.executable, "-c", IMPORTS]).stderr.split())


def script() -> Path:
    """Return the installed command: the one beside this Python, else the one on the path.

    Raises:
        DataError: there is none.
    """
    beside = Path(sys.executable).with_name("badnets")
    if beside.exists():
        return beside
    found = shutil.which("badnets")
    if found is None:
        raise DataError("the command badnets is not installed: run make setup")
    return Path(found)


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise DataError(f"{' '.join(command)[:80]} failed: {said[0]}")
    return done
