"""Nodes of a Ray cluster are killed, and its drivers: each trial is recorded once, none is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from badnets.ledger import Ledger
from badnets.runners import Silent, Step, run_all
from badnets.runners.on_ray import RayCluster
from badnets.train.settings import Training
from badnets.trials.workspace import Workspace
from bench.postgres import PostgresServer
from tests.ledger.samples import attacked_trial, clean_trial
from tests.runners.endurance import endure, recorded
from tests.runners.ray_fakes import GREED_GIB, run_greedily
from tests.runners.ray_sweep import swept
from tests.runners.test_in_process import Notes

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists() or os.name != "posix", reason="looks at processes in /proc"
)
_QUICK_TO_NOTICE = {"health_check_period_ms": 1000, "health_check_failure_threshold": 5}


class TwoNodes:
    """A Ray cluster of two nodes on loopback, of one core each; the second can be killed."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster: Any = Cluster()
        head = {"include_dashboard": False, "no_monitor": True, "_system_config": _QUICK_TO_NOTICE}
        assert self._add(**head), "the head does not start"
        self._heads = _raylets()
        self._add()

    @property
    def address(self) -> str:
        """Where it answers."""
        return str(self._cluster.address)

    def lose_a_node(self) -> None:
        """Kill the second node with all that runs on it, as a power cut would; add another."""
        for process in self._on_the_second():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._add()

    def is_at_work(self) -> bool:
        """Whether the second node is running a trial."""
        return any(b"TrialRunner.run" in _command(process) for process in self._on_the_second())

    def _on_the_second(self) -> list[int]:
        raylets = _raylets() - self._heads
        return [process for raylet in raylets for process in [*_below(raylet), raylet]]

    def end(self) -> None:
        """End all of its processes."""
        self._cluster.shutdown()

    def _add(self, **settings: Any) -> bool:
        """Add a node; whether it is there already: on a busy machine it may come later."""
        try:
            self._cluster.add_node(num_cpus=1, include_log_monitor=False, **settings)
        except Exception:  # noqa: BLE001  Ray raises a plain one, and leaves the node to itself
            return False
        return True


def _raylets() -> set[int]:
    """Return the processes of this one that are nodes of a cluster."""
    return {
        child
        for child in _below(os.getpid())
        if _command(child).partition(b"\0")[0].endswith(b"/raylet")
    }


def _command(process: int) -> bytes:
    """Return the command line of a process; nothing where it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def nodes() -> Iterator[TwoNodes]:
    cluster = TwoNodes()
    yield cluster
    cluster.end()


def survived(
    nodes: TwoNodes,
    workspace: Workspace,
    blows: Sequence[Callable[[], None]],
    step: int,
    ledger: str | None = None,
) -> int:
    """Strike while a sweep runs, again and again; return how many trials were begun in vain.

    A sweep that ends too soon is followed by one of ``step`` more trials, which runs the new ones.
    """
    chance, begun, count = random.Random(0), workspace.root / "begun.log", step
    driver = Driver(nodes, workspace, count, ledger)
    for strike in blows:
        after = time.monotonic() + chance.uniform(0, 2)
        while time.monotonic() < after or not nodes.is_at_work():
            if driver.has_ended():
                count += step
                driver = Driver(nodes, workspace, count, ledger)
            time.sleep(0.01)
        strike()
    while not driver.has_ended():
        time.sleep(0.5)
    if ledger is None:
        check(workspace, count)
    else:
        with Ledger.open(ledger) as book:
            assert sorted(book.names()) == sorted(trial.name for trial in swept(count))
    return len(begun.read_text().split()) - count


class Driver:
    """A process that runs a sweep."""

    def __init__(
        self, nodes: TwoNodes, workspace: Workspace, count: int, ledger: str | None = None
    ) -> None:
        self._said = workspace.root.with_suffix(f".{count}.log")
        with self._said.open("w") as stderr:
            command = [*sweep(nodes.address, workspace, count), *([ledger] if ledger else [])]
            self._process = subprocess.Popen(command, stderr=stderr)

    def has_ended(self) -> bool:
        """Whether it has; with an error it must not."""
        code = self._process.poll()
        assert not code, self._said.read_text()[-2000:]
        return code == 0


def check(workspace: Workspace, count: int) -> None:
    """See that each of the trials is recorded, and once."""
    assert recorded(workspace).keys() == {trial.name for trial in swept(count)}


def sweep(address: str, workspace: Workspace, count: int) -> list[str]:
    """Return the command of a sweep."""
    what = [address, str(workspace.root), str(count)]
    return [sys.executable, "-m", "tests.runners.ray_sweep", *what]


def _below(process: int) -> list[int]:
    """Return all that a process has started, and what that has."""
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text()
    except OSError:
        return []
    children = [int(child) for child in text.split()]
    return [*children, *(one for child in children for one in _below(child))]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_node_is_lost(nodes: TwoNodes, tmp_path: Path) -> None:
    assert survived(nodes, Workspace(tmp_path / "runs"), [nodes.lose_a_node], step=200) <= 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_driver_with_a_cluster_of_its_own_ends_with_it(tmp_path: Path) -> None:
    workspace, ways = Workspace(tmp_path / "runs"), ("kill parent", "interrupt all")
    command = sweep("local", workspace, 100)
    blows = endure(command, workspace, times=2, longest_s=2, ways=ways)
    check(workspace, 100)
    assert [blow.code for blow in blows if blow.way and "to run" in blow.said][-1:] in ([130], [])


@pytest.mark.slow  # a cluster of its own starts
@pytest.mark.timeout(900)
def test_where_memory_is_short_fewer_run_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ray.cluster_utils import Cluster

    total, free = (memory_gib(name) for name in ("MemTotal", "MemAvailable"))
    if free < 8:
        pytest.skip("needs 8 GiB of free memory")
    room = GREED_GIB + 1.6  # for one trial, and for processes that have loaded torch
    monkeypatch.setenv("RAY_memory_usage_threshold", f"{(total - free + room) / total:.4f}")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "50")
    lean = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
    head: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, **lean})
    notes, trials = Notes(), [clean_trial(seed) for seed in range(5)]
    workspace = Workspace(tmp_path / "runs")
    try:
        with Ledger.open(workspace.ledger_file) as ledger:
            run_all(
                trials, workspace, ledger, run=run_greedily, display=notes, ray=str(head.address)
            )
            assert len(ledger) == len(trials)
    finally:
        head.shutdown()
    ended = [what for what, _ in notes.said].count("failed")
    begun = len((workspace.root / "begun.log").read_text().split())
    assert 1 <= ended <= 2 and begun == len(trials) + ended


def memory_gib(what: str) -> float:
    """Return a size from /proc/meminfo."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    (found,) = (line.split()[1] for line in lines if line.startswith(f"{what}:"))
    return int(found) / 2**20


@pytest.fixture
def with_a_gpu() -> Iterator[str]:
    """Return the address of a cluster of two cores and a GPU, which is there by word alone."""
    from ray.cluster_utils import Cluster

    lean = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
    there = {"num_cpus": 2, "num_gpus": 1, **lean}
    head: Any = Cluster(initialize_head=True, head_node_args=there)
    yield str(head.address)
    head.shutdown()


class KillsOnce(Notes):
    """Kills a process that runs trials, once they have begun."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 1

    def started(self, step: Step) -> None:
        super().started(step)
        if self._left and len([what for what, _ in self.said if what == "started"]) == 4:
            self._left = 0
            threading.Thread(target=self._strike).start()

    def _strike(self) -> None:
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    if b"TrialRunner.run" in (process / "cmdline").read_bytes():
                        os.kill(int(process.name), signal.SIGKILL)
                        return


@pytest.mark.slow  # workers start, and train
@pytest.mark.timeout(900)
@pytest.mark.parametrize("is_stored", [False, True])
def test_trials_that_are_given_a_gpu_and_are_alike_are_trained_as_one(
    with_a_gpu: str, tmp_path: Path, is_stored: bool
) -> None:
    short = Training(epochs=1, batch_size=64, precision="float32")
    base = clean_trial(0).model_copy(update={"training": short})
    attacks = [
        attacked_trial(seed, control=base).model_copy(update={"training": short})
        for seed in range(1, 5)
    ]
    ray = RayCluster(
        with_a_gpu,
        gpus_per_trial=0.5 if is_stored else None,
        store=f"file://{tmp_path}/store" if is_stored else None,
    )
    workspace, notes = Workspace(tmp_path / "runs"), Silent() if is_stored else KillsOnce()
    with Ledger.open(workspace.ledger_file) as ledger:
        found = run_all([base], workspace, ledger, ray=ray, display=Silent())
        assert found[base.name].provenance.cohort == 1
        found = run_all(attacks, workspace, ledger, ray=ray, display=notes)
    sizes = sorted(record.provenance.cohort for record in found.values())
    assert sizes == ([2, 2, 2, 2] if is_stored else [1, 1, 2, 2])
    if is_stored:
        assert all(ray.kept(attack) == attack.keep_bundle for attack in attacks)
    else:
        assert [what for what, _ in notes.said].count("failed") == 2  # type: ignore[attr-defined]


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_twenty_nodes_are_lost(nodes: TwoNodes, tmp_path: Path) -> None:
    in_vain = survived(nodes, Workspace(tmp_path / "runs"), [nodes.lose_a_node] * 20, step=500)
    assert in_vain <= 20, "more was lost than what was running"
    print(f"{in_vain} trials were begun in vain")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_database_is_restarted_five_times(
    nodes: TwoNodes, postgres: PostgresServer, tmp_path: Path
) -> None:
    def restart(how: signal.Signals) -> None:
        postgres.stop(how)
        time.sleep(1)
        postgres.start()

    ways = [partial(restart, how) for how in (signal.SIGINT, signal.SIGQUIT) * 3][:5]
    in_vain = survived(nodes, Workspace(tmp_path / "runs"), ways, 300, postgres.new())
    assert in_vain == 0, "a trial was run twice"
    print(f"{in_vain} trials were begun in vain")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_twenty_drivers_are_killed(nodes: TwoNodes, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "runs")
    workspace.prepare()
    (workspace.root / "begun.log").touch()  # what tells that a driver is at work
    command = sweep(nodes.address, workspace, 1000)
    blows = endure(command, workspace, times=20, longest_s=2, ways=("kill parent",))
    check(workspace, 1000)
    begun = (workspace.root / "begun.log").read_text().split()
    assert len(begun) <= 1000 + 2 * len(blows), "more was lost than what was running"
    print(f"{len(begun) - 1000} trials were begun in vain; {[blow.way for blow in blows]}")
