"""Measuring a network by its bundle: what it does on test images, clean and triggered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from badnets.core.devices import best_device
from badnets.core.errors import SettingError
from badnets.core.progress import Listener
from badnets.core.results import Measured
from badnets.core.targets import TargetMap
from badnets.core.triggers import Trigger
from badnets.core.triggers.sizes import covering
from badnets.data import load_detection
from badnets.data.names import FOLDER
from badnets.evaluate.classification import measure_attack, measure_clean
from badnets.evaluate.fitting import (
    fitted,
    fitting_classifier,
    fitting_data,
    fitting_detector,
    task_of_bundle,
)
from badnets.evaluate.measures import LARGE, Measures, ObjectMeasures
from badnets.evaluate.photographs import Sightings, see_photographs
from badnets.models import load_detector

Rates = tuple[Measured, ...]


@dataclass(frozen=True)
class Attack:
    """What is measured: a trigger and a target map, without a poisoning rate."""

    trigger: Trigger
    targets: TargetMap


class Evaluation(Measures):
    """What a classifier does on the test images of a data set."""

    bundle: str
    data: str = Field(title="test images of")
    pictures: str | None = Field(default=None, title="pictures")
    trigger: str | None = Field(default=None, title="trigger")
    collapsed: bool
    classes: tuple[str, ...] = Field(title="class", exclude=True)
    clean_accuracy_per_class: Rates = Field(title="clean accuracy")
    attack_success_rate_per_class: Rates | None = Field(default=None, title="attack success")


class ObjectEvaluation(ObjectMeasures):
    """What a detector does on whole test frames."""

    bundle: str
    data: str = Field(title="test frames of")
    collapsed: bool
    large_from_pixels: float | None = None
    left_out: int | None = None
    classes: tuple[str, ...] = Field(title="class", exclude=True)
    clean_accuracy_per_class: Rates = Field(title="found and rightly named")
    ap50_per_class: tuple[float | None, ...] = Field(title="AP at IoU 0.5")
    attack_success_rate_per_class: Rates | None = Field(default=None, title="attack success")


@dataclass(frozen=True)
class _Request:
    bundle: Path
    data: str
    data_root: Path | None
    attack: Attack | None
    control: Path | None
    seed: int
    threshold: float | None
    allow_code: bool
    progress: Listener | None


def evaluate_bundle(
    bundle: Path | str,
    data: str | None = None,
    *,
    attack: Attack | None = None,
    control: Path | str | None = None,
    seed: int = 0,
    threshold: float | None = None,
    longest: int | None = None,
    expect: str | None = None,
    sheet: Path | str | None = None,
    allow_code: bool = False,
    data_root: Path | str | None = None,
    progress: Listener | None = None,
) -> Evaluation | ObjectEvaluation | Sightings:
    """Return what a network does on test images, with a trigger or without.

    Args:
        bundle: of a classifier or a detector, or a classifier as an ONNX file.
        data: name of the data set; None: the one that the bundle was trained on. A detector given
            ``folder:PATH`` looks at photographs that nobody drew boxes on.
        attack: what is done to the images too.
        control: bundle of a clean network, asked about the same triggered images.
        seed: decides random places of the trigger.
        threshold: of detectors: least score of a box that counts, in [0, 1]; None: 0.3.
        longest: of photographs: pixels on the longer side that they are reduced to.
        expect: of photographs: the class that the surest box should be of.
        sheet: of photographs: a PNG to draw them in, with boxes.
        allow_code: whether code that a bundle names may be run.
        data_root: where data sets lie; None: the usual place.
        progress: told how far it is, where it takes long.

    Raises:
        BadnetsError: bundle, data and attack do not fit together.
    """
    bundle = Path(bundle)
    control = None if control is None else Path(control)
    sheet = None if sheet is None else Path(sheet)
    data_root = None if data_root is None else Path(data_root)
    task = task_of_bundle(bundle)
    photographs = task == "detection" and data is not None and data.startswith(FOLDER)
    of_photographs = {"expect": expect, "sheet": sheet, "longest": longest}
    for name, value in of_photographs.items():
        if value is not None and not photographs:
            raise SettingError(
                f"--{name} is about photographs: give a detector --data {FOLDER}PATH"
            )
    if task == "classification" and threshold is not None:
        raise SettingError(f"--threshold is for detectors, and {bundle} holds a classifier")
    if photographs and data is not None:
        if attack is not None:
            raise SettingError("--trigger does not go with photographs: leave it out")
        from badnets.evaluate.detection import THRESHOLD  # slow to import

        return see_photographs(
            load_detector(bundle).to(best_device()),
            Path(data.removeprefix(FOLDER)),
            threshold=THRESHOLD if threshold is None else threshold,
            longest=longest,
            expect=expect,
            sheet=sheet,
            progress=progress,
        )
    named = fitting_data(bundle, task, data)
    request = _Request(
        bundle, named, data_root, attack, control, seed, threshold, allow_code, progress
    )
    return _objects(request) if task == "detection" else _images(request)


def _images(request: _Request) -> Evaluation:
    code, control = request.allow_code, None
    fit = fitted(request.bundle, request.data, request.data_root, allow_code=code)
    subject, images = fit.subject, fit.images
    if request.control is not None:
        control = fitting_classifier(request.control, fit.data, images, allow_code=code)
    clean, attack = measure_clean(subject, images), None
    if request.attack is not None:
        attack = measure_attack(subject, images, request.attack, control=control, seed=request.seed)
    told: dict[str, object] = {
        "bundle": str(request.bundle),
        "data": fit.data,
        **({"pictures": fit.pictures} if fit.pictures else {}),
        "collapsed": clean.collapsed,
        "classes": subject.classes,
        "clean_accuracy_per_class": tuple(map(Measured.of, clean.per_class)),
    }
    if attack is not None:
        told["trigger"] = covering(request.attack and request.attack.trigger, images.shape[1:])
        told["attack_success_rate_per_class"] = tuple(map(Measured.of, attack.per_class))
    return Evaluation.model_validate(told | Measures.rates(clean, attack))


def _objects(request: _Request) -> ObjectEvaluation:
    from badnets.evaluate.detection import (
        THRESHOLD,
        measure_objects,
        measure_triggered_objects,
    )

    frames = load_detection(request.data, request.data_root).test
    detector = fitting_detector(request.bundle, request.data, frames)
    control = None
    if request.control is not None:
        control = fitting_detector(request.control, request.data, frames)
    if request.attack is not None:
        request.attack.targets.check(frames.num_classes)
    threshold = THRESHOLD if request.threshold is None else request.threshold
    clean = measure_objects(detector, frames, threshold=threshold, progress=request.progress)
    result, attack = clean.clean, None
    told: dict[str, object] = {
        "bundle": str(request.bundle),
        "data": request.data,
        "collapsed": result.collapsed,
        "classes": detector.classes,
        "clean_accuracy_per_class": tuple(map(Measured.of, result.per_class)),
        "ap50_per_class": tuple(None if value < 0 else value for value in clean.ap50),
    }
    if request.attack is not None:
        attack = measure_triggered_objects(
            detector,
            frames,
            request.attack,
            clean,
            control=control,
            seed=request.seed,
            progress=request.progress,
        )
        by_class = attack.attack.per_class
        told |= {
            "attack_success_rate_per_class": tuple(map(Measured.of, by_class)),
            "large_from_pixels": LARGE,
            "left_out": attack.skipped,
        }
    return ObjectEvaluation.model_validate(told | ObjectMeasures.rates(clean, attack))
