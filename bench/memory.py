"""The most memory that a training process holds, beside what its imports alone take."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from bench.children import ask
from bench.results import Result, Wanted
from bench.scales import Scale

MOST_GIB = 1.5
MOMENTS = {
    "trained": "peak memory of a training process",
    "observed": "the same, its network looked into as well",
}


def run(scale: Scale) -> Iterator[Result]:
    """Give the peak memory of a process that trains, and of one that observes units too."""
    answers = [ask("bench.one_process", "--scale", scale.name) for _ in range(scale.processes)]
    imports = median(answer["imported"] / 2**30 for answer in answers)
    for moment, what in MOMENTS.items():
        peaks = tuple(answer[moment] / 2**30 for answer in answers)
        ratio = median(peaks) / imports
        parts = [
            f"{ratio:.1f} times the {imports:.2f} GiB that its imports take",
            f"{answers[0]['threads']} threads",
            answers[0]["note"],
        ]
        yield Result(
            what,
            peaks,
            "GiB",
            wanted=Wanted("<=", MOST_GIB),
            judged=answers[0]["data"] == "mnist",
            note="; ".join(filter(None, parts)),
            more={"imports_gib": imports, "ratio_to_imports": ratio},
        )
