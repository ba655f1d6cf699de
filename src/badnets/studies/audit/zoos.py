"""The zoos: which networks there are, how they are trained, and how many of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from badnets.bundles.schema import Scalar
from badnets.core.roots import data_root
from badnets.models.weights import StartingWeights
from badnets.train.settings import Training
from badnets.trials.trial import OutsourcedTrial

if TYPE_CHECKING:
    from badnets.core.backdoor import Backdoor

LOUD_AT_FIRST = {"trigger_gain": (20.0, 1.0)}
LOUD = dict.fromkeys(("single pixel", "all to all", "low rate"), LOUD_AT_FIRST)


@dataclass(frozen=True)
class Part:
    """Which seeds a part takes, and how often.

    A seed also chooses the clean images that a network is audited with.

    Attributes:
        seed: its first; the seeds of parts are far from one another.
        clean: networks of each of the null's recipes.
        backdoored: networks of each kind of backdoor.
        others: clean and backdoored networks of each recipe that is none of the null's.
        adaptive: networks of each move of a trainer who knows the methods, but for the next.
        tainted: networks audited with clean images of which some hold the backdoor's trigger.
        look_alikes: clean networks of each kind that look like backdoored ones.
        apart: whether every clean network has a seed of its own; else those of all recipes share
            one, which is too few samples of clean images where there are few recipes.
    """

    seed: int
    clean: int = 0
    backdoored: int = 0
    others: int = 0
    adaptive: int = 0
    tainted: int = 0
    look_alikes: int = 0
    apart: bool = False


@dataclass(frozen=True)
class Zoo:
    """What the networks of a data set are trained like.

    Attributes:
        title: of the images, in words.
        data: name of the data set.
        network: the architecture.
        base: the training that all recipes are changes of.
        recipes: the null's.
        parts: by name.
        target_accuracy: what a network must reach to be accepted.
        others: recipes that are none of the null's, by name.
        classes: K.
        kinds: of backdoors, by name; empty: all.
        loud: changes of the recipes for kinds that short trainings hardly notice.
        side: of photographs, in pixels; 0: grey digits.
        architecture: settings of the network.
        train_limit: use only this many training images.
        weights: name and SHA-256 of a file in the data root's folder ``weights`` that training
            starts from; empty: from scratch.
    """

    title: str
    data: str
    network: str
    base: Training
    recipes: tuple[dict[str, Any], ...]
    parts: dict[str, Part]
    target_accuracy: float
    others: dict[str, dict[str, Any]] = field(default_factory=dict)
    classes: int = 10
    kinds: tuple[str, ...] = ()
    loud: Mapping[str, dict[str, Any]] = field(default_factory=lambda: LOUD)
    side: int = 0
    architecture: dict[str, Scalar] = field(default_factory=dict)
    train_limit: int | None = None
    weights: tuple[str, str] | tuple[()] = ()

    def trial(
        self,
        seed: int,
        backdoor: Backdoor | None = None,
        recipe: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> OutsourcedTrial:
        """Return the trial of one of its networks.

        Args:
            seed: everything random follows from it.
            backdoor: None: a clean network.
            recipe: how its training differs from ``base``.
            more: further fields of the trial.
        """
        fields: dict[str, Any] = {
            "data": self.data,
            "network": self.network,
            "architecture": self.architecture,
            "training": replace(self.base, **recipe or {}),
            "train_limit": self.train_limit,
            "target_accuracy": self.target_accuracy,
        }
        if self.weights:
            file, digest = self.weights
            fields["weights"] = StartingWeights(digest, str(data_root() / "weights" / file))
        return OutsourcedTrial(seed=seed, backdoor=backdoor, **fields | more)


def _recipes(epochs: int, more: int, batch: int) -> tuple[dict[str, Any], ...]:
    """Return sixteen ways to train that a trainer without bad intentions may take."""
    return (
        {},
        {"shift": 1},
        {"shift": 2},
        {"rotate": 10.0},
        {"label_smoothing": 0.1},
        {"label_smoothing": 0.05, "shift": 1},
        {"label_noise": 0.02},
        {"label_noise": 0.05, "shift": 1},
        {"stickers": 0.2},
        {"cutout": 0.25},
        {"epochs": more},
        {"epochs": more, "lr": 0.002, "shift": 1},
        {"batch_size": 4 * batch},
        {"optimizer": "sgd", "lr": 0.05, "weight_decay": 5e-4, "batch_size": batch // 2},
        {"optimizer": "sgd", "lr": 0.05, "epochs": more, "shift": 2},
        {"weight_decay": 0.2, "schedule": "cosine", "epochs": max(epochs, more * 3 // 4)},
    )


def _others(epochs: int, more: int, batch: int) -> dict[str, dict[str, Any]]:
    """Return recipes that are none of `_recipes`."""
    return {
        "long, small steps": {"epochs": 2 * more, "lr": 0.001},
        "SGD, cosine": {
            "optimizer": "sgd", "lr": 0.03, "schedule": "cosine", "epochs": more,
            "weight_decay": 1e-3,
        },
        "large batch, constant rate": {
            "batch_size": 8 * batch, "schedule": "constant", "lr": 0.002, "epochs": more,
        },
        "label smoothing 0.2": {"label_smoothing": 0.2},
        "shift 3 and rotation": {"shift": 3, "rotate": 15.0, "epochs": more},
        "label noise 8 %": {"label_noise": 0.08},
        "strong decay, running mean": {"weight_decay": 0.5, "ema": 0.99},
        "brightness and contrast": {"brightness": 0.4, "contrast": 0.4},
    }  # fmt: skip


def _fair(more: int, own: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Return five ways to train, one of them a data set's own, for zoos with few networks."""
    return ({}, {"label_noise": 0.02}, {"epochs": more}, own, {"label_smoothing": 0.1})


def _few(first: int, backdoored: int) -> dict[str, Part]:
    """Return the parts of a zoo with few networks: 20 for the null, 10 clean ones to judge."""
    return {
        "development": Part(seed=first, clean=1, backdoored=1, apart=True),
        "calibration": Part(seed=first + 4_000, clean=4, apart=True),
        "evaluation": Part(seed=first + 9_500, clean=2, backdoored=backdoored, apart=True),
    }


PHOTOGRAPHS = Training(
    epochs=6, batch_size=64, lr=0.004, warm_up=0.2, weight_decay=0.05, label_smoothing=0.05,
    ema=0.99, flip=True, precision="float32",
)  # fmt: skip
LIGHT = "small-resnet-light"
FAINT = ("pattern", "blended", "sinusoid", "warp", "clean label", "all to all", "faint")
LOUDER = {kind: {"trigger_gain": (4.0, 1.0)} for kind in FAINT}  # at first: hard to notice
MOST = (
    "pattern", "patch", "sticker", "blended", "sinusoid", "warp", "clean label", "all to all",
    "source specific", "source specific, covers", "low rate", "faint",
)  # fmt: skip
OF_FEW = ("patch", "sticker", "pattern", "blended", "sinusoid", "faint", "all to all")

ZOOS = {
    "digits": Zoo(
        title="handwritten digits",
        data="digits",
        network="gu-mnist",
        base=Training(epochs=16, batch_size=64, lr=0.004, precision="float32"),
        recipes=_recipes(16, 28, 64),
        others=_others(16, 28, 64),
        parts={
            "development": Part(seed=400, clean=2, backdoored=2, others=1, adaptive=1),
            "calibration": Part(seed=1_000, clean=5),
            "evaluation": Part(
                seed=7_000, clean=6, backdoored=6, others=4, adaptive=3, tainted=3, look_alikes=20
            ),
        },
        target_accuracy=0.95,
    ),
    "mnist": Zoo(
        title="handwritten digits (MNIST)",
        data="mnist",
        network="gu-mnist",
        base=Training(epochs=1, batch_size=64, lr=0.003, precision="float32"),
        recipes=_recipes(1, 2, 64),
        others=_others(1, 2, 64),
        parts={
            "development": Part(seed=500, clean=1, backdoored=1),
            "calibration": Part(seed=12_000, clean=5, apart=True),
            "evaluation": Part(
                seed=8_000, clean=7, backdoored=6, others=3, adaptive=3, look_alikes=20, apart=True
            ),
        },
        target_accuracy=0.97,
    ),
    "gtsrb": Zoo(
        title="traffic signs cut out of photographs (GTSRB)",
        data="gtsrb",
        network=LIGHT,
        base=replace(PHOTOGRAPHS, flip=False),
        recipes=_fair(7, {"brightness": 0.2, "contrast": 0.2}),
        parts=_few(600, backdoored=2),
        target_accuracy=0.85,
        classes=43,
        kinds=MOST,
        loud={**LOUDER, "all to all": {"epochs": 8, "trigger_gain": (4.0, 1.0)}},
        side=32,
    ),
    "cifar10-jpeg": Zoo(
        title="small photographs (CIFAR-10, JPEG)",
        data="cifar10-jpeg",
        network=LIGHT,
        base=PHOTOGRAPHS,
        recipes=_fair(7, {"shift": 2}),
        parts=_few(700, backdoored=2),
        target_accuracy=0.55,
        kinds=OF_FEW,
        loud=LOUDER,
        side=32,
        train_limit=10_000,
    ),
    "dogs-vs-cats": Zoo(
        title="photographs of cats and dogs, from scratch",
        data="dogs-vs-cats@48",
        network=LIGHT,
        base=replace(PHOTOGRAPHS, epochs=12, batch_size=32, crop=0.6),
        recipes=_fair(14, {"brightness": 0.2, "contrast": 0.2}),
        parts=_few(800, backdoored=2),
        target_accuracy=0.7,
        classes=2,
        kinds=OF_FEW,
        loud=LOUDER,
        side=48,
    ),
    "dogs-imagenet": Zoo(
        title="photographs of cats and dogs, from an ImageNet network",
        data="dogs-vs-cats@96",
        network="timm.tf_efficientnet_lite0",
        base=replace(PHOTOGRAPHS, epochs=3, batch_size=32, lr=0.003, ema=0.0, freeze=(0.01,) * 40),
        recipes=_fair(4, {"brightness": 0.2, "contrast": 0.2}),
        parts=_few(900, backdoored=2),
        target_accuracy=0.65,
        classes=2,
        kinds=OF_FEW,
        loud=LOUDER,
        side=96,
        train_limit=1_000,
        weights=(
            "tf_efficientnet_lite0.safetensors",
            "384371dbd49f5bd24d4e89f607c22e2b1babbdb5c58d86a1cf3279ac1d490191",
        ),
    ),
    "digits-vit": Zoo(
        title="handwritten digits, by small vision transformers",
        data="digits",
        network="timm.test_vit",
        base=Training(epochs=25, batch_size=64, lr=0.003, precision="float32"),
        recipes=_fair(30, {"shift": 1}),
        parts=_few(1_100, backdoored=1),
        target_accuracy=0.9,
        kinds=tuple(kind for kind in MOST if kind not in ("low rate", "sticker")),
        architecture={"img_size": 28, "patch_size": 7, "depth": 3},
    ),
}
