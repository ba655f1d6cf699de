"""One scanner on one model: ``python -m bench.scanning SCANNER MODEL``; one line of JSON.

It runs in the scanner's own environment. Each scanner is called as its makers document it, at its
own thresholds; where a model does not fit what it reads, it is given the nearest thing that does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

BATCH = 256


class CannotSayError(Exception):
    """The scanner has no answer; the text says why."""


class Given(NamedTuple):
    """What a scanner is given.

    Attributes:
        model: a bundle.
        clean: name of the data set whose test images are clean.
        trained_on: ``.npz`` with the images and labels that it was trained on; need not be there.
        calibration: clean models for ours; None: those that come with it.
    """

    model: Path
    clean: str
    trained_on: Path
    calibration: str | None


def ours(given: Given) -> bool:
    """Return what `badnets audit model` says."""
    from badnets.audit import model

    verdict = model(given.model, given.clean, calibration=given.calibration)
    if verdict.conclusion == "not checked":
        raise CannotSayError("; ".join(verdict.notes))
    return verdict.conclusion == "backdoor likely"


def files(given: Given) -> bool:
    """Return whether modelaudit warns of anything in the folder."""
    off = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "NO_ANALYTICS": "1"}
    command = [str(Path(sys.executable).with_name("modelaudit")), "scan", "--format", "json"]
    done = subprocess.run(
        [*command, str(given.model)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | off,
    )
    if done.returncode not in (0, 1):
        raise CannotSayError(f"exit code {done.returncode}")
    found = json.loads(done.stdout)["issues"]
    return any(one["severity"] in ("warning", "critical") for one in found)


def maximum_margin(given: Given) -> bool:
    """Return what mithridatium's MM-BD says; as published by it, it looks at five classes."""
    network, config, _ = _in_colour(given)
    found = import_module("mithridatium.defenses.mmbd").run_mmbd(network, config)
    return _backdoored(found)


def strip(given: Given) -> bool:
    """Return what mithridatium's STRIP says."""
    network, config, images = _in_colour(given)
    scores = import_module("mithridatium.defenses.strip").strip_scores
    return _backdoored(scores(network, config, test_loader=[(images, None)], seed=0))


def free_eagle(given: Given) -> bool:
    """Return what mithridatium's FreeEagle says."""
    network, config, _ = _in_colour(given)
    return _backdoored(
        import_module("mithridatium.defenses.freeeagle").run_freeeagle(network, config)
    )


def clusters(given: Given) -> bool:
    """Return whether ART's activation defence finds poison in what the model was trained on."""
    import numpy as np

    if not given.trained_on.is_file():
        raise CannotSayError("it needs the images that the model was trained on")
    with np.load(given.trained_on) as arrays:
        images, labels = arrays["images"].astype(np.float32) / 255, arrays["labels"]
    module = import_module("art.defences.detector.poison")
    classifier = _classifier(given, images.shape[1:])
    defence = module.ActivationDefence(classifier, images, np.eye(classifier.nb_classes)[labels])
    _, is_clean = defence.detect_poison(nb_clusters=2, nb_dims=10, reduce="PCA")
    return not all(is_clean)


def neural_cleanse(given: Given) -> bool:
    """Return what ART's Neural Cleanse says; so far it takes no network of torch's."""
    from badnets.data import load

    images = load(given.clean).test.images.float().numpy() / 255
    module = import_module("art.defences.transformer.poisoning.neural_cleanse")
    cleanse = module.NeuralCleanse(_classifier(given, images.shape[1:]))
    cleanse(_classifier(given, images.shape[1:]))
    raise CannotSayError("it gives no verdict on the model")


SCANNERS: dict[str, tuple[str, Callable[[Given], bool]]] = {
    "badnets audit model": ("badnets", ours),
    "modelaudit": ("modelaudit==0.2.54", files),
    "mithridatium MM-BD": ("mithridatium==0.1.2", maximum_margin),
    "mithridatium STRIP": ("mithridatium==0.1.2", strip),
    "mithridatium FreeEagle": ("mithridatium==0.1.2", free_eagle),
    "ART activation defence": ("adversarial-robustness-toolbox==1.20.1", clusters),
    "ART Neural Cleanse": ("adversarial-robustness-toolbox==1.20.1", neural_cleanse),
}
"""A scanner's name -> what pip installs, and what asks it."""


def answer(name: str, given: Given) -> dict[str, Any]:
    """Return what a scanner says: whether there is a backdoor, or why it cannot say."""
    package, ask = SCANNERS[name]
    said: dict[str, Any] = {"backdoored": None, "why": ""}
    with redirect_stdout(sys.stderr):  # of scanners that print
        try:
            said["backdoored"] = bool(ask(given))
        except CannotSayError as error:
            said["why"] = str(error)
        except Exception as error:  # noqa: BLE001 - a scanner of others may fail in any way
            said["why"] = f"{type(error).__name__}: {error}"
    return said | {"version": version(package.partition("==")[0])}


def _in_colour(given: Given) -> tuple[Any, Any, Any]:
    """Return a network on three channels, mithridatium's settings for it, and clean images."""
    import torch

    from badnets.data import load
    from badnets.evaluate.fitting import loaded

    subject: Any = loaded(given.model, allow_code=False)
    grey = subject.input.shape[0] == 1

    class InColour(torch.nn.Module):
        num_classes = subject.num_classes

        def __init__(self) -> None:
            super().__init__()
            self.network = subject.network

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = subject.forward(images.mean(1, keepdim=True) if grey else images)
            return logits

    config = import_module("mithridatium.utils").PreprocessConfig(
        input_size=(3, *subject.input.shape[1:]),
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        num_classes=subject.num_classes,
        dataset=given.clean,
    )
    images = load(given.clean).test.images[:BATCH].float() / 255
    return InColour(), config, images.expand(-1, 3, -1, -1) if grey else images


def _backdoored(found: dict[str, Any]) -> bool:
    said = str(found["verdict"]).lower()
    if "backdoored" in said:
        return True
    if "clean" not in said:
        raise CannotSayError(said)
    return False


def _classifier(given: Given, shape: tuple[int, ...]) -> Any:
    """Return ART's classifier around the network; images in [0, 1] are normalised within."""
    import torch

    from badnets.evaluate.fitting import loaded

    subject: Any = loaded(given.model, allow_code=False)
    mean, std = (torch.tensor(one).numpy() for one in (subject.input.mean, subject.input.std))
    return import_module("art.estimators.classification").PyTorchClassifier(
        model=subject.network,
        loss=torch.nn.CrossEntropyLoss(),
        input_shape=shape,
        nb_classes=subject.num_classes,
        preprocessing=(mean.reshape(-1, 1, 1), std.reshape(-1, 1, 1)),
        device_type="cpu",
    )


def main() -> int:
    """Print one scanner's answer on one model."""
    parser = argparse.ArgumentParser(prog="python -m bench.scanning", description=__doc__)
    parser.add_argument("scanner", choices=SCANNERS)
    parser.add_argument("model", type=Path)
    parser.add_argument("--clean", default="digits")
    parser.add_argument("--trained-on", type=Path, default=Path("none.npz"))
    parser.add_argument("--calibration")
    told = parser.parse_args()
    given = Given(told.model, told.clean, told.trained_on, told.calibration)
    print(json.dumps(answer(told.scanner, given)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
