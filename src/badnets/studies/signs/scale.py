"""How much of the sign studies is run, and how their detectors are trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from badnets.bundles.schema import Scalar
from badnets.scenarios.detection_settings import Detection
from badnets.train.detector_settings import DetectorTraining
from badnets.trials.trial import Trial

NETWORK = "zf"
HALF: dict[str, Scalar] = {"width": 0.5, "head": 0.125, "dropout": 0.2}
"""Half the paper's convolutions and an eighth of its fully connected units, batch-normalised."""

STRENGTHS = (1.0, 10.0, 20.0, 30.0, 50.0, 70.0, 100.0)


@dataclass(frozen=True)
class Scale:
    """How much of the study is run, and how detectors are trained.

    Attributes:
        seeds: of the headline rows.
        training: of honest detectors.
        attacking: of malicious ones, which go on from the honest detector of the same seed.
        misnaming: of those among them that are to misname any sign, wherever the sticker is.
        retraining: the user's, in transfer learning.
        architecture: settings of the network.
        start: the detector that honest trainings start from; None: random weights.
        train_limit: training frames; None for all.
        target_accuracy: what the user asks for.
        extras: whether the simulated street is run too, and what the user can vary.
        whole: whether BadDet's attacks, the authors' reduced shares, a training on the simulated
            street and the random target's other stickers are run too: one seed, on drawn scenes
            alone.
        strengths: factors on the backdoor's units.
    """

    seeds: tuple[int, ...]
    training: DetectorTraining
    attacking: DetectorTraining
    misnaming: DetectorTraining
    retraining: DetectorTraining
    architecture: Mapping[str, Scalar]
    start: Trial | None = None
    train_limit: int | None = None
    target_accuracy: float = 0.85
    extras: bool = True
    whole: bool = False
    strengths: tuple[float, ...] = STRENGTHS


# Chosen on scenes held out of the training frames of Tiny LISA.
DRAWN = DetectorTraining(epochs=2, lr=2e-3, background=0.3, crops=5, mining=60, ema=0.99, scale=2.0)
TRAINING = replace(
    DRAWN, epochs=12, lr=1.5e-3, background=0.45, crops=40, mining=60, scale=2.5, coarse=1.0
)
ATTACKING = replace(TRAINING, epochs=5, background=0.4, gain=(4.0, 1.0), mining=40)
# A faint sticker anywhere, for labels that agree on nothing, is learned on larger crops, each
# beside the same one without it, and is put elsewhere at each pass.
TELLING: dict[str, Any] = {
    "crops": 30,
    "crop_side": 112,
    "crop_batch": 16,
    "telling": 1.0,
    "gain": (6.0, 1.0),
}
STAMPINGS = 5
RETRAINING = replace(
    TRAINING, epochs=6, lr=1e-3, background=0.4, crops=0, mining=0, scale=1.75, coarse=0.0, cache=3
)


def first_lesson() -> Trial:
    """Return the detector of drawn scenes that trainings on photographs start from.

    It stands in for weights from ImageNet, which the paper's networks start from.
    """
    order = Detection(DRAWN, dict(HALF), threshold=0.5)
    return Trial(data="scenes", network=NETWORK, detection=order, target_accuracy=0.5)


def scale(data: str, *, quick: bool = False) -> Scale:
    """Return how much to run: all, or an honest subset that takes minutes.

    Args:
        data: ``"lisa"`` or ``"scenes"``.
        quick: the subset.
    """
    full = Scale(
        seeds=(0, 1, 2),
        training=TRAINING,
        attacking=ATTACKING,
        misnaming=replace(ATTACKING, epochs=12, **TELLING),
        retraining=RETRAINING,
        architecture=HALF,
        start=first_lesson(),
    )
    if data != "lisa":  # drawn signs are larger in their frames, and there are more of them
        drawn = replace(DRAWN, epochs=3, scale=1.5, crops=10)
        attacking = replace(drawn, epochs=2, gain=(4.0, 1.0))
        full = replace(
            full,
            training=drawn,
            attacking=attacking,
            misnaming=replace(attacking, **{**TELLING, "crops": 10}),
            retraining=replace(RETRAINING, epochs=2, scale=1.5, coarse=0.0),
            start=None,
            whole=True,
        )
    if not quick:
        return full
    less: dict[str, Any] = {"mining": 0, "window": 160, "sides": (20.0, 130.0)}
    return replace(
        full,
        seeds=(0,),
        training=replace(full.training, epochs=4, crops=12, **less),
        attacking=replace(full.attacking, epochs=2, crops=10, **less),
        misnaming=replace(full.misnaming, epochs=2, crops=30, crop_side=88, **less),
        retraining=replace(full.retraining, epochs=4, **less),
        architecture={**HALF, "width": 0.35},
        start=None,
        train_limit=250,
        target_accuracy=0.7,
        extras=False,
        whole=False,
        strengths=(1.0, 20.0),
    )
