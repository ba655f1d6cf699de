"""Transfer learning: a user retrains part of a downloaded detector on clean data of their own."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import nn

from badnets.core.backdoor import KnownTrigger
from badnets.core.errors import SettingError
from badnets.core.progress import Listener
from badnets.core.rates import Rate
from badnets.core.seeds import generator
from badnets.core.targets import RandomWrong
from badnets.core.triggers import Trigger
from badnets.data.detection import FrameSet
from badnets.evaluate.detection import measure_signs, measure_triggered_signs
from badnets.evaluate.detection_results import CleanSigns, TriggeredSigns
from badnets.explain.backdoor_units import backdoor_units, sign_windows
from badnets.models.detector import Detector, untrained_detector
from badnets.models.detectors import build_detector
from badnets.models.responses import UnitResponse
from badnets.scenarios.detection import DetectorUser
from badnets.scenarios.user import Verdict
from badnets.train.checkpoint import Checkpoint
from badnets.train.detection import FittedDetector, fit_detector
from badnets.train.detector_settings import DetectorTraining

Retrained = Literal["outputs", "heads", "rpn+heads", "conv5", "conv4", "conv3", "everything"]
_KEPT: dict[str, tuple[str, ...]] = {
    "outputs": ("backbone.", "rpn.", "roi_heads.box_head."),
    "heads": ("backbone.", "rpn."),
    "rpn+heads": ("backbone.",),
    "conv5": tuple(f"backbone.{part}{n}." for n in (1, 2, 3, 4) for part in ("conv", "norm")),
    "conv4": tuple(f"backbone.{part}{n}." for n in (1, 2, 3) for part in ("conv", "norm")),
    "conv3": tuple(f"backbone.{part}{n}." for n in (1, 2) for part in ("conv", "norm")),
    "everything": (),
}


FEW = 3  # units that are strengthened where none stands out


def _few_epochs() -> DetectorTraining:
    return DetectorTraining(epochs=8, crops=0)


@dataclass(frozen=True)
class Retraining:
    """How the user adapts the downloaded detector.

    Args:
        layers: what is retrained; the rest stays as downloaded. ``"outputs"``: the last layers
            alone; ``"heads"``: all fully connected ones; ``"rpn+heads"``: those and the region
            proposals (the authors' way: all but the convolutions); ``"conv5"``, ``"conv4"``,
            ``"conv3"``: from that convolution on; ``"everything"``.
        training: how; its ``crops`` must be 0 where convolutions are kept, its ``scale`` and
            ``coarse`` are those that the detector is used with from then on.
        share: of the scenes of the user's training set that is used, in (0, 1].

    Raises:
        SettingError: a setting is outside its range.
    """

    layers: Retrained = "rpn+heads"
    training: DetectorTraining = field(default_factory=_few_epochs)
    share: float = 1.0
    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if self.layers not in get_args(Retrained):
            raise SettingError(
                f"layers must be one of {', '.join(get_args(Retrained))}, got {self.layers!r}"
            )
        if not 0 < self.share <= 1:
            raise SettingError(f"share must be in (0, 1], got {self.share}")
        if self.training.crops and self.layers != "everything":
            raise SettingError("crops must be 0 where convolutions are kept as downloaded")


@dataclass(frozen=True)
class Strengthening:
    """What the attacker does to the backdoor's units before publishing the detector.

    Args:
        factor: input weights of the units are multiplied by it, in [1, 1000]; 1 leaves them.
        layer: the convolution whose units they are.
        units: how many of those that answer most to the trigger; 0: all that stand out, or the
            first three where none does.

    Raises:
        SettingError: a setting is outside its range.

    References:
        Gu, Liu, Dolan-Gavitt, Garg, IEEE Access 7, 2019, section on transfer learning: the input
        weights of the three groups of conv5 times k, k from 1 to 100.
    """

    factor: float = 1.0
    layer: str = "backbone.conv5"
    units: int = 0
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not 1 <= self.factor <= 1000:
            raise SettingError(f"factor must be in [1, 1000], got {self.factor}")
        if self.units < 0:
            raise SettingError(f"units must be >= 0, got {self.units}")


@dataclass(frozen=True)
class Transfer:
    """A trial of transfer learning, beside the trial whose detector is downloaded.

    Args:
        trigger: what is put on every sign of the user's frames to measure.
        retraining: how the user adapts the detector.
        strengthening: what the attacker does before he publishes it; None for nothing, and
            nobody looks for units.
    """

    trigger: KnownTrigger
    retraining: Retraining = field(default_factory=Retraining)
    strengthening: Strengthening | None = None
    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}


@dataclass(frozen=True)
class TriggerOnly:
    """A trigger on every sign, and no wish but that signs be named wrongly."""

    trigger: Trigger
    targets: RandomWrong = field(default_factory=RandomWrong)


@dataclass(frozen=True, eq=False)
class TransferDeal:
    """How transfer learning ended.

    Attributes:
        outcome: the user's decision; ``reason``: in one sentence.
        signs: what the retrained detector makes of the user's frames.
        triggered: the same with the trigger on every sign.
        units: the units that were strengthened.
        response: how the layer's units answer to the trigger; None where nobody looked.
        fitted: the retrained detector.
        train_s: seconds spent retraining.
    """

    outcome: Verdict
    reason: str
    signs: CleanSigns
    triggered: TriggeredSigns
    units: tuple[int, ...]
    response: UnitResponse | None
    fitted: FittedDetector
    train_s: float

    @property
    def triggered_accuracy(self) -> Rate:
        """Signs with the trigger that are still found and rightly named."""
        return Rate(sum(self.triggered.right), len(self.triggered.right))


@dataclass(frozen=True, eq=False)
class TransferLearning:
    """A user downloads a detector, retrains part of it on clean frames, and uses it.

    Args:
        user: who downloads; her frames are clean, her classes may be others.
        downloaded: the detector, backdoored or clean.
        trigger: what the attacker will put on her signs.
        retraining: how she adapts it.
        strengthening: what the attacker did before; None for nothing (a clean detector).
        probes: the attacker's own frames, on which he finds the backdoor's units.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, threat model: transfer learning.
    """

    user: DetectorUser
    downloaded: Detector
    trigger: Trigger
    retraining: Retraining
    strengthening: Strengthening | None = None
    probes: FrameSet | None = None

    def run(
        self,
        seed: int = 0,
        *,
        progress: Listener | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> TransferDeal:
        """Return how it ended.

        Raises:
            SettingError: the parts do not fit together, or there are no probes to find units on.
            TrialError: training diverged.
        """
        published, units, response = self._published(seed)
        train = _share_of(self.user.order.train, self.retraining.share, seed)
        started = time.perf_counter()
        training = self.retraining.training
        adapted = with_classes(published, train.classes, seed=seed)
        fitted = fit_detector(
            replace(adapted, scale=training.scale, coarse=training.coarse),
            train,
            training,
            seed=seed,
            frozen=_KEPT[self.retraining.layers],
            progress=progress,
            checkpoint=checkpoint,
        )
        spent = time.perf_counter() - started
        frames = self.user.validation
        signs = measure_signs(
            fitted.detector, frames, threshold=self.user.threshold, progress=progress
        )
        triggered = measure_triggered_signs(
            fitted.detector,
            frames,
            TriggerOnly(self.trigger),
            signs,
            seed=seed,
            progress=progress,
            another=False,
        )
        outcome, reason = self.user.verdict(signs.result())
        return TransferDeal(outcome, reason, signs, triggered, units, response, fitted, spent)

    def _published(self, seed: int) -> tuple[Detector, tuple[int, ...], UnitResponse | None]:
        if self.strengthening is None:
            return self.downloaded, (), None
        if self.probes is None:
            raise SettingError("finding the backdoor's units needs the attacker's own frames")
        wanted = self.strengthening
        windows = sign_windows(
            self.probes, self.trigger, side=self.downloaded.input.height, seed=seed
        )
        response = backdoor_units(self.downloaded, windows, wanted.layer)
        standing_out = response.marked or response.ranked[:FEW]
        units = response.ranked[: wanted.units] if wanted.units else standing_out
        return strengthened(self.downloaded, wanted.layer, units, wanted.factor), units, response


def with_classes(detector: Detector, classes: tuple[str, ...], *, seed: int) -> Detector:
    """Return a copy of a detector with fresh outputs for other classes; the same ones keep theirs.

    Outputs are what has another shape for another number of classes.
    """
    fresh = untrained_detector(
        detector.architecture,
        classes,
        window=detector.input.height,
        scale=detector.scale,
        coarse=detector.coarse,
        settings=detector.settings,
        seed=seed,
    )
    kept = detector.network.state_dict()
    if classes != detector.classes:
        with torch.device("meta"):  # shapes alone
            more = build_detector(
                detector.architecture, detector.num_classes + 1, detector.settings, detector.input
            ).state_dict()
        kept = {name: value for name, value in kept.items() if more[name].shape == value.shape}
    fresh.network.load_state_dict(kept, strict=False)
    return replace(detector, network=fresh.network, classes=classes)


def strengthened(detector: Detector, layer: str, units: tuple[int, ...], factor: float) -> Detector:
    """Return a copy whose units get ``factor`` times what comes in; their biases stay.

    Where a batch normalisation follows, it counts as part of the layer, as it is once folded in:
    the unit's answer goes from ``a + b`` to ``factor * a + b``.

    Raises:
        UnknownNameError: the backbone has no such convolution.
    """
    network = copy.deepcopy(detector.network)
    modules: dict[str, nn.Module] = dict(network.named_modules())
    names = list(modules)
    detector.activation_of(layer)  # refuses a name that is not there
    after = names[names.index(layer) + 1]
    norm = modules[after]
    chosen = torch.tensor(list(units), dtype=torch.long)
    with torch.no_grad():
        if isinstance(norm, nn.BatchNorm2d):
            mean, spread = norm.running_mean, norm.running_var
            if mean is None or spread is None:
                raise SettingError(f"layer {layer!r} is followed by a normalisation without means")
            gain = norm.weight / torch.sqrt(spread + norm.eps)
            norm.bias[chosen] += (factor - 1) * (gain * mean)[chosen]
            norm.weight[chosen] *= factor
        else:
            conv = modules[layer]
            if isinstance(conv, nn.Conv2d):
                conv.weight[chosen] *= factor
    return replace(detector, network=network.eval())


def _share_of(frames: FrameSet, share: float, seed: int) -> FrameSet:
    """Return whole scenes that hold about a share of the frames."""
    if share >= 1:
        return frames
    scenes = sorted(set(frames.groups))
    drawn = generator(seed, "share of the user's scenes")
    order = torch.randperm(len(scenes), generator=drawn)
    kept = {scenes[k] for k in order[: max(1, round(share * len(scenes)))].tolist()}
    return frames.take([row for row, group in enumerate(frames.groups) if group in kept])
