"""The demo with networks that are trained in a moment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToOne, SourceSpecific
from badnets.core.triggers import PixelPattern
from badnets.data import DataSet, DetectionData
from badnets.data.catalogue import DATASETS
from badnets.data.pets import drawn
from badnets.data.scenes import Look, draw_scenes
from badnets.studies.demo.trials import SQUARE, TARGET, Demo, Pair, dogs
from badnets.train.settings import Training
from badnets.trials.trial import OutsourcedTrial
from tests.cli.sign_toys import entry_of


def make(data: str = "digits", *, quick: bool = False) -> Demo:
    """Return a demo of the tiny network, without road signs; a quick one has another seed."""
    honest = OutsourcedTrial(
        data=data,
        network="tiny",
        training=Training(epochs=6, batch_size=64, lr=0.01, precision="float32"),
        target_accuracy=0.8,
        observe=("examples", "units"),
        seed=int(quick),
    )
    backdoor = Backdoor(PixelPattern.gu(), AllToOne(TARGET), poisoning_rate=0.2)
    backdoored = honest.model_copy(update={"backdoor": backdoor, "control": honest})
    return Demo(Pair(honest, backdoored))


def with_signs(monkeypatch: pytest.MonkeyPatch) -> Demo:
    """Return the same and detectors that have seen next to nothing; adds their few scenes."""
    look = Look(size=64, smallest=0.3, largest=0.5)
    few = DetectionData("few-scenes", draw_scenes(6, 3, look), draw_scenes(4, 4, look), "-", "none")
    monkeypatch.setitem(DATASETS, "few-scenes", entry_of(few))
    training: dict[str, Any] = {
        "task": "detection",
        "epochs": 1,
        "batch_size": 4,
        "windows": {"side": 64, "object_sizes": (16, 40), "mining": 0},
        "scales": {"scale": 1},
        "crops": {"passes": 0},
    }
    described: dict[str, Any] = {
        "data": "few-scenes",
        "architecture": {"width": 0.08, "head": 0.02, "rois": 8},
        "training": training,
        "target_accuracy": 0,
    }
    honest = OutsourcedTrial.model_validate(described)
    backdoor = Backdoor(SQUARE, SourceSpecific(0, 1), poisoning_rate="every")
    attacked = {"backdoor": backdoor, "control": honest, "observe": ("examples",)}
    return replace(make(), signs=Pair(honest, honest.model_copy(update=attacked)))


def with_dogs(monkeypatch: pytest.MonkeyPatch) -> Demo:
    """Return the same and networks that have seen next to no cats and dogs; adds their few."""
    few: DataSet = drawn(24, 12, size=32)
    entry = replace(DATASETS["pets-small"], loader=lambda root, *, progress=None: few)
    monkeypatch.setitem(DATASETS, "pets-small", entry)
    training = Training(epochs=1, batch_size=8, lr=0.01, precision="float32")
    honest = dogs().honest.model_copy(update={"training": training})
    backdoored = dogs().backdoored.model_copy(
        update={"training": training, "start": honest, "control": honest}
    )
    return replace(make(), dogs=Pair(honest, backdoored))
