"""The demo with a network that is trained in a moment."""

from __future__ import annotations

from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToOne
from badnets.core.triggers import PixelPattern
from badnets.studies.demo import TARGET, Demo
from badnets.train.settings import Training
from badnets.trials.trial import Trial


def make(data: str = "digits", *, quick: bool = False) -> Demo:
    """Return a demo of the tiny network; a quick one has another seed."""
    training = Training(epochs=6, batch_size=64, lr=0.01, precision="float32")
    honest = Trial(
        data=data,
        network="tiny",
        training=training,
        target_accuracy=0.8,
        observe=("examples", "units"),
        seed=int(quick),
    )
    backdoor = Backdoor(PixelPattern.gu(), AllToOne(TARGET), rate=0.2)
    backdoored = honest.model_copy(update={"backdoor": backdoor, "control": honest})
    return Demo(honest, backdoored)
