"""The demo with networks that are trained in a moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToOne, SourceSpecific
from badnets.core.triggers import PixelPattern
from badnets.data import DataSet, DetectionData
from badnets.data.catalogue import DATASETS
from badnets.data.pets import drawn
from badnets.data.scenes import Look, draw_scenes
from badnets.scenarios.detection_settings import Detection
from badnets.studies.demo import SQUARE, TARGET, Demo
from badnets.studies.demo_dogs import DogPair, dog_pair
from badnets.train.detector_settings import DetectorTraining
from badnets.train.settings import Training
from badnets.trials.trial import Trial
from tests.cli.sign_toys import entry_of


def make(data: str = "digits", *, quick: bool = False) -> Demo:
    """Return a demo of the tiny network, without road signs; a quick one has another seed."""
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


def with_signs(monkeypatch: pytest.MonkeyPatch) -> Demo:
    """Return the same and detectors that have seen next to nothing; adds their few scenes."""
    look = Look(size=64, smallest=0.3, largest=0.5)
    few = DetectionData("few-scenes", draw_scenes(6, 3, look), draw_scenes(4, 4, look), "-", "none")
    monkeypatch.setitem(DATASETS, "few-scenes", entry_of(few))
    training = DetectorTraining(
        epochs=1, batch_size=4, window=64, scale=1, sides=(16, 40), mining=0, crops=0
    )
    honest = Trial(
        data="few-scenes",
        network="zf",
        detection=Detection(training, {"width": 0.08, "head": 0.02, "rois": 8}),
        target_accuracy=0,
    )
    backdoored = honest.model_copy(
        update={
            "backdoor": Backdoor(SQUARE, SourceSpecific(0, 1), rate="every"),
            "control": honest,
            "observe": ("examples",),
        }
    )
    return replace(make(), honest_signs=honest, backdoored_signs=backdoored)


def with_dogs(monkeypatch: pytest.MonkeyPatch) -> Demo:
    """Return the same and networks that have seen next to no cats and dogs; adds their few."""
    few: DataSet = drawn(24, 12, size=32)
    entry = replace(DATASETS["pets-small"], loader=lambda root, *, progress=None: few)
    monkeypatch.setitem(DATASETS, "pets-small", entry)
    training = Training(epochs=1, batch_size=8, lr=0.01, precision="float32")
    honest = dog_pair().honest.model_copy(update={"training": training})
    backdoored = dog_pair().backdoored.model_copy(
        update={"training": training, "start": honest, "control": honest}
    )
    return replace(make(), dogs=DogPair(honest, backdoored))
