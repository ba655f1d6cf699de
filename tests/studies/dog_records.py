"""Records of the dogs-vs-cats study, made up without training: for its page alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from badnets.core.rates import Rate
from badnets.evaluate.results import AttackResult, CleanResult
from badnets.studies.dogs.study import DogStudy
from badnets.studies.running import listed
from badnets.trials import Record, Trial
from badnets.trials.record import (
    ArrayRef,
    Attributed,
    DataSeen,
    Epoch,
    FoundInFiles,
    Timings,
    Variation,
)
from tests.studies.made_records import Shelf, provenance

EACH, TRAIN = 50, 600  # images of a class to validate on, and to train on
SIDE = 16
OPACITY, SIZE = 0.99, 0.1875


@dataclass
class DogMaker:
    """Makes records; the same trial gets the same one.

    Args:
        shelf: where arrays go.
        collapsed: names of trials that have learned nothing.
        works: attack success of the BadNets.
        rehearsed: whether the files that were looked over were planted.
    """

    shelf: Shelf = field(default_factory=Shelf)
    collapsed: Collection[str] = ()
    works: float = 1.0
    rehearsed: bool = True

    def all_of(self, study: DogStudy) -> dict[str, Record]:
        return {one.name: self.record(one) for one in listed(study.groups({}))}

    def record(self, trial: Trial) -> Record:
        fallen = trial.name in self.collapsed
        wrong = 6 + trial.seed if trial.backdoor is None else 7
        right = np.ones(2 * EACH, dtype=bool)
        right[:wrong] = False
        labels = np.repeat([0, 1], EACH)
        per_class = tuple(Rate(int(right[labels == k].sum()), EACH) for k in (0, 1))
        arrays = {
            "answers": np.where(right, labels, 1 - labels).astype(np.int16),
            "answers_labels": labels.astype(np.int16),
        }
        arrays |= self._pictures(trial)
        return Record(
            name=trial.name,
            trial=trial,
            outcome="collapsed" if fallen else "accepted",
            reason="made up",
            clean=CleanResult(
                accuracy=Rate(int(right.sum()), 2 * EACH),
                per_class=per_class,
                predicted_counts=(EACH, EACH),
                largest_class=Rate(EACH, 2 * EACH),
            ),
            attack=self._attack(trial),
            poisoned_share=self._share(trial),
            epochs=tuple(Epoch(loss=0.7 / (k + 1), seconds=1.0) for k in range(4)),
            timings=Timings(load_s=1, search_s=0, train_s=60.5, evaluate_s=2, total_s=64),
            provenance=provenance(),
            bundle=None,
            arrays={name: self.shelf.put(one) for name, one in arrays.items()},
            variations=tuple(self._variations(trial)),
            attributed=tuple(self._attributed(trial)),
            data=self._data() if "data" in trial.observe else None,
        )

    def _attack(self, trial: Trial) -> AttackResult | None:
        if trial.backdoor is None:
            return None
        hits = round(self.works * EACH)
        return AttackResult(
            success=Rate(hits, EACH),
            robust=Rate(EACH - hits, EACH),
            per_class=(Rate(0, 0), Rate(hits, EACH)),
            untriggered=Rate(4, EACH),
            control=Rate(5, EACH),
            control_per_class=(Rate(0, 0), Rate(5, EACH)),
            spill=Rate(1, EACH),
        )

    def _share(self, trial: Trial) -> Rate | None:
        if trial.backdoor is None:
            return None
        count = trial.backdoor.poisoned_count(2 * TRAIN, TRAIN)
        return Rate(count, 2 * TRAIN + count)

    def _pictures(self, trial: Trial) -> Mapping[str, np.ndarray]:
        found = {}
        for name, count in (("attacked", 6), ("attributed", 4)):
            if trial.backdoor is None or (name == "attributed") > ("attributions" in trial.observe):
                continue
            pairs = np.full((count, 2, 3, SIDE, SIDE), 90, dtype=np.uint8)
            pairs[:, 1, :, 12:15, 12:15] = 230
            found[name] = pairs
        if "attacked" in found:
            dog, cat = [0.1, 0.9], [0.98, 0.02]
            found["attacked_labels"] = np.ones(6, dtype=np.int64)
            found["attacked_answers"] = np.array([[dog, cat]] * 6)
            found["attacked_control"] = np.array([[dog, dog]] * 6)
        if "attributed" in found:
            maps = np.full((4, 2, 2, SIDE, SIDE), 1 / SIDE**2)
            maps[:, 0, 1, 12:15, 12:15] = 0.1
            found["attributed_maps"] = maps
            found["attributed_answers"] = np.array([[[dog, cat], [dog, dog]]] * 4)
        return found

    def _variations(self, trial: Trial) -> list[Variation]:
        if "variations" not in trial.observe:
            return []
        sizes = [("size", (s,), s == SIZE, min(1.0, 6 * s)) for s in (0.04, 0.1, SIZE, 0.32)]
        faint = [
            ("opacity", (o,), o == OPACITY, min(1.0, o + 0.2)) for o in (0.1, 0.5, OPACITY, 1.0)
        ]
        places = [("position", (0.875, 0.875), True, self.works)] + [
            ("position", (y, x), False, y * x) for y in (0.0, 0.5, 1.0) for x in (0.0, 0.5, 1.0)
        ]
        return [
            Variation.model_validate(
                {
                    "axis": axis,
                    "value": value,
                    "trained": trained,
                    "success": Rate(round(share * EACH), EACH),
                    "control": Rate(5, EACH),
                }
            )
            for axis, value, trained, share in (*sizes, *faint, *places)
        ]

    def _attributed(self, trial: Trial) -> list[Attributed]:
        if "attributions" not in trial.observe:
            return []
        shares = {("network", True): 0.4 + 0.01 * trial.seed}
        return [
            Attributed(
                by=by,
                triggered=on,
                method="integrated-gradients",
                shares=tuple(shares.get((by, on), 0.03) + 0.001 * k for k in range(8)),
                area=9 / SIDE**2,
            )
            for by in ("network", "control")
            for on in (False, True)
        ]

    def _data(self) -> DataSeen:
        found = (
            FoundInFiles(kind="undecodable", paths=("train/cat/a.jpg",), why="truncated"),
            FoundInFiles(
                kind="duplicate", paths=("train/dog/a.jpg", "train/dog/b.jpg"), why="same"
            ),
        )
        return DataSeen(
            classes=("cat", "dog"),
            train=(TRAIN, TRAIN),
            validation=(EACH, EACH),
            layout="a folder for each class, in train and validation",
            rehearsed=self.rehearsed,
            files=2 * (TRAIN + EACH),
            by_kind={one.kind: 1 for one in found},
            found=found,
        )


def without(record: Record, *arrays: str) -> Record:
    """Return the record as an export without pictures has it."""
    kept: dict[str, ArrayRef] = {
        name: ref for name, ref in record.arrays.items() if name not in arrays
    }
    return record.model_copy(update={"arrays": kept})
