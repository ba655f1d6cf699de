"""The contract of methods that score inputs: fitted on clean images, then a number for each input.

What a score means is for other clean images to say (`badnets.audit.guards.guard`): no method
concludes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from badnets.core.registry import Registry
from badnets.models.subject import capabilities

if TYPE_CHECKING:
    from torch import Tensor


class Answered(NamedTuple):
    """A batch of images, and what one pass through a model says of them, on its device.

    Attributes:
        images: ``(N, C, H, W)``, uint8 or float in [0, 1].
        labels: ``(N,)`` int64, as the model names them.
        features: ``(N, F)`` float32: what its head makes logits of; F is 0 where it has none.
    """

    images: Tensor
    labels: Tensor
    features: Tensor

    @classmethod
    def of(cls, subject: Any, images: Tensor) -> Answered:
        """Return what a subject says; its features come out of the pass that names the images."""
        import torch

        images = images.to(subject.device)
        if "features" not in capabilities(subject):
            named = subject.logits(images).argmax(1)
            return cls(images, named, torch.empty(len(images), 0, device=named.device))
        features = subject.features(images)
        with torch.inference_mode():
            logits = subject.head(features.to(subject.head.weight.dtype))
        return cls(images, logits.argmax(1), features)


class InputMethod(ABC):
    """One way to tell inputs with a trigger, fitted for one model.

    Attributes:
        kind: its name in `INPUT_METHODS`.
        version: raised when the same subject would give other scores.
        needs: capabilities of the subject; see `badnets.models.subject.CAPABILITIES`.
        passes: how often each input goes through the model, beside the pass that names it.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"logits"})
    passes: ClassVar[int]

    @classmethod
    def lacking(cls, subject: Any) -> str | None:
        """Return what a subject must have and has not, in words; None: nothing."""
        return ", ".join(sorted(cls.needs - capabilities(subject))) or None

    @classmethod
    @abstractmethod
    def fitted(cls, subject: Any, clean: Answered) -> Self:
        """Return the method for a subject, from clean images in random order."""

    @abstractmethod
    def scores(self, subject: Any, answered: Answered) -> Tensor:
        """Return ``(N,)`` float32, higher is more suspicious; NaN where it cannot say.

        Args:
            subject: the one that it was fitted for.
            answered: what that says of one batch of inputs.
        """

    def score(self, subject: Any, images: Tensor) -> Tensor:
        """Return the scores of images ``(N, C, H, W)``, uint8 or float in [0, 1]; see `scores`."""
        return self.scores(subject, Answered.of(subject, images))


INPUT_METHODS: Registry[InputMethod] = Registry(
    "input method",
    {
        "mahalanobis": "badnets.audit.guards.methods.mahalanobis:Mahalanobis",
        "nearest-neighbours": "badnets.audit.guards.methods.neighbours:NearestNeighbours",
        "strip": "badnets.audit.guards.methods.strip:Strip",
        "scale-up": "badnets.audit.guards.methods.scale_up:ScaleUp",
        "ibd-psc": "badnets.audit.guards.methods.ibd_psc:IbdPsc",
    },
)
"""A new method: a file in ``input_methods``, and one line ``"kind": "module:Class"``."""
