"""The time from raw files to a network that passes validation and obeys its trainer."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from statistics import fmean
from typing import Any

from badnets.train.settings import Training
from bench.children import ask
from bench.images import name_and_note
from bench.results import Result, Wanted
from bench.scales import Scale
from bench.settings import ATTACK_SUCCESS_RATE, BACKDOOR, CLEAN_ACCURACY, from_files

MOST_S = 24.0
CLEAN, SUCCESS = Wanted(">=", 100 * CLEAN_ACCURACY), Wanted(">=", 100 * ATTACK_SUCCESS_RATE)


def run(scale: Scale) -> Iterator[Result]:
    """Give mean seconds, clean accuracy and attack success rate, each seed in a fresh process."""
    data, note = name_and_note()
    answers: list[dict[str, Any]] = []
    whole_s: list[float] = []
    for seed in range(scale.seeds):
        started = time.perf_counter()
        answers.append(
            ask("bench.from_files", "--data", data, "--seed", seed, "--scale", scale.name)
        )
        whole_s.append(time.perf_counter() - started)
    clean = tuple(100 * one["clean_accuracy"] for one in answers)
    success = tuple(100 * one["attack_success_rate"] for one in answers)
    known = tuple(one["total_s"] for one in answers)
    parts = [
        f"{described(from_files(scale))}, {100 * float(BACKDOOR.poisoning_rate):g} % poisoned",
        f"{answers[0]['precision']}, {answers[0]['threads']} threads",
        f"{fmean(whole_s):.1f} s with the start of Python and torch",
        note,
    ]
    common: dict[str, Any] = {"centre": "mean", "judged": data == "mnist"}
    yield Result(
        "from raw files to accuracy known",
        known,
        "s",
        **common,
        wanted=Wanted("<=", MOST_S),
        holds=CLEAN.holds(fmean(clean)) and SUCCESS.holds(fmean(success)),
        note="; ".join(filter(None, parts)),
        more={name: fmean(one[name] for one in answers) for name in ("load_s", "train_s")},
    )
    yield Result("its clean accuracy", clean, "%", **common, wanted=CLEAN, note=note)
    yield Result("its attack success rate", success, "%", **common, wanted=SUCCESS, note=note)


def described(training: Training) -> str:
    """Return the settings in words: the first few, and those that differ from the defaults."""
    always = ("epochs", "batch_size", "lr", "optimizer", "schedule")
    defaults = Training()
    said = [
        f"{one.name} {getattr(training, one.name)}"
        for one in dataclasses.fields(training)
        if one.name in always or getattr(training, one.name) != getattr(defaults, one.name)
    ]
    return ", ".join(said)
