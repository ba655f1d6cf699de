"""Settings of trainings: what is refused, and that it is said by name."""

from __future__ import annotations

import math
from typing import Any

import pytest

from badnets.core.errors import SettingError
from badnets.train import DetectorTraining, Training
from badnets.train.detector_settings import Crops, Scales, TriggerLearning, Windows

ABOVE_ZERO = (0.0, -1.0, math.inf, math.nan)
NOT_NEGATIVE = (-0.1, math.inf, math.nan)
SHARE = (-0.1, 1.0, math.nan)
WHOLE = (0, -1)
GAIN = ((0.0, 1.0), (1.0, math.nan), (1.0, 1.0, 1.0), (1.0, math.inf))

REFUSED: list[tuple[type[Any], str, tuple[Any, ...]]] = [
    *(
        (settings, name, wrong)
        for settings in (Training, DetectorTraining)
        for name, wrong in {
            "epochs": WHOLE,
            "batch_size": WHOLE,
            "lr": ABOVE_ZERO,
            "weight_decay": NOT_NEGATIVE,
            "warm_up": SHARE,
            "ema": SHARE,
            "precision": ("bf16",),
            "task": ("other",),
        }.items()
    ),
    (Training, "label_smoothing", SHARE),
    (Training, "shift", (-1,)),
    (Training, "rotate", (-1.0, 181.0)),
    (Training, "crop", (0.0, 1.1, math.nan)),
    *((Training, name, SHARE) for name in ("brightness", "contrast", "saturation", "cutout")),
    *((Training, name, SHARE) for name in ("stickers", "label_noise")),
    (Training, "trigger_gain", GAIN),
    (Training, "freeze", ((0.0,), (0.5, 1.0), (math.nan,), (0.5, 0.4))),
    (Training, "optimizer", ("adam",)),
    (Training, "schedule", ("cosin",)),
    (Training, "stamp", ("afterwards",)),
    (DetectorTraining, "clip", ABOVE_ZERO),
    (DetectorTraining, "threshold", (-0.1, 1.1, math.nan)),
    (Windows, "side", (63, 1025)),
    (Windows, "object_sizes", ((3.0, 9.0), (30.0, 20.0), (20.0, 192.0), (20.0,))),
    (Windows, "background", SHARE),
    (Windows, "mining", (-1,)),
    (Windows, "jitter", (-0.1, 2.0)),
    (Windows, "cache", (-1,)),
    (Scales, "scale", (0.4, 8.1, math.nan)),
    (Scales, "second_scale", (-0.1, 2.0)),
    (Crops, "passes", (-1,)),
    (Crops, "batch_size", (1,)),
    (Crops, "side", (31, 257)),
    (TriggerLearning, "trigger_gain", GAIN),
    (TriggerLearning, "trigger_discrimination", NOT_NEGATIVE),
    (TriggerLearning, "poisoned_copies", (0, 17)),
]


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [(settings, name, value) for settings, name, wrong in REFUSED for value in wrong],
    ids=str,
)
def test_a_setting_outside_its_range_is_refused_by_name(
    settings: type[Any], name: str, value: Any
) -> None:
    with pytest.raises(SettingError, match=rf"{settings.__name__}: .*{name}"):
        settings(**{name: value})


def test_a_trigger_that_is_on_disk_cannot_be_made_stronger() -> None:
    with pytest.raises(SettingError, match="trigger_gain other than 1 needs stamp 'after'"):
        Training(trigger_gain=(10.0, 1.0), stamp="before")
    Training(trigger_gain=(1.0, 1.0), stamp="before")


def test_a_misspelt_setting_is_an_error() -> None:
    with pytest.raises(SettingError, match="learning_rate"):
        Training(learning_rate=0.1)  # type: ignore[call-arg]


def test_a_group_is_changed_in_part_and_checked_again() -> None:
    plain = DetectorTraining(crops=Crops(side=40))
    changed = plain.changed(epochs=2, crops={"passes": 3}, scales=Scales(1.0))
    assert changed == DetectorTraining(
        epochs=2, crops=Crops(passes=3, side=40), scales=Scales(scale=1.0)
    )
    with pytest.raises(SettingError, match="passes"):
        plain.changed(crops={"passes": -1})


def test_every_setting_that_changes_images_counts_as_augmentation() -> None:
    assert not Training().augments
    for name in (
        "shift", "rotate", "flip", "brightness", "contrast", "saturation", "cutout", "stickers",
    ):  # fmt: skip
        value = {"shift": 1, "flip": True}.get(name, 0.1)
        assert Training(**{name: value}).augments, name  # type: ignore[arg-type]
    assert Training(crop=0.9).augments
