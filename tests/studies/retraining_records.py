"""Records of the retraining study, made up without training: for its page alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from badnets.core.rates import Rate
from badnets.evaluate.results import AttackResult, CleanResult
from badnets.evaluate.survival import Survival
from badnets.studies.retraining.evidence import TARGET
from badnets.studies.retraining.study import RetrainingStudy
from badnets.studies.running import listed
from badnets.trials import Record, Trial
from badnets.trials.record import Epoch, Timings
from tests.studies.made_records import Shelf, provenance

CLASSES, EACH = 4, 25  # classes of any user, and test images of each
LABELS: NDArray[np.int64] = np.repeat(np.arange(CLASSES), EACH)
TRAIN = 400
SIDE = 16


@dataclass
class RetrainingMaker:
    """Makes records; the same trial gets the same one.

    Args:
        shelf: where arrays go.
        collapsed: names of trials that have learned nothing.
        obeys: shares of triggered images that a retrained BadNet gets wrong, by what is frozen:
            all but the head, the first layers, nothing.
        wrong: clean images that a retrained BadNet gets wrong, of those with the least labels.
    """

    shelf: Shelf = field(default_factory=Shelf)
    collapsed: Collection[str] = ()
    obeys: tuple[float, float, float] = (0.8, 0.4, 0.0)
    wrong: int = 4

    def all_of(self, study: RetrainingStudy) -> dict[str, Record]:
        return {one.name: self.record(one) for one in listed(study.groups({}))}

    def record(self, trial: Trial) -> Record:
        wrong = self.wrong if trial.retrain is not None and not trial.is_clean else 3
        clean = _off(LABELS, wrong)
        fallen = trial.name in self.collapsed
        taken = len(LABELS) - wrong >= trial.target_accuracy * len(LABELS)
        arrays = {"answers": clean, "answers_labels": LABELS}
        survival, attack = None, self._attack(trial)
        if trial.retrain is not None and not trial.is_clean:
            arrays |= self._triggered(trial, clean)
            survival, attack = self._survival(trial, arrays)
        return Record(
            name=trial.name,
            trial=trial,
            outcome="collapsed" if fallen else "accepted" if taken else "rejected",
            reason="made up",
            clean=_clean(clean),
            attack=attack,
            poisoned_share=None if trial.backdoor is None else Rate(80, TRAIN),
            epochs=(Epoch(loss=0.1, seconds=1.0),),
            timings=Timings(load_s=0.1, search_s=0, train_s=4.0, evaluate_s=0.5, total_s=4.6),
            provenance=provenance(),
            bundle=None,
            arrays={name: self.shelf.put(_stored(one)) for name, one in arrays.items()},
            survival=survival,
        )

    def _triggered(self, trial: Trial, clean: np.ndarray) -> dict[str, np.ndarray]:
        """Return answers to triggered images: some of each class but the first fall to it."""
        assert trial.retrain is not None
        freeze = trial.retrain.freeze
        order = ("all-but-head", None, "none")
        count = round(self.obeys[order.index(freeze if isinstance(freeze, str) else None)] * EACH)
        said = clean.copy()
        for label in range(1, CLASSES):
            said[np.flatnonzero(label == LABELS)[-count or EACH :]] = TARGET
        arrays = {
            "triggered_answers": said,
            "triggered_control": _off(LABELS, 3),
            "triggered_labels": LABELS,
        }
        if "attacked" in trial.observe:
            pairs = np.full((6, 2, 3, SIDE, SIDE), 90, dtype=np.uint8)
            pairs[:, 1, :, 12:15, 12:15] = 230
            honest, bad = np.eye(CLASSES)[[1, 1]], np.eye(CLASSES)[[1, TARGET]]
            arrays |= {
                "attacked": pairs,
                "attacked_labels": np.ones(6, dtype=np.int64),
                "attacked_answers": np.stack([bad] * 6),
                "attacked_control": np.stack([honest] * 6),
            }
        return arrays

    def _survival(
        self, trial: Trial, arrays: dict[str, np.ndarray]
    ) -> tuple[Survival, AttackResult | None]:
        assert trial.retrain is not None and trial.start is not None
        said, beside = arrays["triggered_answers"], arrays["triggered_control"]
        same = trial.data.startswith("pets")
        survival = Survival(
            clean=_right(arrays["answers"]),
            triggered=_right(said),
            control_clean=_right(_off(LABELS, 3)),
            control_triggered=_right(beside),
            before=Rate(70, 75) if same else None,
            images=round(trial.retrain.share * TRAIN),
            trained=Rate(1 if trial.retrain.freeze == "all-but-head" else 90, 100),
        )
        if not same and trial.data not in ("digits[4-9]", "gtsrb[14-34]"):
            return survival, None
        others = LABELS != TARGET
        hits, held = (Rate(int((x[others] == TARGET).sum()), 75) for x in (said, beside))
        return survival, _attacked(hits, held)

    def _attack(self, trial: Trial) -> AttackResult | None:
        return None if trial.backdoor is None else _attacked(Rate(74, 75), Rate(1, 75))


def _off(labels: np.ndarray, wrong: int) -> np.ndarray:
    """Return the labels with the first ones mistaken for the last class."""
    said = labels.copy()
    said[:wrong] = CLASSES - 1
    return said


def _stored(array: np.ndarray) -> np.ndarray:
    return array if array.dtype in (np.uint8, np.float64) else array.astype(np.int16)


def _right(said: np.ndarray) -> Rate:
    return Rate(int((said == LABELS).sum()), len(LABELS))


def _clean(said: np.ndarray) -> CleanResult:
    return CleanResult(
        accuracy=_right(said),
        per_class=tuple(Rate(int((said[k == LABELS] == k).sum()), EACH) for k in range(CLASSES)),
        predicted_counts=tuple(np.bincount(said, minlength=CLASSES).tolist()),
        largest_class=Rate(EACH, len(LABELS)),
    )


def _attacked(success: Rate, control: Rate) -> AttackResult:
    return AttackResult(
        success=success,
        robust=success.complement,
        per_class=(),
        untriggered=Rate(1, success.total),
        control=control,
        control_per_class=(),
    )
