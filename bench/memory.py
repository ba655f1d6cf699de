"""The most memory that a training process holds, against one that only imports the libraries."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from bench.children import ask
from bench.results import Result, Wanted
from bench.scales import Scale

MOST_GIB = 1.5


def run(scale: Scale) -> Iterator[Result]:
    """Give the peak memory of a trial, and of one that looks inside the network too."""
    kinds = {"import": "", "train": "a training process", "observe": "one that also observes units"}
    peaks: dict[str, list[float]] = {kind: [] for kind in kinds}
    answer: dict[str, object] = {}
    for _ in range(scale.processes):
        for kind, kept in peaks.items():
            answer = ask("bench.one_trial", kind, "--scale", scale.name)
            kept.append(int(str(answer["peak_bytes"])) / 2**30)
    empty = median(peaks["import"])
    for kind in ("train", "observe"):
        ratio = median(peaks[kind]) / empty
        parts = [
            f"{ratio:.1f} times the {empty:.2f} GiB of a process that only imports the libraries",
            f"{answer['threads']} threads",
            str(answer["note"]),
        ]
        yield Result(
            f"peak memory of {kinds[kind]}",
            tuple(peaks[kind]),
            "GiB",
            wanted=Wanted("<=", MOST_GIB),
            judged=answer["data"] == "mnist",
            note="; ".join(filter(None, parts)),
            more={"ratio_to_import": ratio},
        )
