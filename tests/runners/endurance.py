"""Kill a command that runs trials, again and again, at random moments, and see what it leaves.

    python -m tests.runners.endurance --workspace runs --times 20 --longest 60 -- \\
        badnets study mnist --workspace runs

The command has to use the workspace's own ledger and to go on where it was.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from badnets.bundles import verify
from badnets.ledger import Ledger
from badnets.trials.record import Record
from badnets.trials.workspace import Workspace

WAYS = ("kill all", "kill parent", "interrupt", "interrupt all")
_GONE_WITHIN_S = 60.0


@dataclass(frozen=True)
class Blow:
    """How a run was ended, and what it had said until then.

    Args:
        way: one of `WAYS`; empty where the command had ended by itself.
        code: its exit status, negative for a signal.
        said: its stderr.
        gone_s: how long it, and all that it had started, took to end.
    """

    way: str
    code: int
    said: str
    gone_s: float


def endure(
    command: Sequence[str],
    workspace: Workspace,
    *,
    times: int,
    longest_s: float,
    seed: int = 0,
    ways: Sequence[str] = WAYS,
) -> list[Blow]:
    """Run ``command`` and end it at a random moment, ``times`` times; then let it finish.

    After each blow all that was recorded before is still there, unchanged, and every kept
    bundle is whole; at the end nothing half-written is left.

    Args:
        command: goes on where it was when it is run again.
        workspace: where it writes.
        times: how often it is ended.
        longest_s: the latest moment, counted from its first sign of work in half of the cases,
            from its start in the others.
        seed: of the moments.
        ways: taken in turn.
    """
    chance, blows = random.Random(seed), list[Blow]()
    before = recorded(workspace)
    for count in range(times):
        blow = strike(command, workspace, ways[count % len(ways)], longest_s, chance)
        blows.append(blow)
        after = recorded(workspace)
        assert all(after[name] == record for name, record in before.items()), blow
        check_bundles(workspace, after)
        before = after
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    after = recorded(workspace)
    assert all(after[name] == record for name, record in before.items())
    check_bundles(workspace, after)
    workspace.prepare()
    leftovers = [*workspace.root.rglob("*.partial"), *workspace.root.rglob("*.aside")]
    assert not leftovers, leftovers
    return blows


def strike(
    command: Sequence[str], workspace: Workspace, way: str, longest_s: float, chance: random.Random
) -> Blow:
    """Run ``command`` once, and end it at a random moment."""
    at_work = chance.random() < 0.75
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a script
        signal.signal(signal.SIGINT, signal.default_int_handler)
    size = _size(workspace)
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while at_work and process.poll() is None and _size(workspace) == size:
            time.sleep(0.01)
        try:
            process.wait(chance.uniform(0, longest_s))
            way = ""
        except subprocess.TimeoutExpired:
            hit = signal.SIGKILL if way.startswith("kill") else signal.SIGINT
            if way.endswith(" all"):
                os.killpg(process.pid, hit)
            else:
                process.send_signal(hit)
        started = time.monotonic()
        _, said = process.communicate(timeout=_GONE_WITHIN_S)
        while any_alive(process.pid):
            assert time.monotonic() - started < _GONE_WITHIN_S, "workers outlive their parent"
            time.sleep(0.05)
        return Blow(way, process.returncode, said, time.monotonic() - started)


def recorded(workspace: Workspace) -> dict[str, Record]:
    """Return the records by name."""
    with Ledger.open(workspace.ledger_file) as ledger:
        records = list(ledger.records())
    found = {record.name: record for record in records}
    assert len(found) == len(records), "something was recorded twice"
    return found


def check_bundles(workspace: Workspace, records: dict[str, Record]) -> None:
    """See that the bundle of every record that has one is whole, and is that one."""
    for record in records.values():
        if record.bundle is not None:
            assert verify(workspace.bundle(record.trial)).digest == record.bundle


def any_alive(group: int) -> bool:
    """Whether any process of the group lives; one that only waits to be collected does not."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of_group = status.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue  # ended while we looked
        if int(of_group) == group and state not in "ZX":
            return True
    return False


def _size(workspace: Workspace) -> int:
    """Return something that changes once trials are being run."""
    log = workspace.root / "begun.log"
    if log.exists():
        return log.stat().st_size
    ledger = workspace.ledger_file  # real trials: few keep a bundle, all of them a record
    return max(
        (file.stat().st_mtime_ns for file in ledger.parent.glob(f"{ledger.name}*")), default=0
    )


def main() -> None:
    """Endure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--longest", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args()
    workspace = Workspace(asked.workspace)
    blows = endure(
        asked.command, workspace, times=asked.times, longest_s=asked.longest, seed=asked.seed
    )
    for blow in blows:
        print(f"{blow.way or 'had ended'}: exit {blow.code}, all gone after {blow.gone_s:.1f} s")
    print(f"{len(recorded(workspace))} records, each once, every bundle whole")


if __name__ == "__main__":
    main()
