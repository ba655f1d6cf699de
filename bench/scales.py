"""How much a benchmark does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Sizes of the benchmarks.

    Attributes:
        name: what it is called; only ``"full"`` is held against the wanted figures.
        images: training images, at most 60,000.
        stored: images that triggers are put on, at most 60,000.
        pairs: interleaved pairs of trainings, and rounds of drawing scenes.
        stamps: interleaved pairs of what takes milliseconds.
        seeds: networks trained from raw files.
        trials: in the list that the pool runs.
        rounds: times that this list is run on each side.
        processes: processes whose memory is measured.
        starts: interleaved pairs of starts of the command line.
        scenes: drawn in a round, and trained on by a detector.
        records: in a ledger.
        class_pairs: of ten classes, at most 90, for each of which a trigger is sought.
        class_counts: of a model that is audited.
        files: JPEGs of a folder that is poisoned; a tenth of them of one that is streamed.
        models: in a repository of which one is pulled.
        pulls: of it.
        mutants: of what a client of the hub reads.
        kills: of a publisher, and of one who pulls.
        cohorts: trials that are trained as one.
    """

    name: str
    images: int
    stored: int
    pairs: int
    stamps: int
    seeds: int
    trials: int
    rounds: int
    processes: int
    starts: int
    scenes: int
    records: int
    class_pairs: int
    class_counts: tuple[int, ...]
    files: int
    models: tuple[int, ...]
    pulls: int
    mutants: int
    kills: int
    cohorts: tuple[int, ...]


SCALES: dict[str, Scale] = {
    scale.name: scale
    for scale in (
        Scale(
            "full",
            60_000,
            60_000,
            7,
            31,
            seeds=5,
            trials=8,
            rounds=3,
            processes=3,
            starts=11,
            scenes=120,
            records=20_000,
            class_pairs=90,
            class_counts=(10, 43, 100, 300, 1000),
            files=20_000,
            models=(10, 100, 1000),
            pulls=9,
            mutants=100_000,
            kills=100,
            cohorts=(8, 64),
        ),
        Scale(
            "quick",
            6_000,
            60_000,
            3,
            9,
            seeds=2,
            trials=4,
            rounds=1,
            processes=1,
            starts=3,
            scenes=30,
            records=1_000,
            class_pairs=90,
            class_counts=(10, 43),
            files=1_000,
            models=(10, 100),
            pulls=3,
            mutants=5_000,
            kills=3,
            cohorts=(8,),
        ),
        # tests take this one
        Scale(
            "tiny",
            256,
            256,
            1,
            2,
            seeds=1,
            trials=2,
            rounds=1,
            processes=1,
            starts=1,
            scenes=6,
            records=40,
            class_pairs=6,
            class_counts=(13,),
            files=40,
            models=(2, 4),
            pulls=1,
            mutants=200,
            kills=3,
            cohorts=(2,),
        ),
    )
}
