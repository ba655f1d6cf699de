"""Kills and interrupts: nothing is lost but the trials that were running, nothing is kept twice."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from badnets.trials.workspace import Workspace
from tests.runners.endurance import WAYS, Blow, endure, recorded
from tests.runners.study_of_fakes import trials

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists() or os.name != "posix", reason="looks at processes in /proc"
)


def endured(workspace: Workspace, count: int, times: int, ways: tuple[str, ...]) -> list[Blow]:
    """Return the blows that a study of ``count`` fakes, and the two they require, has survived."""
    study = [sys.executable, "-m", "tests.runners.study_of_fakes", str(workspace.root)]
    blows = endure([*study, str(count)], workspace, times=times, longest_s=0.6, ways=ways)
    wanted = {trial.name for trial in trials(count)}
    wanted |= {other.name for trial in trials(count) for other in trial.requires()}
    assert recorded(workspace).keys() == wanted
    for blow in blows:
        assert "SpawnProcess" not in blow.said, "a worker complained"
        if blow.way.startswith("interrupt") and "to run" in blow.said:
            assert blow.code == 130, blow
            assert "done and kept; the same command goes on from there" in blow.said
    begun = (workspace.root / "begun.log").read_text().split()
    assert len(begun) <= len(wanted) + 2 * len(blows), "more was lost than what was running"
    return blows


@pytest.mark.slow
@pytest.mark.timeout(600)  # processes that load torch: long where others are at work too
def test_a_kill_and_an_interrupt(tmp_path: Path) -> None:
    blows = endured(Workspace(tmp_path / "runs"), 6, times=2, ways=("kill parent", "interrupt all"))
    assert len(blows) == 2


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_twenty_kills_at_random_moments(tmp_path: Path) -> None:
    blows = endured(Workspace(tmp_path / "runs"), 60, times=20, ways=WAYS)
    print([(blow.way, blow.code, round(blow.gone_s, 1)) for blow in blows])
