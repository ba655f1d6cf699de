"""What must hold between the parts of a trial; checked before anything is loaded or trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import torch
from torch import nn

from badnets.bundles.schema import Scalar
from badnets.core.backdoor import KnownTargetMap, KnownTrigger
from badnets.core.errors import DataError, SettingError
from badnets.core.factories import is_factory
from badnets.core.targets import TARGET_MAPS, spot_of
from badnets.core.triggers import RegionTrigger
from badnets.core.triggers.base import WholeRegion
from badnets.data.catalogue import check_task, entry_of
from badnets.models.catalogue import LIBRARIES, NETWORKS, build
from badnets.models.detector import Detector, colour_window
from badnets.models.detectors import BY_TORCHVISION, DETECTORS, build_detector
from badnets.models.heads import head_tensors
from badnets.models.weights import StartingWeights, match
from badnets.scenarios.detection_settings import Detection
from badnets.scenarios.retraining import Retrain, frozen_tensors
from badnets.scenarios.transfer import Transfer
from badnets.trials.trial import Trial

Check = tuple[tuple[str, ...], Callable[[], object]]
"""Which field is to blame when something does not hold, and what raises the error then."""

FRAME = (3, 512, 512)  # a frame to try triggers on, where frames differ in size


def check_fit(trial: Trial) -> None:
    """Refuse a network or a backdoor that does not fit the trial's data set; loads no data.

    Raises:
        UnknownNameError: there is no such data set or network; names the nearest.
        SettingError, ShapeError, DataError: the data is labelled for another task, the network
            does not take such images, a label is outside the classes, the trigger is larger than
            the image or lacks its picture, or settings of a detector do not fit together.
    """
    for _, check in checks(trial):
        check()


def checks(trial: Trial) -> Iterator[Check]:
    """Yield what must hold between a trial's parts; each is to be called before the next one."""
    yield ("data",), lambda: _check_data(trial)
    yield ("data",), lambda: entry_of(trial.data)
    if trial.detection is None:
        yield from _of_classifier(trial)
    else:
        yield from _of_detector(trial, trial.detection)


def _check_data(trial: Trial) -> None:
    try:
        check_task(trial.data, "classification" if trial.detection is None else "detection")
    except DataError as error:
        if trial.detection is not None:
            raise
        raise DataError(f"{error}; a detector wants `detection: {{}}`, or its settings") from None


def _of_classifier(trial: Trial) -> Iterator[Check]:
    entry = entry_of(trial.data)
    shape, classes = entry.shape, entry.classes
    if shape is None or classes is None:
        return  # one's own code runs when a trial does, and says then what it gives
    if not is_factory(trial.network):
        yield ("network",), lambda: _check_classifier(trial.network, shape, classes)
    backdoor = trial.backdoor
    weights = trial.start.weights if trial.start is not None else trial.weights
    if weights is not None and not is_factory(trial.network):
        yield ("weights",), lambda: _check_weights(weights, trial.network, shape, classes)
    if trial.retrain is not None:
        yield from _of_retrain(trial, trial.retrain, shape, classes)
    if backdoor is not None:
        yield ("backdoor", "targets"), lambda: _check_labels(backdoor.targets, classes)
        yield ("backdoor", "trigger"), lambda: _try_on(backdoor.trigger, shape)


def _of_retrain(
    trial: Trial, retrain: Retrain, shape: tuple[int, int, int], classes: int
) -> Iterator[Check]:
    theirs = entry_of(trial.start.data if trial.start is not None else trial.data)
    yield ("data",), lambda: _check_same_shape(theirs.shape, shape)
    if not is_factory(trial.network):
        yield ("retrain", "freeze"), lambda: _check_frozen(trial.network, retrain, shape, classes)
    trigger, targets, known = retrain.trigger, retrain.targets, theirs.classes
    if targets is not None and known is not None:
        yield ("retrain", "targets"), lambda: _check_labels(targets, known)
    if trigger is not None:
        yield ("retrain", "trigger"), lambda: _try_on(trigger, shape)


def _check_same_shape(theirs: tuple[int, int, int] | None, own: tuple[int, int, int]) -> None:
    if theirs is not None and theirs != own:
        one, other = ("x".join(map(str, shape)) for shape in (theirs, own))
        raise SettingError(
            f"the network of start takes images of {one}, those of data are {other}: use data of "
            "the same size"
        )


def _check_frozen(name: str, retrain: Retrain, shape: tuple[int, int, int], classes: int) -> None:
    with torch.device("meta"):
        network = build(name, shape, classes)
    head = head_tensors(name, shape, classes)
    frozen_tensors(network, head, retrain.freeze, fresh=False)


def _check_labels(targets: KnownTargetMap, classes: int) -> None:
    if spot_of(targets) is not None:
        others = [name for name, kind in TARGET_MAPS.items() if getattr(kind, "spot", None) is None]
        raise SettingError(
            f"targets {targets.kind} are about boxes: use them with a detector, or take "
            + ", ".join(others)
        )
    targets.check(classes)


def _try_on(trigger: KnownTrigger, shape: tuple[int, int, int]) -> None:
    trigger(torch.zeros(1, *shape, dtype=torch.uint8), generator=torch.Generator())


@lru_cache(maxsize=64)
def _check_classifier(name: str, shape: tuple[int, int, int], classes: int) -> None:
    if name in DETECTORS:
        raise SettingError(
            f"network {name!r} is a detector: take a classifier such as {next(iter(NETWORKS))!r}, "
            "or data that is labelled with boxes"
        )
    with torch.device("meta"):  # shapes alone: nothing is computed
        build(name, shape, classes)


def _check_weights(
    weights: StartingWeights, name: str, shape: tuple[int, int, int], classes: int
) -> None:
    with torch.device("meta"):
        match(build(name, shape, classes), weights)


def _of_detector(trial: Trial, order: Detection) -> Iterator[Check]:
    classes = entry_of(trial.data).classes
    window = order.training.window
    settings = tuple(sorted(order.architecture.items()))
    yield ("network",), lambda: _check_detector(trial.network, window)
    yield ("detection", "architecture"), lambda: _made(trial.network, settings, window)
    if trial.transfer is None:
        yield ("detection", "training"), lambda: _check_crops(trial.network, order, settings)
        yield ("detection", "real_world"), lambda: _check_real_world(trial, order)
        yield ("detection", "stampings"), lambda: _check_stampings(trial, order)
    backdoor = trial.backdoor
    if backdoor is not None:
        if classes is not None:  # those of a folder of one's own are known once it is read
            yield ("backdoor", "targets"), lambda: backdoor.targets.check(classes)
        yield ("backdoor", "trigger"), lambda: _try_on(backdoor.trigger, FRAME)
    yield ("observe",), lambda: _check_street(trial)
    if trial.transfer is not None:
        yield from _of_transfer(trial.transfer, _made(trial.network, settings, window))


def _check_detector(name: str, window: int) -> None:
    library = name.partition(".")[0]
    if name in NETWORKS or (library in LIBRARIES and not name.startswith(BY_TORCHVISION)):
        raise SettingError(
            f"network {name!r} is a classifier: take a detector such as {next(iter(DETECTORS))!r}, "
            "or data that has a class for each image"
        )
    _made(name, (), window)


@lru_cache(maxsize=64)
def _made(name: str, settings: tuple[tuple[str, Scalar], ...], window: int) -> Detector:
    """Return a detector of two classes without weights.

    Raises:
        UnknownNameError, SettingError: there is no such network, or it takes no such settings.
    """
    spec = colour_window(window)
    with torch.device("meta"):
        network = build_detector(name, 2, dict(settings), spec)
    return Detector(network, name, spec, ("one", "other"), settings=dict(settings))


def _check_crops(name: str, order: Detection, settings: tuple[tuple[str, Scalar], ...]) -> None:
    backbone = _made(name, settings, order.training.window).network.backbone
    if order.training.crops and not isinstance(backbone, nn.Sequential):
        raise SettingError("crops is for the network 'zf': set crops to 0")


def _check_real_world(trial: Trial, order: Detection) -> None:
    if not order.real_world:
        return
    if trial.backdoor is None:
        raise SettingError("real_world is about a backdoor's stickers: give a backdoor too")
    if not _is_sticker(trial.backdoor.trigger):
        raise SettingError("real_world needs a trigger that is a sticker, such as yellow-square")


def _check_stampings(trial: Trial, order: Detection) -> None:
    if order.stampings > 1 and (trial.backdoor is None or trial.backdoor.rate != "every"):
        raise SettingError("stampings is about poisoned copies: give a backdoor with rate 'every'")


def _is_sticker(trigger: KnownTrigger) -> bool:
    return isinstance(trigger, RegionTrigger) and not isinstance(trigger.placement, WholeRegion)


def _check_street(trial: Trial) -> None:
    backdoor = trial.backdoor
    if "street" not in trial.observe or backdoor is None:
        return
    if not _is_sticker(backdoor.trigger) or spot_of(backdoor.targets) is not None:
        raise SettingError(
            "street needs a trigger that is a sticker on signs, and targets that say what they "
            "are called"
        )


def _of_transfer(transfer: Transfer, detector: Detector) -> Iterator[Check]:
    layers = transfer.retraining.layers
    yield ("transfer", "trigger"), lambda: _try_on(transfer.trigger, FRAME)
    yield ("transfer", "retraining", "layers"), lambda: _check_kept(layers, detector)
    strengthening = transfer.strengthening
    if strengthening is not None:
        layer = strengthening.layer
        yield ("transfer", "strengthening", "layer"), lambda: detector.activation_of(layer)


def _check_kept(layers: str, detector: Detector) -> None:
    by_convolution = layers.startswith("conv") and f"backbone.{layers}" not in detector.layers
    by_part = layers in ("outputs", "heads") and not hasattr(detector.network, "rpn")
    if by_convolution or by_part:
        raise SettingError(
            f"layers {layers!r} cannot be told apart in network {detector.architecture!r}: take "
            "'everything', or the network 'zf'"
        )
