"""Several drivers at once on one PostgreSQL ledger, against one driver with as many workers."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from badnets.core.progress import Listener
from badnets.ledger import Ledger
from badnets.runners import Silent, run_missing
from badnets.trials.record import Record
from badnets.trials.trial import Trial
from badnets.trials.workspace import Workspace
from bench.nothing import record_for, trials_of_nothing
from bench.postgres import PostgresServer, programs
from bench.results import Result, Wanted
from bench.scales import Scale

DRIVERS, TRIAL_S, LEAST = 4, 0.2, 0.95
BEGUN = "begun.log"


def run(scale: Scale) -> Iterator[Result]:
    """Give the throughput of the drivers over that of one, and how many trials were run twice."""
    where = programs()
    if where is None:
        return
    count = max(20, scale.records // 40)
    server = PostgresServer(where, durable=True)
    try:
        ratios, twice = [], 0
        for _ in range(scale.rounds):
            one, again = _seconds(server.new(), count, drivers=1)
            several, more = _seconds(server.new(), count, drivers=DRIVERS)
            ratios.append(one / several)
            twice += again + more
    finally:
        server.remove()
    yield Result(
        f"throughput of {DRIVERS} drivers on one PostgreSQL ledger / of one with {DRIVERS} workers",
        tuple(ratios),
        "x",
        wanted=Wanted(">=", LEAST),
        note=f"{count} trials of {TRIAL_S:g} s each; from the first record to the last",
    )
    ran = 2 * scale.rounds * count
    yield Result(
        "trials run once",
        (float(ran - twice),),
        "count",
        wanted=Wanted(">=", float(ran)),
        tried=ran,
        note="by several drivers at once, and by one",
    )


def run_slowly(
    trial: Trial,
    workspace: Workspace,
    *,
    data_root: Path | None = None,
    progress: Listener | None = None,
) -> Record:
    """Return a record after `TRIAL_S` seconds in which nothing is computed; note that it began."""
    with (workspace.root / BEGUN).open("a") as log:
        log.write(f"{trial.name}\n")
    time.sleep(TRIAL_S)
    return record_for(trial)


def drive(url: str, folder: str, count: int, workers: int) -> list[float]:
    """Run the trials as one driver among others; return when each of its records was kept."""
    kept: list[float] = []
    with Ledger.open(url) as ledger:
        run_missing(
            trials_of_nothing(count),
            Workspace(Path(folder)),
            ledger,
            workers=workers,
            display=Silent(),
            on_record=lambda _: kept.append(time.time()),
            run=run_slowly,
        )
    return kept


def _seconds(url: str, count: int, *, drivers: int) -> tuple[float, int]:
    """Return the seconds from one record to the next, and how many trials were begun again."""
    with tempfile.TemporaryDirectory() as folder:
        Workspace(Path(folder)).prepare()
        Ledger.open(url).close()  # makes the tables
        arguments = [url, folder, str(count), str(DRIVERS // drivers)]
        command = [sys.executable, "-m", "bench.drivers", *arguments]
        started = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(drivers)
        ]
        kept: list[float] = []
        for one in started:
            said, _ = one.communicate()
            kept += json.loads(said)
        begun = (Path(folder) / BEGUN).read_text().split()
        assert len(kept) == len(set(begun)) == count, f"{len(kept)} records of {count}"
        return (max(kept) - min(kept)) / (count - 1), len(begun) - count


def main(arguments: Sequence[str]) -> None:
    """Drive; print when records were kept, as JSON."""
    url, folder, count, workers = arguments
    print(json.dumps(drive(url, folder, int(count), int(workers))))


if __name__ == "__main__":
    main(sys.argv[1:])
