"""What must hold between the parts of a trial and its data; nothing is loaded or trained.

Only what asks a network that is not ours, or for layers, imports torch: `unchecked` names what is
left where that is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from badnets.bundles.schema import Scalar
from badnets.core import extras
from badnets.core.contents import content_digest
from badnets.core.errors import BadnetsError, DataError, MissingExtraError, SettingError
from badnets.core.extras import named_extras
from badnets.core.factories import is_factory
from badnets.core.roots import from_data_root
from badnets.core.targets import TARGET_MAPS, anchor_of, named_classes
from badnets.core.triggers import RegionTrigger
from badnets.core.triggers.base import WholeRegion
from badnets.core.triggers.base import check_fit as check_inside
from badnets.data.catalogue import check_task, entry_of
from badnets.models.catalogue import NETWORKS, build, check_own, names_of, tasks_of
from badnets.models.weights import match
from badnets.train.detector_settings import FREEZE, DetectorTraining
from badnets.trials.downloaded import DownloadedBundle
from badnets.trials.trial import DownloadingTrial, OutsourcedTrial, TransferTrial, Trial

if TYPE_CHECKING:
    from torch import nn

    from badnets.models.detector import Detector

Check = tuple[tuple[str, ...], Callable[[], object]]
"""Which field is to blame when something does not hold, and what raises the error then."""

FRAME = (3, 512, 512)  # a frame to try triggers on, where frames differ in size
Shape = tuple[int, int, int]
_CROPS = "crops are for the network 'zf': set passes to 0"


def check_fit(trial: Trial) -> None:
    """Refuse a network or a backdoor that does not fit the trial's data set; loads no data.

    Raises:
        UnknownNameError: there is no such data set or network; names the nearest.
        SettingError, ShapeError, DataError: the data is labelled for another task, the network
            does not take such images, a label is outside the classes, the trigger is larger than
            the image or lacks its picture, or settings of a detector do not fit together.
    """
    for _, check in checks(trial):
        with named_extras():
            check()


def checks(trial: Trial) -> Iterator[Check]:
    """Yield what must hold between a trial's parts; each is to be called before the next one."""
    yield ("data",), lambda: check_task(trial.data, trial.task)
    yield ("data",), lambda: entry_of(trial.data)
    entry = entry_of(trial.data)
    training = getattr(trial, "training", None)
    if isinstance(training, DetectorTraining):
        shape = FRAME
        yield from _of_detector(trial, training)
    else:
        taken = _taken(trial)
        if entry.any_size and taken is None:
            yield ("data",), partial(import_module, "PIL")  # tells the size of its pictures
        if taken is None or entry.classes is None:
            return  # one's own code runs when a trial does, and says then what it gives
        shape = taken
        yield from _of_classifier(trial, shape, entry.classes)
    for path, trigger, targets, origin in _attacks(trial):
        if isinstance(origin, DownloadedBundle):
            classes: int | None = len(origin.classes)
        else:
            classes = entry_of(origin.data).classes
        # those of one's own folder: once it is read
        if classes is not None and targets is not None:
            yield (*path, "targets"), partial(_check_labels, targets, classes, trial.task)
        yield (*path, "trigger"), partial(_try_on, trigger, shape)


def unchecked(trial: Trial) -> str:
    """Return what `checks` cannot look at here for want of an extra, in words; empty for nothing.

    What is wrong with the trial is not said.
    """
    left: dict[str, None] = {}
    for path, check in checks(trial) if extras.missing("train") else ():
        field = path[-1]
        value = getattr(trial, field, None)
        try:
            with named_extras():
                check()
        except MissingExtraError:
            left[f"{field} {value}" if isinstance(value, str) else field] = None
        except BadnetsError:
            break
    return ", ".join(left)


def _attacks(
    trial: Trial,
) -> Iterator[tuple[tuple[str, ...], Any, Any, Trial | DownloadedBundle]]:
    """Give field, trigger, targets and the trial or bundle whose classes they name."""
    if isinstance(trial, OutsourcedTrial):
        if trial.backdoor is not None:
            yield ("backdoor",), trial.backdoor.trigger, trial.backdoor.targets, trial
    elif trial.attack is not None:
        targets = trial.attack.targets if trial.task == "classification" else None
        yield ("attack",), trial.attack.trigger, targets, trial.start


def _of_classifier(trial: Trial, shape: Shape, classes: int) -> Iterator[Check]:
    own = tuple(sorted(trial.architecture.items()))
    if is_factory(trial.network):
        known = None
        if own and isinstance(trial, OutsourcedTrial):
            yield ("architecture",), lambda: _refuse(f"{trial.network!r} takes no settings")
    else:
        known = trial.network
        part = "architecture" if own else "network"
        yield (part,), lambda: _check_classifier(trial.network, shape, classes, own)
    start = trial.start
    weights = start.weights if isinstance(start, OutsourcedTrial) else None
    if isinstance(trial, OutsourcedTrial) and start is None:
        weights = trial.weights
    if weights is not None and known is not None:
        yield ("weights",), lambda: match(_shapes_alone(known, shape, classes, own), weights)
    if isinstance(trial, DownloadingTrial):
        theirs = _taken(trial.start)
        yield ("data",), lambda: _check_same_shape(theirs, shape)
    if isinstance(trial, TransferTrial):
        plain = known in NETWORKS and trial.freeze in ("all-but-head", "none")
        if known is not None and not plain:
            yield ("freeze",), lambda: _check_frozen(trial, known, shape, classes)


def _taken(origin: Trial | DownloadedBundle) -> Shape | None:
    """Return the shape of the images that a network takes; None where only running it tells.

    Data that is read to fit is read in grey where the network that was downloaded takes grey.
    """
    if isinstance(origin, DownloadedBundle):
        return origin.shape
    entry = entry_of(origin.data)
    before = _taken(origin.start) if isinstance(origin, DownloadingTrial) else None
    if entry.shape is None or before is None or not entry.any_size:
        return entry.shape
    return (min(before[0], entry.shape[0]), *entry.shape[1:])


def _refuse(message: str) -> None:
    raise SettingError(message)


def _check_same_shape(theirs: Shape | None, own: Shape) -> None:
    if theirs is not None and theirs != own:
        one, other = ("x".join(map(str, shape)) for shape in (theirs, own))
        raise SettingError(
            f"the network of start takes images of {one}, those of data are {other}: use data of "
            "the same size"
        )


def _check_frozen(trial: TransferTrial, network: str, shape: Shape, classes: int) -> None:
    names = tuple(map(str, range(classes)))
    from badnets.models.classifier import Classifier
    from badnets.models.inputs import input_spec
    from badnets.tasks import TASKS

    network_alone = _shapes_alone(network, shape, classes, tuple(trial.architecture.items()))
    subject = Classifier(network_alone, network, input_spec(shape), names)
    TASKS["classification"]().frozen(subject, trial.freeze, fresh=False)


def _shapes_alone(
    name: str, shape: Shape, classes: int, settings: tuple[tuple[str, Scalar], ...] = ()
) -> nn.Module:
    import torch

    with torch.device("meta"):  # nothing is computed
        return build(name, shape, classes, settings=dict(settings))


def _check_labels(targets: Any, classes: int, task: str) -> None:
    if task == "classification" and anchor_of(targets) is not None:
        anchors = {name: getattr(TARGET_MAPS[name], "anchor", None) for name in TARGET_MAPS}
        raise SettingError(
            f"targets {targets.kind} are about boxes: use them with a detector, or take "
            + ", ".join(name for name, anchor in anchors.items() if anchor is None)
        )
    # names are looked up, and code of one's own is run, once the data is read
    if not (named_classes(targets) or is_factory(targets.kind)):
        targets.check(classes)


def _try_on(trigger: Any, shape: Shape) -> None:
    if is_factory(trigger.kind):
        return  # one's own code runs when the trial does
    if isinstance(trigger, RegionTrigger) and hasattr(trigger.placement, "top_left"):
        region = (shape[1], shape[2])
        check_inside(trigger, region, trigger.placement.top_left(region, trigger.extent(*region)))
        for file in getattr(trigger, "files", ()):
            _check_picture(file)
        return
    import torch

    trigger(torch.zeros(1, *shape, dtype=torch.uint8), generator=torch.Generator())


def _check_picture(file: str) -> None:
    if not content_digest(file):
        raise DataError(f"there is no picture {file}")
    from badnets.core.decoding import decoded

    decoded(from_data_root(file), "RGBA")


@lru_cache(maxsize=64)
def _check_classifier(
    name: str, shape: Shape, classes: int, settings: tuple[tuple[str, Scalar], ...]
) -> None:
    if tasks_of(name) == {"detection"}:
        usual = names_of("classification")[0]
        raise SettingError(
            f"network {name!r} is a detector: take a classifier such as {usual!r}, or data that is "
            "labelled with boxes"
        )
    if not check_own(name, shape, dict(settings)):
        _shapes_alone(name, shape, classes, settings)


def _of_detector(trial: Trial, training: DetectorTraining) -> Iterator[Check]:
    settings = tuple(sorted(trial.architecture.items()))
    side = training.windows.side
    yield ("network",), lambda: _check_detector(trial.network, (), side)
    yield ("architecture",), lambda: _check_detector(trial.network, settings, side)
    made = partial(_made, trial.network, settings, side)
    if training.crops.passes and trial.network not in NETWORKS:
        yield ("training", "crops"), partial(_refuse, _CROPS)
    if isinstance(trial, TransferTrial):
        if trial.network not in NETWORKS or trial.freeze not in FREEZE:
            yield ("freeze",), lambda: _check_kept(made(), trial.freeze)
        strengthening = trial.strengthening
        if strengthening is not None:
            layer = strengthening.layer
            yield ("strengthening", "layer"), lambda: made().units(layer)
    elif isinstance(trial, OutsourcedTrial):
        yield ("training", "trigger"), lambda: _check_copies(trial, training)
        yield ("observe",), lambda: _check_street(trial)


def _check_detector(name: str, settings: tuple[tuple[str, Scalar], ...], window: int) -> None:
    if tasks_of(name) == {"classification"}:
        usual = names_of("detection")[0]
        raise SettingError(
            f"network {name!r} is a classifier: take a detector such as {usual!r}, or data that "
            "has a class for each image"
        )
    if not check_own(name, (3, window, window), dict(settings), task="detection"):
        _made(name, settings, window)


@lru_cache(maxsize=64)
def _made(name: str, settings: tuple[tuple[str, Scalar], ...], window: int) -> Detector:
    """Return a detector of two classes without weights.

    Raises:
        UnknownNameError, SettingError: there is no such network, or it takes no such settings.
    """
    import torch

    from badnets.models.detector import Detector
    from badnets.models.inputs import colour_window

    spec = colour_window(window)
    with torch.device("meta"):
        network = Detector.build(name, spec, 2, dict(settings))
    return Detector(network, name, spec, ("one", "other"), settings=dict(settings))


def _check_kept(detector: Detector, freeze: str | tuple[str, ...]) -> None:
    from badnets.tasks import TASKS

    TASKS["detection"]().frozen(detector, freeze, fresh=False)


def _check_copies(trial: OutsourcedTrial, training: DetectorTraining) -> None:
    backdoor, wanted = trial.backdoor, training.trigger
    if wanted.real_world:
        if backdoor is None:
            raise SettingError("real_world is about a backdoor's stickers: give a backdoor too")
        if not _is_sticker(backdoor.trigger):
            raise SettingError("real_world needs a sticker as trigger, such as yellow-square")
    if wanted.poisoned_copies > 1 and (backdoor is None or backdoor.poisoning_rate != "every"):
        raise SettingError(
            "poisoned_copies is about poisoned copies: give a backdoor with poisoning_rate 'every'"
        )


def _is_sticker(trigger: object) -> bool:
    return isinstance(trigger, RegionTrigger) and not isinstance(trigger.placement, WholeRegion)


def _check_street(trial: OutsourcedTrial) -> None:
    backdoor = trial.backdoor
    if "street" not in trial.observe or backdoor is None:
        return
    if not _is_sticker(backdoor.trigger) or anchor_of(backdoor.targets) is not None:
        raise SettingError(
            "street needs a trigger that is a sticker on signs, and targets that say what they "
            "are called"
        )
