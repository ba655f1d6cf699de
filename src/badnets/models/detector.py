"""Detectors as methods see them: frames in, boxes in the frame's own pixels out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import batched_nms

from badnets.bundles import InputSpec
from badnets.bundles.schema import Scalar
from badnets.core.boxes import LabelledBoxes
from badnets.core.errors import SettingError, ShapeError
from badnets.models.catalogue import Task
from badnets.models.inputs import colour_window, enlarged
from badnets.models.network_subject import WholeNetwork, evaluating, in_channels_last
from badnets.models.regions import BACKGROUND, RegionSubject, names_regions
from badnets.models.units import UnitLayer, backbone_layers_of

SAME = 0.3  # overlap (IoU) from which on two boxes of a class are the same object's
PIXELS_AT_ONCE = 3_000_000  # of enlarged frames of one size that go through the network together
WINDOWS_AT_ONCE = 32  # that go through the backbone together
SCALE, SECOND_SCALE = "scale", "second_scale"  # in a bundle, beside the architecture's settings


class Detections(NamedTuple):
    """What a detector finds in a frame, the surest first.

    Attributes:
        corners: ``(n, 4)`` float32 left, top, right, bottom in the frame's pixels.
        labels: ``(n,)`` int64 from 0; background is not among them.
        scores: ``(n,)`` float32 in [0, 1].
    """

    corners: Tensor
    labels: Tensor
    scores: Tensor

    def at(self, rows: Tensor) -> Detections:
        """Return those at ``rows``: ``(m,)`` int64 positions or ``(n,)`` bool."""
        return Detections(self.corners[rows], self.labels[rows], self.scores[rows])


class AsGiven(GeneralizedRCNNTransform):  # type: ignore[misc]
    """Normalises and stacks; images keep the size that they come in."""

    def __init__(self, spec: InputSpec) -> None:
        super().__init__(1, 1, list(spec.mean), list(spec.std))

    def resize(
        self, image: Tensor, target: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, dict[str, Tensor] | None]:
        """Return both as they are."""
        return image, target


@dataclass(frozen=True, eq=False, repr=False)
class Detector(WholeNetwork):
    """A detector: takes frames as they are stored or float in [0, 1], enlarges and normalises.

    Args:
        network: torchvision's interface; takes enlarged images in [0, 1].
        architecture: its name in the catalogue.
        input: size of the windows that it is trained on, and normalisation.
        classes: names of the K classes; the network's own background is none of them.
        scale: frames are enlarged by this factor before the network sees them.
        second_scale: frames are also looked at by this factor, for objects close by; 0: they are
            not. Boxes that would be shorter than half a window at ``scale`` are left to that look:
            a sticker that is seen there may be too faint here.
        settings: of the architecture.
    """

    scale: float = 1.0
    second_scale: float = 0.0
    task: ClassVar[Task] = "detection"
    batch_size: ClassVar[int] = WINDOWS_AT_ONCE

    def __post_init__(self) -> None:
        if not 0.1 <= self.scale <= 10:
            raise SettingError(f"scale must be in [0.1, 10], got {self.scale}")
        if self.second_scale and not 0.1 <= self.second_scale < self.scale:
            raise SettingError(
                f"second_scale must be in [0.1, scale), or 0, got {self.second_scale}"
            )

    @staticmethod
    def ready(network: nn.Module, spec: InputSpec) -> nn.Module:
        """Return a built network that keeps frames at their size and normalises them so."""
        fixed = getattr(network.transform, "fixed_size", None)
        network.transform = AsGiven(spec)
        if fixed is not None:  # SSD's heads know one size alone
            network.transform = GeneralizedRCNNTransform(
                min(fixed), max(fixed), list(spec.mean), list(spec.std), fixed_size=fixed
            )
        return network

    def enlarged(self, frames: Tensor, scale: float | None = None) -> Tensor:
        """Return ``(B, 3, H, W)`` frames as the network takes them: float, ``scale`` as large."""
        return enlarged(frames.to(self.device), scale or self.scale)

    def detect(self, frames: Iterable[Tensor]) -> Iterator[Detections]:
        """Give what is found in each frame, ``(3, H, W)`` uint8 or float in [0, 1], in turn.

        Frames of one size that follow one another go through the network together.

        Raises:
            ShapeError: a frame is not ``(3, H, W)``.
        """
        call = in_channels_last(self.network)
        for batch in _batches(frames, self.scale):
            frame_batch = torch.stack(batch)
            fine = self._detections(call, frame_batch, self.scale)
            if not self.second_scale:
                yield from fine
                continue
            second = self._detections(call, frame_batch, self.second_scale)
            for one, other in zip(fine, second, strict=True):
                sides = (other.corners[:, 2:] - other.corners[:, :2]).amax(1)
                yield _merged(one, other.at(sides >= self.input.height / (2 * self.scale)))

    def regions(self, boxes: LabelledBoxes) -> RegionSubject:
        """Return the subject that names these regions of frames.

        Args:
            boxes: in the frames' pixels; ``image_index`` counts the frames that are answered.

        Raises:
            SettingError: the network does not name regions that it is given: it is no Faster R-CNN.
        """
        return RegionSubject(
            self.network,
            self.architecture,
            self.input,
            (*self.classes, BACKGROUND),
            boxes,
            self.scale,
            settings=self.settings,
        )

    @property
    def lacks(self) -> frozenset[str]:
        """Capabilities that this network has not."""
        lacking = frozenset[str]() if names_regions(self.network) else frozenset({"regions"})
        return super().lacks | lacking

    def _detections(
        self, call: Callable[..., Any], frames: Tensor, scale: float
    ) -> list[Detections]:
        with evaluating(self.network), torch.inference_mode():
            answers = call((list(self.enlarged(frames, scale)),))
        return [
            Detections(
                answer["boxes"].float().cpu() / scale,
                answer["labels"].cpu() - 1,
                answer["scores"].float().cpu(),
            )
            for answer in answers
        ]

    @cached_property
    def _layers(self) -> dict[str, UnitLayer]:
        return backbone_layers_of(self.network)

    def _through_layers(self, images: Tensor) -> None:
        network: Any = self.network  # torchvision's detectors have both parts
        call = in_channels_last(network.backbone)
        with evaluating(self.network), torch.inference_mode():
            batch, _ = network.transform(list(images.to(self.device)))
            call((batch.tensors,))

    def _use(self) -> dict[str, Scalar]:
        return {SCALE: self.scale, SECOND_SCALE: self.second_scale}


def build_detector(
    name: str, num_classes: int, settings: Mapping[str, Scalar], spec: InputSpec, *, seed: int = 0
) -> nn.Module:
    """Return an untrained detector with torchvision's interface.

    In training it takes a list of float images in [0, 1], ``(3, H, W)``, and of targets (boxes,
    labels from 1) and returns losses by name; in evaluation boxes, labels and scores.

    Args:
        name, num_classes, settings, seed: see `badnets.models.catalogue.build`.
        spec: the normalisation.

    Raises:
        UnknownNameError, SettingError: as for `badnets.models.catalogue.build`.
    """
    return Detector.build(name, spec, num_classes, settings, seed=seed)


def untrained_detector(
    name: str,
    classes: Sequence[str],
    *,
    window: int,
    scale: float,
    second_scale: float = 0.0,
    settings: Mapping[str, Scalar] | None = None,
    seed: int,
) -> Detector:
    """Return a freshly initialised detector.

    Args:
        name, settings, seed: see `badnets.models.catalogue.build`.
        classes: names of the classes.
        window: side of the windows that it will be trained on, in pixels after enlarging.
        scale, second_scale: see `Detector`.

    Raises:
        UnknownNameError, SettingError: as for `badnets.models.catalogue.build` and `Detector`.
    """
    spec, own = colour_window(window), dict(settings or {})
    network = Detector.build(name, spec, len(classes), own, seed=seed)
    return Detector(network, name, spec, tuple(classes), scale, second_scale, settings=own)


def _merged(one: Detections, other: Detections) -> Detections:
    """Return what was found at two scales; of boxes of a class that overlap, the surest."""
    both = Detections(*(torch.cat(pair) for pair in zip(one, other, strict=True)))
    return both.at(batched_nms(both.corners, both.scores, both.labels, SAME))


def _batches(frames: Iterable[Tensor], scale: float) -> Iterator[list[Tensor]]:
    held: list[Tensor] = []
    for frame in frames:
        if frame.ndim != 3 or frame.shape[0] != 3:
            raise ShapeError(f"a frame must be (3, H, W), got {tuple(frame.shape)}")
        pixels = frame.shape[1] * frame.shape[2] * scale**2
        alike = bool(held) and (frame.shape, frame.dtype) == (held[0].shape, held[0].dtype)
        if held and (not alike or (len(held) + 1) * pixels > PIXELS_AT_ONCE):
            yield held
            held = []
        held.append(frame)
    if held:
        yield held
