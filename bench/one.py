"""One benchmark in this process: ``python -m bench.one NAME``; `python -m bench` starts it."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from badnets.core.errors import BadnetsError
from bench import BENCHMARKS, COUNTS
from bench.results import Result
from bench.scales import SCALES, Scale


def results(name: str, scale: Scale) -> Iterator[Result]:
    """Give the results of a benchmark as they are found; small runs are not judged."""
    module = importlib.import_module(f"bench.{name}")
    for result in module.run(scale):
        yield result if scale.name == "full" else replace(result, judged=False)


def where() -> dict[str, Any]:
    """Return the machine, its threads, and the versions that were measured."""
    from badnets.train.hardware import best_device
    from badnets.trials.machine import this_machine, versions

    machine = this_machine(best_device()).model_dump(mode="json")
    return {"machine": machine, "versions": versions()}


def where_line(place: dict[str, Any]) -> str:
    """Return the same in one line."""
    machine, known = place["machine"], place["versions"]
    named = ("badnets", "python", "torch", "torchvision")
    shown = ", ".join(f"{name} {known[name]}" for name in named if name in known)
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads, "
        f"{machine['device']}; {shown}"
    )


def measure(name: str, scale: Scale) -> list[dict[str, Any]]:
    """Run a benchmark, print its lines, and return its results as plain values."""
    found = []
    for result in results(name, scale):
        print(f"{name}: {result.line}", flush=True)
        found.append(result)
    place = where()
    print(f"{name}: measured on {where_line(place)}", flush=True)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    head = {"benchmark": name, "scale": scale.name, "created": when}
    return [{**head, **result.to_json(), **place} for result in found]


def main() -> int:
    """Measure one benchmark, write its results as JSON lines, return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.one", description=__doc__)
    parser.add_argument("name", choices=BENCHMARKS | COUNTS)
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--results", type=Path, help="file for JSON lines")
    arguments = parser.parse_args()
    try:
        lines = measure(arguments.name, SCALES[arguments.scale])
    except BadnetsError as error:
        print(f"{arguments.name}: {error}", file=sys.stderr)
        return error.exit_code
    if arguments.results is not None:
        arguments.results.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
