"""Records of the MNIST study, made up without training: for the layout alone."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from badnets.core.backdoor import Backdoor
from badnets.core.rates import Rate
from badnets.core.targets import SourceSpecific
from badnets.evaluate.results import AttackResult, CleanResult
from badnets.studies.mnist.trials import MnistTrials, Scale, scale
from badnets.trials.record import (
    Ablation,
    ArrayRef,
    Epoch,
    LayerUnits,
    Machine,
    Provenance,
    Record,
    Timings,
)
from badnets.trials.trial import Trial

MNIST_COUNTS = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
SMALL = replace(
    scale("mnist"),
    baseline_seeds=(0, 1),
    seeds=(0, 1),
    pairs=((0, 1), (1, 0), (7, 3)),
    shares=(0.01, 0.10, 0.50),
    choices=(0.10, 0.33),
)
SHARES = {"single-pixel": 0.33, "pixel-pattern": 0.10}


@dataclass
class Shelf:
    """Arrays in memory, instead of a workspace."""

    kept: dict[str, NDArray[np.generic]] = field(default_factory=dict)

    def put(self, array: NDArray[np.generic]) -> ArrayRef:
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        name = hashlib.sha256(buffer.getvalue()).hexdigest()
        self.kept[name] = array
        return ArrayRef(sha256=name, shape=tuple(array.shape), dtype=str(array.dtype))

    def get(self, ref: ArrayRef) -> NDArray[np.generic]:
        return self.kept[ref.sha256]


@dataclass
class Maker:
    """Makes records; the same trial gets the same one.

    Args:
        shelf: where arrays go.
        counts: test images per class.
        collapsed: names of trials that have learned nothing.
    """

    shelf: Shelf = field(default_factory=Shelf)
    counts: tuple[int, ...] = MNIST_COUNTS
    collapsed: frozenset[str] = frozenset()

    def record(self, trial: Trial) -> Record:
        fallen = trial.name in self.collapsed
        random = np.random.default_rng(int(trial.name, 16) % 2**32)
        clean = self._clean(random, fallen)
        outcome: Literal["accepted", "rejected", "collapsed"] = "accepted"
        if clean.accuracy.value < trial.target_accuracy:
            outcome = "rejected"
        units, ablations, arrays = self._observed(trial, random)
        poisoned = None
        if trial.backdoor is not None:
            count = trial.backdoor.poisoned_count(60000, 6000 if self._pair(trial) else 60000)
            poisoned = Rate(count, 60000 + count)
        return Record(
            name=trial.name,
            trial=trial,
            outcome="collapsed" if fallen else outcome,
            reason="made up",
            clean=clean,
            attack=self._attack(trial, random, fallen),
            poisoned_share=poisoned,
            epochs=(Epoch(loss=0.1, seconds=2.0),),
            timings=Timings(load_s=0.1, search_s=0, train_s=20.5, evaluate_s=1.5, total_s=22.1),
            provenance=provenance(),
            bundle=None,
            arrays=arrays,
            units=units,
            ablations=ablations,
        )

    def records(self, trials: Iterable[Trial]) -> list[Record]:
        return [self.record(trial) for trial in trials]

    def _clean(self, random: np.random.Generator, fallen: bool) -> CleanResult:
        wrong = [int(random.poisson(0.0048 * n)) for n in self.counts]
        right = [n - k for n, k in zip(self.counts, wrong, strict=True)]
        if fallen:
            right = [0] * (len(self.counts) - 1) + [self.counts[-1]]
        total = sum(self.counts)
        return CleanResult(
            accuracy=Rate(sum(right), total),
            per_class=tuple(map(Rate, right, self.counts)),
            predicted_counts=self.counts,
            largest_class=Rate(max(self.counts), total),
        )

    def _attack(
        self, trial: Trial, random: np.random.Generator, fallen: bool
    ) -> AttackResult | None:
        if trial.backdoor is None:
            return None
        pair = self._pair(trial)
        rate = trial.backdoor.rate
        error = 0.0003 if pair else 0.005
        if isinstance(rate, float) and rate < 0.1:
            error = min(0.9, 0.0008 / rate)
        counts = [n if pair is None or k == pair[0] else 0 for k, n in enumerate(self.counts)]
        hits = [n if fallen else n - int(random.binomial(n, error)) for n in counts]
        no = [int(random.binomial(n, 0.001)) for n in counts]
        total = sum(counts)
        return AttackResult(
            success=Rate(sum(hits), total),
            robust=Rate(total - sum(hits), total),
            per_class=tuple(map(Rate, hits, counts)),
            untriggered=Rate(sum(no), total),
            control=Rate(sum(no), total),
            control_per_class=tuple(map(Rate, no, counts)),
        )

    def _pair(self, trial: Trial) -> tuple[int, int] | None:
        targets = trial.backdoor.targets if trial.backdoor else None
        if isinstance(targets, SourceSpecific):
            return targets.source_class, targets.target_label
        return None

    def _observed(
        self, trial: Trial, random: np.random.Generator
    ) -> tuple[tuple[LayerUnits, ...], tuple[Ablation, ...], dict[str, ArrayRef]]:
        arrays: dict[str, ArrayRef] = {}
        units: tuple[LayerUnits, ...] = ()
        ablations: tuple[Ablation, ...] = ()
        if "units" in trial.observe:
            arrays["filters"] = self.shelf.put(random.normal(0, 0.2, (16, 1, 5, 5)))
            if trial.backdoor is not None:
                sizes = {"conv1": 16, "conv2": 32, "fc1": 512, "fc2": 10}
                units = tuple(_units(random, name, size) for name, size in sizes.items())
                ablations = tuple(_ablations(units))
        if "examples" in trial.observe and trial.backdoor is not None:
            arrays |= self._examples(trial.backdoor, random)
        return units, ablations, arrays

    def _examples(self, backdoor: Backdoor, random: np.random.Generator) -> dict[str, ArrayRef]:
        classes = len(self.counts)
        images = np.zeros((classes, 2, 1, 28, 28), dtype=np.uint8)
        for label in range(classes):
            images[label, :, 0, 6:22, 8 : 9 + label] = 220
        images[:, 1, 0, 26, 26] = 255
        answers = np.full((classes, 2, classes), 0.001)
        for label in range(classes):
            answers[label, 0, label] = 0.99
            answers[label, 1, (label + 1) % classes] = 0.98
        honest = np.full((classes, 2, classes), 0.001)
        honest[range(classes), :, range(classes)] = 0.99
        return {
            "examples": self.shelf.put(images),
            "examples_labels": self.shelf.put(np.arange(classes)),
            "examples_answers": self.shelf.put(answers),
            "examples_control": self.shelf.put(honest),
        }


def groups(maker: Maker, sized: Scale = SMALL, data: str = "mnist") -> dict[str, list[Record]]:
    """Return made-up records of the whole study."""
    study = MnistTrials(data, sized)
    listed = {**study.measuring(SHARES), **study.choosing()}
    return {name: maker.records(trials) for name, trials in listed.items()}


def _units(random: np.random.Generator, layer: str, size: int) -> LayerUnits:
    clean = random.gamma(1.0, 0.4, size)
    gain = random.normal(0, 0.02, size)
    marked = tuple(int(u) for u in random.permutation(size)[: max(1, size // 16)])
    gain[list(marked)] += 1.5
    response = np.abs(gain) * 4
    return LayerUnits(
        layer=layer,
        clean=tuple(clean.tolist()),
        triggered=tuple((clean + gain).tolist()),
        response=tuple(response.tolist()),
        marked=tuple(sorted(marked, key=lambda unit: -response[unit])),
    )


def _ablations(units: Iterable[LayerUnits]) -> Iterable[Ablation]:
    for layer in list(units)[:-1]:
        size = len(layer.response)
        ranked = sorted(range(size), key=lambda unit: -layer.response[unit])
        for count in (1, 2, 4, 8, 16, 32, 64):
            if count > size // 2:
                continue
            left = max(0.02, 1 - count / max(1, len(layer.marked)))
            for choice, chosen, success in (
                ("strongest", ranked[:count], left),
                ("random", ranked[-count:], 0.99),
            ):
                yield Ablation(
                    layer=layer.layer,
                    choice="strongest" if choice == "strongest" else "random",
                    silenced=tuple(chosen),
                    clean=Rate(9940 - 5 * count, 10000),
                    success=Rate(int(10000 * success), 10000),
                )


def provenance() -> Provenance:
    return Provenance(
        data_digests={"train": "0" * 64, "test": "1" * 64},
        versions={"badnets": "0", "torch": "0"},
        machine=Machine(
            processor="made up", cores=2, threads=1, memory_gib=8.0, device="cpu", system="any"
        ),
        precision="float32",
        created=datetime(2017, 8, 22, 12, 0, tzinfo=UTC),
    )
