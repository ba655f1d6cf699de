"""Subjects: what methods see of a loaded model, and what each can do.

Members: `Classifier`, `Detector`, its `RegionSubject`; and known by answers alone, `OnnxSubject`
and `CallableSubject`.
A subject leaves its network as it was: every module's mode, its gradients and its memory format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, Self

from badnets.bundles import InputSpec

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Subject(Protocol):
    """What all have, whatever their task.

    ``input`` is the shape of images (of the windows that a detector is trained on) and their
    normalisation; ``classes`` are names of the K classes. ``to`` gives the subject itself where it
    is on the device, else a copy; what is done to a copy leaves the original as it is.
    """

    @property
    def architecture(self) -> str: ...
    @property
    def input(self) -> InputSpec: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def num_classes(self) -> int: ...
    @property
    def device(self) -> torch.device: ...
    def to(self, device: torch.device | str) -> Self: ...
    def copy(self) -> Self: ...


class HasLogits(Subject, Protocol):
    """Answers images ``(N, C, H, W)``, uint8 or float in [0, 1], which it normalises inside.

    Without gradient, batch by batch: ``(N, K)`` float32 logits, their softmax, and ``(N,)`` int64
    predicted labels on the CPU.
    """

    def logits(self, images: Tensor) -> Tensor: ...
    def probabilities(self, images: Tensor) -> Tensor: ...
    def predict(self, images: Tensor) -> Tensor: ...


class HasUnits(Subject, Protocol):
    """Has layers with units, whose outputs ``(B, U, ...)`` can be read by batch, and silenced."""

    @property
    def layers(self) -> tuple[str, ...]: ...
    def units(self, layer: str) -> int: ...
    def layer_outputs(
        self, images: Tensor, layers: Sequence[str]
    ) -> Iterator[dict[str, Tensor]]: ...
    def changed(
        self, changes: Mapping[str, Callable[[Tensor], Tensor]]
    ) -> AbstractContextManager[Self]: ...
    def silenced(self, layer: str, units: Sequence[int]) -> AbstractContextManager[Self]: ...


CAPABILITIES: dict[str, str] = {
    "logits": "logits",
    "gradients": "forward",  # logits of float images, in one batch, differentiable
    "features": "features",  # what one fully connected layer, the ``head``, makes logits of
    "units": "layer_outputs",
    "boxes": "detect",  # objects in frames
    "regions": "regions",  # names given regions of frames, as a classifier names images
}
"""What a subject may be able to do -> the method that does it."""


def capabilities(subject: Subject) -> frozenset[str]:
    """Return what a subject can do: keys of `CAPABILITIES`.

    What a kind of subject can do and this one cannot, it names in an attribute ``lacks``: features,
    where no fully connected layer makes the logits.
    """
    can = {name for name, method in CAPABILITIES.items() if hasattr(subject, method)}
    return frozenset(can - getattr(subject, "lacks", frozenset()))
