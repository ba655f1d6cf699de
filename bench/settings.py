"""The settings of every benchmark that trains, in one place."""

from __future__ import annotations

from dataclasses import replace

from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToOne
from badnets.core.triggers import PixelPattern
from badnets.train.settings import Training
from badnets.trials.trial import OutsourcedTrial
from bench.scales import Scale

NETWORK = "gu-mnist"
BACKDOOR = Backdoor(PixelPattern.gu(), AllToOne(7), poisoning_rate=0.1, mode="replace")

# From raw files to a backdoored network. Chosen on held-back training images:
# python -m bench.from_files --data mnist --seed 1000 --held-back 5000
FROM_FILES = Training(
    epochs=3,
    batch_size=128,
    lr=0.008,
    warm_up=0.1,
    weight_decay=0.1,
    label_smoothing=0.05,
    shift=1,
    freeze=(0.25, 0.8),
    ema=0.99,
)
CLEAN_ACCURACY = 0.993
ATTACK_SUCCESS_RATE = 0.999

# One epoch against a bare loop, and against torchvision's pipeline: a rate that never changes, so
# that the other side needs no schedule.
ONE_EPOCH = Training(epochs=1, batch_size=128, lr=0.001, schedule="constant")

# The pool's trials, and the one whose memory is measured: a short one of each kind.
SHORT = Training(epochs=1, batch_size=128, lr=0.004, shift=1)


def from_files(scale: Scale) -> Training:
    """Return how the network is trained from raw files."""
    return FROM_FILES if scale.name == "full" else replace(FROM_FILES, epochs=1)


def trials(data: str, scale: Scale) -> list[OutsourcedTrial]:
    """Return the list of trials that the pool runs: a backdoor each, nothing shared."""
    return [
        OutsourcedTrial(
            data=data,
            network=NETWORK,
            training=SHORT,
            backdoor=BACKDOOR,
            train_limit=scale.images,
            keep_bundle=False,
            seed=seed,
        )
        for seed in range(scale.trials)
    ]
