"""``python -m bench [NAME ...] [--quick] [--json FILE [--replace]]``."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import bench
from badnets.bundles.atomic import write_text
from badnets.core.errors import BadnetsError
from badnets.core.lookup import find
from bench.children import environment
from bench.results import Result
from bench.summary import console, print_summary

INTERRUPTED = 130
_ALL = bench.BENCHMARKS | bench.COUNTS


def main(argv: Sequence[str] | None = None) -> int:
    """Run benchmarks and print their table; return 0 also where a figure was missed."""
    arguments = _parser().parse_args(argv)
    try:
        for name in arguments.names:
            find(_ALL, name, "benchmark")
        names = list(dict.fromkeys(arguments.names)) or list(bench.BENCHMARKS)
        scale = "quick" if arguments.quick else "full"
        return _run(names, scale, arguments.json, replace=arguments.replace)
    except BadnetsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {name:10} {what}" for name, what in _ALL.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Ratios, with both sides in one run; real MNIST through BADNETS_DATA.",
        epilog=f"benchmarks:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; none: all that measure")
    parser.add_argument("--quick", action="store_true", help="small sizes; nothing is judged")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="add the results to FILE, one JSON object a line"
    )
    parser.add_argument(
        "--replace", action="store_true", help="drop what FILE has of the same benchmarks"
    )
    return parser


def _run(names: Sequence[str], scale: str, kept: Path | None, *, replace: bool = False) -> int:
    """Run each benchmark in a process of its own; return 1 if one of them failed."""
    found: dict[str, list[Result] | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            print(f"{name}: {_ALL[name]} ...", file=sys.stderr, flush=True)
            lines = Path(folder) / f"{name}.jsonl"
            command = [sys.executable, "-m", "bench.one", name]
            options = ["--scale", scale, "--results", str(lines)]
            done = subprocess.run([*command, *options], check=False, env=environment())
            if done.returncode != 0:
                found[name] = None
                continue
            found[name] = [
                Result.from_json(json.loads(line)) for line in lines.read_text().splitlines()
            ]
            if kept is not None:
                before = kept.read_text().splitlines(keepends=True) if kept.exists() else []
                others = [
                    line
                    for line in before
                    if not replace or json.loads(line).get("benchmark") != name
                ]
                write_text(kept, "".join(others) + lines.read_text())
    print_summary(found, console())
    return 1 if None in found.values() else 0


if __name__ == "__main__":
    sys.exit(main())
