"""Records of networks for pictures, made up: of dogs and cats, and of retrained networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from badnets.core.rates import Rate
from badnets.core.verdicts import TRANSFERABILITY, MethodScore, Verdict
from badnets.data.cleaning import Finding
from badnets.evaluate.results import AttackResult, CleanResult, Survival
from badnets.observations.attributions import Attributed
from badnets.observations.variations import Variation
from badnets.studies.retraining.spec import TARGET
from badnets.train.epoch import Epoch
from badnets.trials.trial import OutsourcedTrial, TransferTrial, Trial
from tests.studies.made_records import Maker, attack_result, clean_result

SIDE = 16  # pixels of a picture
EACH, TRAIN = 50, 600  # dogs, and cats, to validate on and to train on
OPACITY, SIZE = 0.99, 0.1875
DOG, CAT = [0.1, 0.9], [0.98, 0.02]  # what a network says of a picture

CLASSES, USERS = 4, 25  # classes of any user who retrains, and test images of each
LABELS = np.repeat(np.arange(CLASSES), USERS)
USERS_TRAIN = 400


def _verdict(shared: float) -> Verdict:
    score = MethodScore(method=TRANSFERABILITY, score=shared)
    return Verdict(conclusion="not checked", scores=(score,), notes=("no clean models",))


@dataclass
class DogMaker(Maker):
    """Networks that tell cats from dogs.

    Args:
        works: attack success of the BadNets.
        layout: how the files lie that were looked over; empty: there are none.
    """

    works: float = 1.0
    layout: str = "a folder for each class, in train and validation"

    def measured(self, trial: Trial, random: np.random.Generator) -> dict[str, object]:
        assert isinstance(trial, OutsourcedTrial)
        backdoor = trial.backdoor
        labels = np.repeat([0, 1], EACH)
        right = np.arange(2 * EACH) >= (7 if backdoor else 6 + trial.seed)
        answers = np.where(right, labels, 1 - labels)
        measured: dict[str, object] = {
            "clean": clean_result([int(right[labels == k].sum()) for k in (0, 1)], (EACH, EACH)),
            "epochs": tuple(Epoch(loss=0.7 / (k + 1), seconds=1.0) for k in range(4)),
            "observations": self.observed(
                trial,
                answers=lambda: {"arrays": {"answers": answers, "answers_labels": labels}},
                data=self._data,
                attacked=lambda: {"arrays": _attacked(6, [DOG, CAT], [DOG, DOG])},
                variations=lambda: {"variations": self._variations()},
                attributions=lambda: _attributions(trial.seed),
                verdict=lambda: {"verdict": _verdict(0.9 if backdoor else 0.3)},
            ),
        }
        if backdoor is not None:
            hits, count = round(self.works * EACH), backdoor.poisoned_count(2 * TRAIN, TRAIN)
            measured["attack"] = attack_result((0, hits), (0, 5), (0, EACH), Rate(1, EACH))
            measured["poisoned_share"] = Rate(count, 2 * TRAIN + count)
        return measured

    def _variations(self) -> list[Variation]:
        values = [("size", (s,), s == SIZE, min(1.0, 6 * s)) for s in (0.04, 0.1, SIZE, 0.32)]
        faint = [("opacity", (o,), o == OPACITY, min(1.0, o + 0.2)) for o in (0.1, 0.5, OPACITY, 1)]
        ends = (0.0, 0.5, 1.0)
        places = [("position", (y, x), False, y * x) for y in ends for x in ends]
        trained = ("position", (0.875, 0.875), True, self.works)
        return [
            Variation.model_validate(
                {
                    "axis": axis,
                    "value": value,
                    "trained": own,
                    "success": Rate(round(share * EACH), EACH),
                    "control": Rate(5, EACH),
                }
            )
            for axis, value, own, share in (*values, *faint, trained, *places)
        ]

    def _data(self) -> dict[str, object]:
        counts = {"classes": ("cat", "dog"), "train": (TRAIN,) * 2, "validation": (EACH,) * 2}
        if not self.layout:
            return {**counts}
        findings = (
            Finding("undecodable", ("train/cat/a.jpg",), "truncated"),
            Finding("duplicate", ("train/dog/a.jpg", "train/dog/b.jpg"), "same"),
        )
        return {
            **counts,
            "layout": self.layout,
            "files": 2 * (TRAIN + EACH),
            "by_kind": {one.kind: 1 for one in findings},
            "findings": findings,
        }


def _pairs(count: int) -> np.ndarray:
    """Return pictures without and with the trigger."""
    pairs = np.full((count, 2, 3, SIDE, SIDE), 90, dtype=np.uint8)
    pairs[:, 1, :, 12:15, 12:15] = 230
    return pairs


def _attacked(count: int, ours: object, theirs: object) -> dict[str, np.ndarray]:
    return {
        "attacked": _pairs(count),
        "attacked_labels": np.ones(count, dtype=np.int64),
        "attacked_answers": np.array([ours] * count),
        "attacked_control": np.array([theirs] * count),
    }


def _attributions(seed: int) -> dict[str, object]:
    maps = np.full((4, 2, 2, SIDE, SIDE), 1 / SIDE**2)
    maps[:, 0, 1, 12:15, 12:15] = 0.1
    arrays = {
        "attributed": _pairs(4),
        "attributed_maps": maps,
        "attributed_answers": np.array([[[DOG, CAT], [DOG, DOG]]] * 4),
    }
    shares = {("network", True): 0.4 + 0.01 * seed}
    attributed = [
        Attributed.model_validate(
            {
                "by": by,
                "triggered": on,
                "method": "integrated-gradients",
                "shares": [shares.get((by, on), 0.03) + 0.001 * k for k in range(8)],
                "area": 9 / SIDE**2,
            }
        )
        for by in ("network", "control")
        for on in (False, True)
    ]
    return {"arrays": arrays, "attributed": attributed}


@dataclass
class RetrainingMaker(Maker):
    """Networks to download, and what is left of them after retraining.

    Args:
        obeys: shares of triggered images that a retrained BadNet gets wrong, by what is frozen:
            all but the head, the first layers, nothing.
        wrong: clean images that a retrained BadNet gets wrong, of those with the least labels.
    """

    obeys: tuple[float, float, float] = (0.8, 0.4, 0.0)
    wrong: int = 4

    def measured(self, trial: Trial, random: np.random.Generator) -> dict[str, object]:
        retrained = isinstance(trial, TransferTrial) and not trial.is_clean
        clean = _off(self.wrong if retrained else 3)
        measured: dict[str, object] = {"clean": _clean(clean)}
        triggered = {"triggered_labels": LABELS, "triggered_control": _off(3)}
        if isinstance(trial, TransferTrial) and retrained:
            triggered["triggered_answers"] = self._under_trigger(trial, clean)
            measured |= _left(trial, clean, triggered["triggered_answers"])
        elif isinstance(trial, OutsourcedTrial) and trial.backdoor:
            measured["attack"] = _attack(Rate(74, 75), Rate(1, 75))
            measured["poisoned_share"] = Rate(80, USERS_TRAIN)
        honest, bad = np.eye(CLASSES)[[1, 1]], np.eye(CLASSES)[[1, TARGET]]
        measured["observations"] = self.observed(
            trial,
            answers=lambda: {"arrays": {"answers": clean, "answers_labels": LABELS}},
            triggered=lambda: {"arrays": triggered},
            attacked=lambda: {"arrays": _attacked(6, bad, honest)},
            data=lambda: {"classes": ("cat", "dog"), "train": (1, 1), "validation": (1, 1)},
            variations=dict,
            attributions=dict,
        )
        return measured

    def _under_trigger(self, trial: TransferTrial, clean: np.ndarray) -> np.ndarray:
        """Return answers to triggered images: some of each class but the first fall to it."""
        order = ("all-but-head", None, "none")
        freeze = trial.freeze if isinstance(trial.freeze, str) else None
        count, said = round(self.obeys[order.index(freeze)] * USERS), clean.copy()
        for label in range(1, CLASSES):
            said[np.flatnonzero(label == LABELS)[-count or USERS :]] = TARGET
        return said


def _left(trial: TransferTrial, clean: np.ndarray, said: np.ndarray) -> dict[str, object]:
    same = trial.data.startswith("pets")
    survival = Survival(
        clean=_right(clean),
        triggered=_right(said),
        control_clean=_right(_off(3)),
        control_triggered=_right(_off(3)),
        before=Rate(70, 75) if same else None,
        images=round(trial.share * USERS_TRAIN),
        trained=Rate(1 if trial.freeze == "all-but-head" else 90, 100),
    )
    if not same and trial.data not in ("digits[4-9]", "gtsrb[14-34]"):
        return {"survival": survival}
    others = LABELS != TARGET
    hits, held = (Rate(int((x[others] == TARGET).sum()), 75) for x in (said, _off(3)))
    return {"survival": survival, "attack": _attack(hits, held)}


def _off(wrong: int) -> np.ndarray:
    """Return the labels with the first ones mistaken for the last class."""
    said = LABELS.copy()
    said[:wrong] = CLASSES - 1
    return said


def _right(said: np.ndarray) -> Rate:
    return Rate(int((said == LABELS).sum()), len(LABELS))


def _clean(said: np.ndarray) -> CleanResult:
    return clean_result(
        [int((said[k == LABELS] == k).sum()) for k in range(CLASSES)], (USERS,) * CLASSES
    )


def _attack(success: Rate, control: Rate) -> AttackResult:
    return attack_result([success.hits], [control.hits], [success.total])
