"""What a training's loss is made of beside the cross-entropy of its batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn


class LossTerm(ABC):
    """A term of the loss of each batch; it may keep what it is taken on from step to step.

    Attributes:
        replaces: whether it stands in for the batch's cross-entropy, which is then not computed.
    """

    replaces: ClassVar[bool] = False

    @abstractmethod
    def loss(self, logits: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        """Return what is added to the loss.

        Args:
            logits: the network in training, which gives logits of normalised images.
            images: the batch, ``(B, C, H, W)`` float in [0, 1].
            labels: ``(B,)`` int64.
        """

    def after(self) -> None:  # noqa: B027
        """Change what the term keeps; called before each batch, the step before being done."""
