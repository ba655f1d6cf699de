"""Every study with made-up records, each made once: for what holds of all their pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from badnets.report.drawing import Drawing
from badnets.report.page import Page
from badnets.studies.catalogue import Study
from badnets.studies.demo.trials import make as make_demo
from badnets.studies.dogs.trials import make as make_dogs
from badnets.studies.mnist.trials import MnistStudy
from badnets.studies.mnist.trials import make as make_mnist
from badnets.studies.retraining.trials import make as make_retraining
from badnets.studies.signs import frames
from badnets.studies.signs.trials import make as make_signs
from badnets.studies.signs_transfer.trials import make as make_transfer
from tests.studies.made_demo import DemoMaker
from tests.studies.made_digits import SMALL, DigitMaker
from tests.studies.made_pictures import DogMaker, RetrainingMaker
from tests.studies.made_records import Maker, Run
from tests.studies.made_signs import SignMaker

MNIST = "baseline single-target all-to-all share inside user choices provenance"
SIGNS = "targeted frames random size street inside boxes precision choice provenance"
TRANSFER = "accuracy strengthening rid choice provenance"
DOGS = "get stamp load build evaluate looks varied shares audit provenance"
HALVES = "left before downloaded untargeted targeted shared reading provenance"
SAME = "left downloaded same reading provenance"
DEMO = "user inside audit repair signs dogs published"


DIGITS = ("all-to-all pixel-pattern", "all-to-all single-pixel")
SQUARE = ("targeted yellow square",)
STRENGTHENED = tuple(f"k {factor:g}" for factor in (1, 10, 20, 30, 50, 70, 100))
RETRAINED = ("untargeted", "targeted", "shared", "same")
SVG_OF, PNG_OF = Drawing.svg, frames._png
# how it is made; who makes its records; its sections; its attacks: without them it claims none
Case = tuple[Callable[[], Study], type[Maker], str, tuple[str, ...]]
CASES: dict[str, Case] = {
    "mnist": (lambda: MnistStudy("mnist", SMALL), DigitMaker, MNIST, DIGITS),
    "mnist-quick": (lambda: make_mnist("digits", quick=True), DigitMaker, MNIST, DIGITS),
    "signs": (lambda: make_signs("scenes"), SignMaker, SIGNS, SQUARE),
    "signs-quick": (lambda: make_signs("lisa", quick=True), SignMaker, SIGNS, SQUARE),
    "transfer": (lambda: make_transfer("scenes"), SignMaker, TRANSFER, STRENGTHENED),
    "transfer-quick": (
        lambda: make_transfer("lisa", quick=True),
        SignMaker,
        TRANSFER,
        STRENGTHENED,
    ),
    "dogs": (lambda: make_dogs("pets-drawn"), DogMaker, DOGS, ("badnet",)),
    "dogs-quick": (lambda: make_dogs("dogs-vs-cats", quick=True), DogMaker, DOGS, ("badnet",)),
    "retraining": (lambda: make_retraining("digits"), RetrainingMaker, HALVES, RETRAINED),
    "retraining-signs": (lambda: make_retraining("gtsrb"), RetrainingMaker, HALVES, RETRAINED),
    "retraining-dogs": (lambda: make_retraining("dogs-vs-cats"), RetrainingMaker, SAME, RETRAINED),
    "retraining-quick": (
        lambda: make_retraining("digits", quick=True),
        RetrainingMaker,
        HALVES,
        RETRAINED,
    ),
    "demo": (make_demo, DemoMaker, DEMO, ("backdoored digits",)),
}


@cache
def run(name: str) -> Run:
    make, maker, *_ = CASES[name]
    return Run.of(make(), maker())


@cache
def bare(name: str) -> Run:
    return run(name).bare()


@cache
def whole(name: str) -> Page:
    """Return the page, drawn even for tests that have no others drawn."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Drawing, "svg", SVG_OF)
        patched.setattr(frames, "_png", PNG_OF)
        return run(name).page()
