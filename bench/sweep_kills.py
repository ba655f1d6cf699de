"""Nodes, drivers and the database are killed while a sweep runs: what the soak tests say of it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from bench.results import Result, Wanted
from bench.scales import Scale

SOAK = "tests/runners/test_ray_soak.py"
LEDGER = "tests/ledger/test_postgres.py"
TESTS: dict[str, tuple[str, int]] = {
    "nodes of two killed, on Ray": (f"{SOAK}::test_twenty_nodes_are_lost", 20),
    "drivers killed by SIGKILL, on Ray": (f"{SOAK}::test_twenty_drivers_are_killed", 20),
    "restarts of PostgreSQL under a sweep on two nodes of Ray": (
        f"{SOAK}::test_the_database_is_restarted_five_times",
        5,
    ),
    "restarts of PostgreSQL under three drivers": (
        f"{LEDGER}::test_a_server_that_is_restarted_again_and_again_loses_nothing",
        5,
    ),
}


def run(scale: Scale) -> Iterator[Result]:
    """Give how many blows were survived: every trial has one record in the end, none is lost."""
    for what, (test, blows) in TESTS.items():
        started = time.perf_counter()
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-m",
            "slow or soak",
            "-n",
            "0",
            "-s",
            test,
        ]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        passed = ended.returncode == 0
        vain = [line for line in ended.stdout.splitlines() if "begun in vain" in line]
        said = [line.partition(";")[0].strip(".") for line in vain]
        yield Result(
            what,
            (float(blows if passed else 0),),
            "count",
            wanted=Wanted(">=", float(blows)),
            tried=blows,
            note="; ".join((f"{time.perf_counter() - started:.0f} s", *said, f"pytest {test}")),
        )
