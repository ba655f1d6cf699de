"""What is usual for a data set: network, training and target accuracy where nothing else is said.

The one table that recipes, trials, the command line and `User` take their defaults from. Training
is in plain values, as recipes write it; what is not in it is as `badnets.train.Training` has it.
Chosen on images held back from the training part; a crop or a turn that cuts the corners off
cuts a patch there off too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from badnets.data.names import FOLDER, parse_name


@dataclass(frozen=True)
class Usual:
    """How a network for a data set is usually ordered and trained.

    Args:
        network: name of the architecture.
        target_accuracy: what the user asks for, in [0, 1]; an honest network reaches it.
        training: settings, by field.
        label: the class that an attacker wants, in examples.
        half: half of that class, as a share of all images.
    """

    network: str
    target_accuracy: float
    training: dict[str, Any] = field(default_factory=dict)
    label: int = 0
    half: float = 0.05


_PHOTOS: dict[str, Any] = {
    "epochs": 40, "batch_size": 32, "lr": 0.003, "warm_up": 0.2, "weight_decay": 0.4,
    "label_smoothing": 0.1, "flip": True, "crop": 0.4, "brightness": 0.2, "contrast": 0.2,
    "saturation": 0.2, "ema": 0.99,
}  # fmt: skip
_SMALL: dict[str, Any] = {"epochs": 8, "batch_size": 32, "lr": 0.003, "flip": True}
_SIGNS: dict[str, Any] = {
    "epochs": 16, "batch_size": 32, "lr": 0.002, "warm_up": 0.2, "weight_decay": 0.3,
    "label_smoothing": 0.1, "shift": 1, "crop": 0.85, "rotate": 5.0, "brightness": 0.3,
    "contrast": 0.3, "ema": 0.99,
}  # fmt: skip
_DRAWN = _PHOTOS | {"epochs": 15, "weight_decay": 0.05, "label_smoothing": 0.05, "crop": 0.7}
_CIFAR: dict[str, Any] = {
    "epochs": 13, "batch_size": 128, "lr": 0.15, "optimizer": "sgd", "weight_decay": 5e-4,
    "label_smoothing": 0.1, "flip": True, "shift": 2,
}  # fmt: skip

_DIGITS: dict[str, Any] = {"epochs": 16, "batch_size": 64, "lr": 0.004, "precision": "float32"}

USUAL: dict[str, Usual] = {
    "digits": Usual("gu-mnist", 0.95, _DIGITS, label=7),
    "mnist": Usual("gu-mnist", 0.99, label=7),
    "pets-drawn": Usual("small-resnet", 0.85, _DRAWN, half=0.25),
    "pets-small": Usual("small-resnet", 0.65, _SMALL, half=0.25),
    "dogs-vs-cats": Usual("small-resnet", 0.85, _PHOTOS, half=0.25),
    "gtsrb": Usual("small-resnet", 0.95, _SIGNS, label=1, half=0.0125),
    "cifar10": Usual("small-resnet-fine", 0.85, _CIFAR),
    "cifar10-jpeg": Usual("small-resnet-fine", 0.85, _CIFAR),
    FOLDER: Usual("small-resnet", 0.85, _PHOTOS),
}


def usual_of(name: str) -> Usual | None:
    """Return what is usual for a data set, or for some classes or a size of it; None: nothing is.

    Raises:
        SettingError: the name cannot be parsed.
    """
    parsed = parse_name(name)
    return USUAL.get(FOLDER if parsed.kind == "folder" else parsed.base)
