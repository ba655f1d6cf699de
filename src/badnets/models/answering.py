"""Classifiers that are known by their answers alone: a function, an ONNX file, a service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

import torch
from torch import Tensor

from badnets.bundles import InputSpec
from badnets.core.errors import SettingError
from badnets.core.pictures import as_tensor
from badnets.core.settings import quoted
from badnets.models.catalogue import Shape
from badnets.models.inputs import check_images
from badnets.models.network_subject import FromLogits

BATCH = 100  # images per call, where any number is taken
_PIXELS = 2**19  # the same, in pixels: layers of a network take hundreds of bytes for each
_LEAST = 1e-12  # a probability, where its logarithm is taken
Gives = Literal["logits", "probabilities"]


@dataclass(frozen=True, eq=False, kw_only=True)
class AnsweringSubject(FromLogits):
    """A classifier that has logits, and nothing inside: no gradients, features, layers or units.

    Args:
        input: shape of the images; they are normalised inside.
        classes: names of the K classes.
        batch: images per call, where no other number is taken; None: any.
        architecture: its name.
    """

    input: InputSpec
    classes: tuple[str, ...]
    batch: int | None = None
    architecture: str

    def ask(self, pictures: Tensor) -> Tensor:
        """Return ``(B, K)`` float32 logits of one batch of float32 images in [0, 1], on the CPU."""
        raise NotImplementedError

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.classes)

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    def to(self, device: torch.device | str) -> Self:
        """Return this subject: it answers from the CPU, whatever device images are on."""
        return self

    def copy(self) -> Self:
        """Return this subject: nothing in it can be changed."""
        return self

    def logits(self, images: Tensor) -> Tensor:
        """Return ``(N, K)`` float32 logits of uint8 or float images in [0, 1], on the CPU.

        Raises:
            ShapeError: images are not ``(N, *input.shape)``, or not uint8 or float.
            TrialError: what answers has failed on them.
        """
        images = check_images(images, self.input.shape)
        if not len(images):
            return torch.empty(0, self.num_classes)
        height, width = self.input.shape[1:]
        batch = self.batch or max(1, min(BATCH, _PIXELS // (height * width)))
        return torch.cat([self._answers(part) for part in torch.split(images, batch)])

    def _answers(self, images: Tensor) -> Tensor:
        scale = 255.0 if images.dtype == torch.uint8 else 1.0
        pictures = images.detach().cpu().float() / scale
        lacking = (self.batch or 0) - len(images)
        if lacking > 0:  # whole batches only are taken
            pictures = torch.cat([pictures, pictures.new_zeros(lacking, *pictures.shape[1:])])
        return self.ask(pictures)[: len(images)]


@dataclass(frozen=True, eq=False, kw_only=True)
class CallableSubject(AnsweringSubject):
    """A function as a classifier; see `AnsweringSubject`.

    Args:
        function: from ``(B, C, H, W)`` float32 images in [0, 1], on the CPU, to ``(B, K)`` numbers:
            a tensor, an array or lists.
        gives: what these numbers are; of probabilities the logarithm is taken.
    """

    function: Callable[[Tensor], Any] = field(repr=False)
    gives: Gives = "logits"
    architecture: str = "function"

    @classmethod
    def of(
        cls,
        function: Callable[[Tensor], Any],
        shape: Shape,
        classes: Sequence[str] | int,
        *,
        gives: Gives = "logits",
        batch: int | None = None,
    ) -> CallableSubject:
        """Return a function of one's own, or whatever can be called, as a subject.

        Args:
            function: see the class.
            shape: of one image, ``(C, H, W)``.
            classes: their names, or how many there are.
            gives: whether it gives logits or probabilities.
            batch: images per call, where it takes no other number.

        Raises:
            SettingError: it cannot be called, or does not answer black images with K numbers each.
        """
        if not callable(function):
            raise SettingError(f"function must be callable, got {quoted(function)}")
        if gives not in get_args(Gives):
            raise SettingError(f"gives must be one of {get_args(Gives)}, got {quoted(gives)}")
        names = tuple(map(str, range(classes))) if isinstance(classes, int) else tuple(classes)
        spec = InputSpec.of_shape(shape)
        subject = cls(function=function, input=spec, classes=names, batch=batch, gives=gives)
        if not bool(torch.isfinite(subject.logits(torch.zeros(1, *shape))).all()):
            raise SettingError("function answers a black image with NaN or infinity")
        return subject

    def ask(self, pictures: Tensor) -> Tensor:
        """Return the logits of one batch.

        Raises:
            SettingError: the function gives other than ``(B, K)`` numbers.
        """
        with torch.no_grad():
            given = self.function(pictures)
        answers = as_tensor(given) if not isinstance(given, list) else torch.tensor(given)
        wanted = (len(pictures), self.num_classes)
        if tuple(answers.shape) != wanted:
            raise SettingError(
                f"function answers {wanted[0]} images with {tuple(answers.shape)}: numbers of "
                f"shape {wanted} are wanted"
            )
        answers = answers.detach().cpu().float()
        return answers if self.gives == "logits" else answers.clamp(min=_LEAST).log()
