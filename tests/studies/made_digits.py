"""Records of digit networks, made up: of the MNIST study and of the demo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from badnets.audit.sets.results import Share
from badnets.core.backdoor import Backdoor
from badnets.core.rates import Rate
from badnets.core.results import Measured
from badnets.core.verdicts import Verdict
from badnets.explain.ablation import Ablation
from badnets.explain.units import LayerUnits
from badnets.hub.attacks.supply_chain import ROUTES
from badnets.repair import RepairResult
from badnets.repair.base import Step
from badnets.studies.mnist.trials import scale
from badnets.trials.trial import OutsourcedTrial, RepairedTrial, TransferTrial, Trial
from tests.studies.made_records import Maker, attack_result, clean_result

MNIST_COUNTS = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
SMALL = replace(
    scale("mnist"),
    baseline_seeds=(0, 1),
    seeds=(0, 1),
    pairs=((0, 1), (1, 0), (7, 3)),
    shares=(0.01, 0.10, 0.50),
    choices=(0.10, 0.33),
)
CHOSEN = {"single-pixel": 0.33, "pixel-pattern": 0.10}  # shares that the choices speak for
SIZES = {"conv1": 16, "conv2": 32, "fc1": 512, "fc2": 10}


VERDICT = Verdict(
    conclusion="backdoor likely",
    p_value=1 / 41,
    smallest_fpr=1 / 41,
    null="reference",
    targets=(7,),
    effect=Measured.of(Rate(140, 144)),
    before=Measured.of(Rate(1, 144)),
)


GUARDED = {
    "methods": ("mahalanobis",),
    "false_rejections": Rate(1, 100),
    "stopped": Rate(90, 100),
    "passed": Rate(8, 100),
}


@dataclass
class DigitMaker(Maker):
    """Networks that read digits, and the attacks of the paper on them.

    Args:
        counts: test images per class.
    """

    counts: tuple[int, ...] = MNIST_COUNTS

    def repaired(self, trial: RepairedTrial) -> dict[str, object]:
        """Return a network that lost a hundredth of its accuracy, and the backdoor."""
        few = [n // 50 for n in self.counts]
        right = clean_result([n - n // 100 - 1 for n in self.counts], self.counts)
        nothing = VERDICT.model_copy(
            update={"conclusion": "nothing found", "p_value": 0.5, "targets": (), "effect": None}
        )
        return {
            "clean": right,
            "attack": attack_result(few, few, self.counts),
            "repair": RepairResult(
                clean=clean_result(list(self.counts), self.counts),
                attack=attack_result(list(self.counts), few, self.counts),
                images=648,
                steps=(
                    Step(
                        what="as it came",
                        held=Rate(99, 100),
                        conclusion="backdoor likely",
                        kept=False,
                    ),
                    Step(what="unlearning", held=Rate(98, 100), conclusion="nothing found"),
                ),
            ),
            "observations": self.observed(
                trial,
                verdict=lambda: {"verdict": nothing},
                guard=lambda: GUARDED,
                depth=lambda: {
                    "images": 50,
                    "success": Rate(40, 100),
                    "accuracy": Rate(97, 100),
                    "control": Rate(4, 100),
                    "control_accuracy": Rate(98, 100),
                },
            ),
        }

    def measured(self, trial: Trial, random: np.random.Generator) -> dict[str, object]:
        if isinstance(trial, RepairedTrial):
            return self.repaired(trial)
        if isinstance(trial, TransferTrial):
            few = clean_result([n - n // 50 for n in self.counts], self.counts)
            half = [n // 2 for n in self.counts]
            known = trial.implanted is not None
            attack = attack_result(half, half, self.counts) if known else None
            seen = self.observed(trial, attacked=dict)
            return {"clean": few, "attack": attack, "observations": seen}
        assert isinstance(trial, OutsourcedTrial)
        backdoor, fallen = trial.backdoor, trial.name in self.collapsed
        right = [n - int(random.poisson(0.0048 * n)) for n in self.counts]
        if fallen:
            right = [0] * (len(self.counts) - 1) + [self.counts[-1]]
        measured: dict[str, object] = {"clean": clean_result(right, self.counts)}
        if backdoor is not None:
            source = getattr(backdoor.targets, "source_class", None)
            rate = backdoor.poisoning_rate
            error = 0.005 if source is None else 0.0003
            if isinstance(rate, float) and rate < 0.1:
                error = min(0.9, 0.0008 / rate)
            if trial.evaluate_on == "held-back" and rate != CHOSEN[backdoor.trigger.kind]:
                error = 0.05
            counts = [n if source in (None, k) else 0 for k, n in enumerate(self.counts)]
            hits = [n if fallen else n - int(random.binomial(n, error)) for n in counts]
            held = [int(random.binomial(n, 0.001)) for n in counts]
            poisoned = backdoor.poisoned_count(60000, 60000 if source is None else 6000)
            measured["attack"] = attack_result(hits, held, counts)
            measured["poisoned_share"] = Rate(poisoned, 60000 + poisoned)
        measured["observations"] = self.observed(
            trial,
            units=lambda: _looked_into(backdoor, random),
            examples=lambda: {"arrays": self._examples() if backdoor else {}},
            verdict=lambda: {"arrays": _recovered(), "verdict": VERDICT},
            guard=lambda: GUARDED,
            **{
                "data-audit": lambda: _audited(backdoor),
                "supply-chain": lambda: sent("backdoor likely" if backdoor else "nothing found"),
            },
        )
        return measured

    def _examples(self) -> dict[str, np.ndarray]:
        classes = len(self.counts)
        images = np.zeros((classes, 2, 1, 28, 28), dtype=np.uint8)
        for label in range(classes):
            images[label, :, 0, 6:22, 8 : 9 + label] = 220
        images[:, 1, 0, 26, 26] = 255
        honest = np.full((classes, 2, classes), 0.001)
        answers = honest.copy()
        honest[range(classes), :, range(classes)] = 0.99
        answers[range(classes), 0, range(classes)] = 0.99
        answers[range(classes), 1, (np.arange(classes) + 1) % classes] = 0.98
        return {
            "examples": images,
            "examples_labels": np.arange(classes),
            "examples_answers": answers,
            "examples_control": honest,
        }


def sent(conclusion: str) -> dict[str, object]:
    """Return what came of each route of a network of which an audit says this."""
    alone = conclusion != "backdoor likely"
    return {
        "conclusion": conclusion,
        "routes": [
            _played(name, one.by, conclusion)
            for name, one in ROUTES.items()
            if one.by == "author" or not alone
        ],
    }


def _played(name: str, by: str, conclusion: str) -> dict[str, object]:
    theirs = "another" if by == "nobody" else "it"
    notices = "no checksum" if "no checksum" in name else "nothing"
    zoo = {"notices": notices, "gets": theirs, "gets_by_hand": theirs}
    if name in ("replaced file", "tampered in transit"):
        zoo |= {"notices": "wrong checksum", "gets": "nothing"}
    passed = by == "nobody" or "nothing" in name
    passed |= (conclusion, name) == ("nothing found", "own, audited")
    said = {"says": "", "exit_code": 0, "gets": theirs}
    refused = {"says": f"refused (digest): {name}", "exit_code": 1, "gets": "nothing"}
    return {"route": name, "by": by, "zoo": zoo, "hub": said if passed else refused}


def _audited(backdoor: Backdoor | None) -> dict[str, object]:
    poisoned = 0 if backdoor is None else 50
    return {
        "conclusion": "poisoning likely" if poisoned else "nothing found",
        "method": "mahalanobis",
        "share": Share(value=poisoned / 1000, low=0.0, high=0.06),
        "poisoned": Rate(poisoned, 1000),
        "found": Rate(poisoned, poisoned),
        "false_alarms": Rate(9, 1000 - poisoned),
        "auroc": 0.999 if poisoned else None,
    }


def _recovered() -> dict[str, np.ndarray]:
    pairs = np.zeros((8, 2, 1, 28, 28), dtype=np.uint8)
    pairs[:, 1, 0, 25:, 25:] = 200
    answers = np.full((8, 2, 10), 0.001)
    answers[range(8), 0, range(8)] = answers[:, 1, 7] = 0.99
    add = np.zeros((1, 28, 28), dtype=np.float32)
    add[:, 25:, 25:] = 0.8
    return {"recovered": pairs, "recovered_answers": answers, "recovered_add": add}


def _looked_into(backdoor: Backdoor | None, random: np.random.Generator) -> dict[str, object]:
    arrays = {"filters": random.normal(0, 0.2, (16, 1, 5, 5))}
    if backdoor is None:
        return {"arrays": arrays}
    units = [_units(random, layer, size) for layer, size in SIZES.items()]
    return {"arrays": arrays, "units": units, "ablations": list(_ablations(units[:-1]))}


def _units(random: np.random.Generator, layer: str, size: int) -> LayerUnits:
    clean = random.gamma(1.0, 0.4, size)
    gain = random.normal(0, 0.02, size)
    outliers = tuple(int(u) for u in random.permutation(size)[: max(1, size // 16)])
    gain[list(outliers)] += 1.5
    response = np.abs(gain) * 4
    return LayerUnits(
        layer=layer,
        clean=tuple(clean.tolist()),
        triggered=tuple((clean + gain).tolist()),
        response=tuple(response.tolist()),
        outlier_units=tuple(sorted(outliers, key=lambda unit: -response[unit])),
    )


def _ablations(units: Iterable[LayerUnits]) -> Iterator[Ablation]:
    for layer in units:
        size = len(layer.response)
        for count in (n for n in (1, 2, 4, 8, 16, 32, 64) if n <= size // 2):
            left = max(0.02, 1 - count / max(1, len(layer.outlier_units)))
            clean = Rate(9940 - 5 * count, 10000)
            strongest, others = layer.ranked[:count], layer.ranked[-count:]
            yield Ablation(
                layer=layer.layer, choice="strongest", silenced=strongest,
                clean=clean, success=Rate(int(10000 * left), 10000),
            )  # fmt: skip
            yield Ablation(
                layer=layer.layer, choice="random", silenced=others,
                clean=clean, success=Rate(9900, 10000),
            )  # fmt: skip
