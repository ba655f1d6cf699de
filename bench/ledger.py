"""A ledger of many records: how long ``list`` and ``show`` take, what they hold."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from badnets.core.errors import TrialError
from badnets.ledger import Ledger, read_records
from badnets.trials.record import Record
from bench.children import ROOT, environment
from bench.measuring import seconds
from bench.results import Result, Wanted
from bench.scales import Scale

RESULTS = ROOT / "results"
RECORDS = (RESULTS / "mnist.json",)  # of which all are copies with other seeds
FEW = 20
CALL = """
import json, sys, time
from badnets.cli.main import main
code = main(sys.argv[1:])
modules = sorted({"torch", "numpy"} & sys.modules.keys())
spent = time.process_time()
from bench.one_process import peak_bytes
told = {"code": code, "peak": peak_bytes(), "cpu_s": spent, "heavy": modules}
print(json.dumps(told), file=sys.stderr)
"""


def run(scale: Scale) -> Iterator[Result]:
    """Give seconds and memory of a list, seconds of one record, and the time of a short list."""
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder) / "few.sqlite", Path(folder) / "many.sqlite"
        fill(few, FEW)
        name = fill(many, scale.records)
        calls = [
            ("ledger list", many, ("ledger", "list"), 1.5, 150.0),
            ("ledger show", many, ("ledger", "show", name), 0.8, None),
            (f"ledger list of {FEW}", few, ("ledger", "list"), None, None),
        ]
        for what, place, argv, most_s, most_mib in calls:
            answers = [call(*argv, "--ledger", str(place)) for _ in range(scale.starts)]
            spent = tuple(answer["cpu_s"] for answer in answers)
            heavy = ", ".join(answers[0]["heavy"]) or "neither torch nor numpy"
            note = f"{len(answers)} calls; imports {heavy}"
            size = f"badnets {what}" + ("" if place == few else f", {scale.records:,} records")
            if most_s is not None:
                walls = tuple(answer["wall_s"] for answer in answers)
                yield Result(size, walls, "s", wanted=Wanted("<=", most_s), note=note)
            limit = Wanted("<=", 0.6) if place == few else None
            yield Result(f"{size}: processor time", spent, "s", wanted=limit, note=note)
            if most_mib is not None:
                peaks = tuple(answer["peak"] / 2**30 for answer in answers)
                wanted = Wanted("<=", most_mib / 1024)
                mib = f"{1024 * median(peaks):.0f} MiB, wanted {most_mib:g}"
                yield Result(f"{size}: memory", peaks, "GiB", wanted=wanted, note=mib)


def fill(place: Path, count: int, exports: tuple[Path, ...] = RECORDS) -> str:
    """Make a ledger of so many records, copies of those in exports; return the name of one."""
    with Ledger.open(place) as ledger:
        numbers = iter(range(count))
        while some := list(copies(numbers, 500, exports)):
            ledger.add_all(some)
        return str(next(ledger.rows())["name"])


def copies(
    numbers: Iterator[int], most: int, exports: tuple[Path, ...] = RECORDS
) -> Iterator[Record]:
    """Give a record for each of the next numbers, with a seed that none of the others has."""
    known = _known(exports)
    return (_copy(known, number) for number in islice(numbers, most))


def every_export() -> tuple[Path, ...]:
    """Return all exports of records that the project has."""
    found = sorted(RESULTS.glob("*.json*"))
    return tuple(path for path in found if path.suffix != ".jsonl" and path.stem != "hub_attacks")


@cache
def _known(exports: tuple[Path, ...]) -> list[Record]:
    return [record for path in exports for record in read_records(path)]


def _copy(known: list[Record], place: int) -> Record:
    """Return one of the records with a seed that none of them has."""
    record = known[place % len(known)]
    trial = record.trial.model_copy(update={"seed": 1000 + place})
    return record.model_copy(update={"trial": trial, "name": trial.name})


def call(*argv: str) -> dict[str, Any]:
    """Return what a command took, in a process of its own.

    Raises:
        TrialError: it failed.
    """
    command = [sys.executable, "-c", CALL, *argv]
    ended: list[subprocess.CompletedProcess[str]] = []

    def start() -> None:
        ended.append(
            subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
        )

    wall_s = seconds(start)
    said = ended[0].stderr.splitlines()[-1:] or ["nothing"]
    answer: dict[str, Any] = json.loads(said[0]) if said[0].startswith("{") else {"code": said[0]}
    if answer["code"] != 0:
        raise TrialError(f"badnets {' '.join(argv)} failed: {answer['code']}")
    return answer | {"wall_s": wall_s}
