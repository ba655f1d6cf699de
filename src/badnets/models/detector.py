"""Detectors as methods see them: frames in, boxes in the frame's own pixels out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import batched_nms

from badnets.bundles import InputSpec
from badnets.bundles.schema import Scalar
from badnets.core.errors import SettingError, ShapeError
from badnets.core.lookup import find
from badnets.core.pictures import as_float
from badnets.models.detectors import build_detector
from badnets.models.subject import NORMALISATIONS

SAME = 0.3  # overlap (IoU) from which on two boxes of a class are the same object's
PIXELS_AT_ONCE = 3_000_000  # of enlarged frames of one size that go through the network together


class Found(NamedTuple):
    """What a detector finds in a frame, the surest first.

    Attributes:
        corners: ``(n, 4)`` float32 left, top, right, bottom in the frame's pixels.
        labels: ``(n,)`` int64 from 0; background is not among them.
        scores: ``(n,)`` float32 in [0, 1].
    """

    corners: Tensor
    labels: Tensor
    scores: Tensor


@dataclass(frozen=True, eq=False)
class Detector:
    """A detector: takes frames as they are stored or float in [0, 1], enlarges and normalises.

    Args:
        network: torchvision's interface; takes enlarged images in [0, 1].
        architecture: its name in the table of detectors.
        input: size of the windows that it is trained on, and normalisation.
        classes: names of the K classes; the network's own background is none of them.
        scale: frames are enlarged by this factor before the network sees them.
        coarse: frames are also shown at this factor, for objects close by; 0: they are not. Boxes
            that would be shorter than half a window at ``scale`` are left to that look: a sticker
            that is seen there may be too faint here.
        settings: of the architecture.
    """

    network: nn.Module
    architecture: str
    input: InputSpec
    classes: tuple[str, ...]
    scale: float = 1.0
    coarse: float = 0.0
    settings: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0.1 <= self.scale <= 10:
            raise SettingError(f"scale must be in [0.1, 10], got {self.scale}")
        if self.coarse and not 0.1 <= self.coarse < self.scale:
            raise SettingError(f"coarse must be in [0.1, scale), or 0, got {self.coarse}")

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.classes)

    @cached_property
    def device(self) -> torch.device:
        """Where its parameters are."""
        return next(self.network.parameters()).device

    def enlarged(self, frames: Tensor, scale: float | None = None) -> Tensor:
        """Return ``(B, 3, H, W)`` frames as the network takes them: float, ``scale`` as large."""
        images, factor = as_float(frames.to(self.device)), scale or self.scale
        if factor == 1:
            return images
        return functional.interpolate(
            images,
            scale_factor=factor,
            mode="bilinear",
            align_corners=False,
            antialias=factor < 1,
        )

    def detect(self, frames: Iterable[Tensor]) -> Iterator[Found]:
        """Give what is found in each frame, ``(3, H, W)`` uint8 or float in [0, 1], in turn.

        Frames of one size that follow one another go through the network together.

        Raises:
            ShapeError: a frame is not ``(3, H, W)``.
        """
        self.network.eval()
        # a third faster on a CPU than with the weights laid out channel by channel
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for batch in _batches(frames, self.scale):
            frame_batch = torch.stack(batch)
            fine = self._found(frame_batch, self.scale)
            if not self.coarse:
                yield from fine
                continue
            for one, other in zip(fine, self._found(frame_batch, self.coarse), strict=True):
                yield _merged(one, _no_shorter(other, self.input.height / (2 * self.scale)))

    def _found(self, frames: Tensor, scale: float) -> list[Found]:
        with torch.inference_mode():
            answers = self.network(list(self.enlarged(frames, scale)))
        return [
            Found(
                answer["boxes"].float().cpu() / scale,
                answer["labels"].cpu() - 1,
                answer["scores"].float().cpu(),
            )
            for answer in answers
        ]

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Names of the backbone's convolutions, in order."""
        return tuple(self._convolutions)

    @cached_property
    def _convolutions(self) -> dict[str, nn.Conv2d]:
        return {
            name: module
            for name, module in self.network.named_modules()
            if isinstance(module, nn.Conv2d) and name.startswith("backbone.")
        }

    def activation_of(self, layer: str) -> nn.Module:
        """Return the module whose output is a convolution's activation: the ReLU that follows.

        Raises:
            UnknownNameError: the backbone has no such convolution.
        """
        find(self._convolutions, layer, "layer")
        names = [name for name, _ in self.network.named_modules()]
        modules: dict[str, nn.Module] = dict(self.network.named_modules())
        for name in names[names.index(layer) + 1 :]:
            if isinstance(modules[name], nn.Conv2d):
                break
            if isinstance(modules[name], nn.ReLU):
                return modules[name]
        return modules[layer]

    @contextmanager
    def hooked(self, layer: str, change: Callable[[Tensor], Tensor | None]) -> Iterator[Detector]:
        """Give this detector with ``change`` called on a convolution's activation.

        Args:
            layer: name out of `layers`.
            change: gets the maps ``(B, U, h, w)``; what it returns, if anything, takes their place.
        """
        hook = self.activation_of(layer).register_forward_hook(lambda _m, _i, out: change(out))
        try:
            yield self
        finally:
            hook.remove()

    @contextmanager
    def silenced(self, layer: str, units: Sequence[int]) -> Iterator[Detector]:
        """Give this detector with some units' activation set to zero while the block lasts.

        Raises:
            UnknownNameError: the backbone has no such convolution.
            SettingError: it has no such unit.
        """
        count = find(self._convolutions, layer, "layer").out_channels
        for unit in units:
            if not 0 <= unit < count:
                raise SettingError(f"layer {layer!r} has units 0..{count - 1}, not {unit}")
        chosen = torch.tensor(list(units), dtype=torch.long, device=self.device)
        with self.hooked(layer, lambda maps: maps.index_fill(1, chosen, 0.0)) as muted:
            yield muted


def colour_window(side: int) -> InputSpec:
    """Return the usual normalisation of colour windows of ``side`` pixels."""
    mean, std = NORMALISATIONS[3]
    return InputSpec.of(channels=3, height=side, width=side, mean=mean, std=std)


def untrained_detector(
    name: str,
    classes: Sequence[str],
    *,
    window: int,
    scale: float,
    coarse: float = 0.0,
    settings: Mapping[str, Scalar] | None = None,
    seed: int,
) -> Detector:
    """Return a freshly initialised detector.

    Args:
        name: of its architecture.
        classes: names of the classes.
        window: side of the windows that it will be trained on, in pixels after enlarging.
        scale: factor by which frames are enlarged.
        coarse: a second factor, for objects close by; 0: none.
        settings: of the architecture.
        seed: decides the weights.

    Raises:
        UnknownNameError: there is no such architecture.
        SettingError: a setting is outside its range.
    """
    spec = colour_window(window)
    own = dict(settings or {})
    network = build_detector(name, len(classes), own, spec, seed=seed)
    return Detector(network, name, spec, tuple(classes), scale, coarse, own)


def _merged(one: Found, other: Found) -> Found:
    """Return what was found at two scales; of boxes of a class that overlap, the surest."""
    corners, labels, scores = (torch.cat(pair) for pair in zip(one, other, strict=True))
    kept = batched_nms(corners, scores, labels, SAME)
    return Found(corners[kept], labels[kept], scores[kept])


def _no_shorter(found: Found, side: float) -> Found:
    """Return the boxes whose longer side is at least ``side`` pixels of the frame."""
    kept = (found.corners[:, 2:] - found.corners[:, :2]).amax(1) >= side
    return Found(found.corners[kept], found.labels[kept], found.scores[kept])


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
