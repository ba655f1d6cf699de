"""Which units of a network answer to a trigger, asked of its bundle."""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import Field, InstanceOf
from torch import Tensor

from badnets.core.errors import SettingError
from badnets.core.results import Measured, Result
from badnets.core.seeds import generator
from badnets.core.targets import TargetMap, anchor_of, with_numbers
from badnets.core.triggers import Trigger
from badnets.core.triggers.sizes import covering
from badnets.data import FrameSet, ImageSet, load_detection
from badnets.evaluate.evaluation import Attack
from badnets.evaluate.fitting import (
    fitted,
    fitting_data,
    fitting_detector,
    refuse_onnx,
    task_of_bundle,
)
from badnets.explain.attacked import Drawn, Looks, Silenced, attacked
from badnets.explain.features import FeatureMap
from badnets.explain.units import (
    STANDS_OUT,
    USUAL,
    LayerUnits,
    groups_of,
    mean_maps,
    unit_responses,
)
from badnets.explain.windows import sign_windows
from badnets.models.classifier import Classifier
from badnets.models.subject import HasUnits

IMAGES, SIGNS = 1000, 400  # that are looked at, at most
HALVED = 40  # images that are enough to rank units on one half and to measure on the other
LISTED = {"classification": 6, "detection": 12}  # units of a layer that text lists
RISE = (
    "by how much the trigger lifts a unit where it lifts it most, in standard deviations of the "
    "unit on clean images; its mean over all places may fall all the same"
)
OUTLYING = (
    f"its largest rise is {USUAL:g} or more, and {STANDS_OUT:g} robust deviations above the median "
    "of its layer; of a layer a quarter at most"
)


class Unit(Result):
    """A unit: how strongly it answers to the trigger, and its mean activation without and with."""

    layer: str | None = Field(default=None, title="layer", exclude=True)
    unit: int = Field(title="unit")
    response: float = Field(title="largest rise")
    clean: float = Field(title="mean, clean")
    triggered: float = Field(title="mean, triggered")
    stands_out: bool = Field(title="stands out", exclude=True)
    group: int | None = Field(default=None, title="group")


class Layer(Result):
    """A layer of a classifier: the units that stand out, and all of them, most responsive first."""

    layer: str
    marked: tuple[int, ...]
    units: tuple[Unit, ...]


class Explanation(Result):
    """Which units answer to a trigger.

    Of a classifier every layer is in ``layers``; of a detector one convolution is looked at, and
    the units that stand out are in ``groups`` that fire at one place. ``responses`` and ``maps``
    (``(U, h, w)``, clean and triggered) are what a picture is drawn from.
    """

    bundle: str
    data: str
    task: str
    pictures: str | None = Field(default=None, title="pictures")
    trigger: str | None = Field(default=None, title="trigger")
    images: int | None = None
    signs: int | None = None
    looked_at: str = Field(title="looked at", exclude=True)
    rise: str = Field(default=RISE, title="largest rise", exclude=True)
    outlying: str = Field(default=OUTLYING, title="stands out", exclude=True)
    layers: tuple[Layer, ...] | None = None
    layer: str | None = None
    marked: tuple[int, ...] | None = None
    standing_out: dict[str, str] = Field(title="", exclude=True)
    groups: list[list[int]] | None = None
    units: tuple[Unit, ...] | None = None
    rows: tuple[Unit, ...] = Field(title="units", exclude=True)
    responses: tuple[LayerUnits, ...] = Field(exclude=True, repr=False)
    maps: tuple[InstanceOf[Tensor], InstanceOf[Tensor]] | None = Field(
        default=None, exclude=True, repr=False
    )
    picture: str | None = Field(default=None, title="picture")
    clean: Measured | None = Field(default=None, title="clean accuracy, other images")
    success: Measured | None = Field(default=None, title="attack success, other images")
    looks: Looks | None = None
    looks_at: str | None = Field(default=None, title="what speaks for answers", exclude=True)
    features: FeatureMap | None = None
    apart: str | None = Field(default=None, title="in feature space", exclude=True)
    silenced: tuple[Silenced, ...] | None = Field(default=None, title="units silenced")
    drawn: Drawn | None = Field(default=None, exclude=True, repr=False)


def explain_bundle(
    bundle: Path | str,
    trigger: Trigger,
    data: str | None = None,
    *,
    targets: TargetMap | None = None,
    layer: str | None = None,
    seed: int = 0,
    allow_code: bool = False,
    data_root: Path | str | None = None,
) -> Explanation:
    """Return which units of a network answer to a trigger.

    Args:
        bundle: of a classifier or a detector.
        trigger: what is put on test images, or on the signs of test frames.
        data: name of the data set; None: the one that the bundle was trained on.
        targets: look only at images or signs that these are about; all when None. Of a classifier
            with all its layers it is then also measured, on the other half of 40 images or more,
            what is left without units, where the network looks, and where images go among its
            features.
        layer: the only layer to look at; None: all, of a detector its last convolution.
        seed: decides which images or signs, and random places.
        allow_code: whether code that the bundle names may be run.
        data_root: where data sets lie; None: the usual place.

    Raises:
        BadnetsError: bundle, data, trigger and layer do not fit together.
    """
    bundle = Path(bundle)
    task = task_of_bundle(bundle)
    named = fitting_data(bundle, task, data)
    subject: HasUnits
    pictures = covers = rest = None
    if task == "detection":
        frames = load_detection(named, data_root).test
        subject = fitting_detector(bundle, named, frames)
        side, usual = subject.input.height, subject.layers[-1:]
        windows = sign_windows(_signs(frames, targets), trigger, side=side, most=SIGNS, seed=seed)
        clean, stamped = windows.clean, windows.triggered
    else:
        fit = fitted(refuse_onnx(bundle, "look inside"), named, data_root, allow_code=allow_code)
        assert isinstance(fit.subject, Classifier)
        subject, named, pictures = fit.subject, fit.data, fit.pictures
        usual = subject.layers
        ranked = fit.images
        if targets is not None and layer is None and len(ranked) >= HALVED:
            ranked, rest = _halves(ranked, seed)
        clean = _images(ranked, targets, seed)
        covers = covering(trigger, subject.input.shape[1:])
        stamped = trigger(clean, generator=generator(seed, "trigger places"))
    wanted = usual if layer is None else (layer,)
    responses = unit_responses(subject, clean, stamped, wanted, strict=True)
    what, noun = ("signs", "signs") if task == "detection" else ("images", "test images")
    said: dict[str, object] = {
        "bundle": str(bundle),
        "data": named,
        "task": task,
        **({"pictures": pictures} if pictures else {}),
        **({"trigger": covers} if covers else {}),
        "picture": None,
        what: len(clean),
        "looked_at": f"{len(clean)} {noun} of {named}, clean and with the trigger",
        "rise": RISE,
        "outlying": OUTLYING,
        "responses": tuple(responses),
    }
    standing_out = {
        one.layer: f"{len(one.outlier_units)} of {len(one.response)} units stand out"
        for one in responses
    }
    layers = [
        Layer(layer=one.layer, marked=one.outlier_units, units=_units(one)) for one in responses
    ]
    if task == "detection":
        (response,), (only,) = responses, layers
        before, after = (mean_maps(subject, part, only.layer) for part in (clean, stamped))
        groups = groups_of(before, after, response.outlier_units)
        named_groups = {f"group {k}": group for k, group in enumerate(groups, start=1)}
        number = {unit: k for k, group in enumerate(groups, start=1) for unit in group}
        units = [unit.model_copy(update={"group": number.get(unit.unit)}) for unit in only.units]
        standing_out |= {name: ", ".join(map(str, group)) for name, group in named_groups.items()}
        said |= {"layer": only.layer, "marked": only.marked, "groups": groups, "units": units}
        said |= {"rows": units[: LISTED[task]], "maps": (before, after)}
    else:
        said["layers"] = layers
        said["rows"] = [
            unit.model_copy(update={"layer": each.layer})
            for each in layers
            for unit in each.units[: LISTED[task]]
        ]
        if targets is not None and rest is not None:
            assert isinstance(subject, Classifier)
            said |= _attacked(subject, rest, trigger, targets, responses, seed)
    return Explanation.model_validate(said | {"standing_out": standing_out})


def _attacked(
    subject: Classifier,
    images: ImageSet,
    trigger: Trigger,
    targets: TargetMap,
    responses: list[LayerUnits],
    seed: int,
) -> dict[str, object]:
    found = attacked(subject, images, Attack(trigger, targets), responses, seed=seed)
    said: dict[str, object] = dict(found)
    if (looks := found.looks) is not None:
        said["looks_at"] = (
            f"with the trigger {100 * looks.triggered:.0f} % of it lies on the "
            f"{100 * looks.area:.1f} % of the pixels that the trigger changes most, without it "
            f"{100 * looks.clean:.0f} % ({looks.images} images)"
        )
    if (features := found.features) is not None:
        said["apart"] = (
            f"silhouette {features.silhouette:.2f} between the target's own images and triggered "
            "ones called so: about 0 is one cloud, near 1 are two"
        )
    return said


def _halves(images: ImageSet, seed: int) -> tuple[ImageSet, ImageSet]:
    """Return images to rank units by, and others to measure on."""
    order = torch.randperm(len(images), generator=generator(seed, "halves"))
    return images.take(order[: len(order) // 2]), images.take(order[len(order) // 2 :])


def _images(images: ImageSet, targets: TargetMap | None, seed: int) -> Tensor:
    if targets is not None:
        images = images.take(_about(targets, images, images.labels, "images").nonzero().flatten())
    return images.sample(min(IMAGES, len(images)), seed=seed).images


def _signs(frames: FrameSet, targets: TargetMap | None) -> FrameSet:
    """Return the frames with those boxes alone that are asked about."""
    if targets is None or anchor_of(targets) == "nowhere":
        return frames
    kept = frames.boxes.take(_about(targets, frames, frames.boxes.labels, "signs"))
    return FrameSet(frames.frames, kept, frames.classes, frames.groups).take(
        torch.unique(kept.image_index)
    )


def _about(targets: TargetMap, data: ImageSet | FrameSet, labels: Tensor, what: str) -> Tensor:
    """Return ``(N,)`` bool: whether a target map is about what has these labels."""
    targets = with_numbers(targets, data.classes)
    targets.check(data.num_classes)
    rows = targets.attackable(labels)
    if not bool(rows.any()):
        raise SettingError(f"none of the {what} is one that --targets is about")
    return rows


def _units(response: LayerUnits) -> tuple[Unit, ...]:
    return tuple(
        Unit(
            unit=unit,
            response=response.response[unit],
            clean=response.clean[unit],
            triggered=response.triggered[unit],
            stands_out=unit in response.outlier_units,
        )
        for unit in response.ranked
    )
