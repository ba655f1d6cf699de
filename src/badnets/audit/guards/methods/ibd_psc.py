"""IBD-PSC: what a trigger asks for is answered when the last normalised layers are amplified.

References:
    Hou, Feng, Hua, Luo, Zhang, Li, "IBD-PSC: input-level backdoor detection via
    parameter-oriented scaling consistency", ICML 2024, algorithm 1 and section 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from badnets.audit.guards.base import Answered, InputMethod

FACTOR, NETWORKS, ERROR = 1.5, 5, 0.6


@dataclass(frozen=True, eq=False)
class IbdPsc(InputMethod):
    """The mean probability of the predicted class while the last batch normalisations are scaled.

    Args:
        first: how many of them are scaled first: the fewest with which more than 60 % of clean
            images are named otherwise, or all where so many never are; then one more each time.
    """

    first: int

    kind = "ibd-psc"
    passes = NETWORKS

    @classmethod
    def lacking(cls, subject: Any) -> str | None:
        """Return what a subject has not: batch normalisation, too."""
        return super().lacking(subject) or (None if _norms(subject) else "batch normalisation")

    @classmethod
    def fitted(cls, subject: Any, clean: Answered) -> Self:
        """Return the method; see `badnets.audit.guards.base.InputMethod.fitted`.

        An image is named otherwise than the model itself names it: labels are not needed.
        """
        norms = _norms(subject)
        for count in range(1, len(norms)):
            with _scaled(norms[-count:]):
                named = subject.logits(clean.images).argmax(1)
            if float((named != clean.labels).float().mean()) > ERROR:
                return cls(count)
        return cls(len(norms))

    def scores(self, subject: Any, answered: Answered) -> Tensor:
        """Return the mean probabilities; see `badnets.audit.guards.base.InputMethod.scores`."""
        norms, found = _norms(subject), []
        for count in range(self.first, min(self.first + NETWORKS, len(norms) + 1)):
            with _scaled(norms[-count:]):
                probabilities = subject.logits(answered.images).softmax(1)
            found.append(probabilities.gather(1, answered.labels[:, None])[:, 0])
        return torch.stack(found).mean(0)


def _norms(subject: Any) -> list[nn.Module]:
    network = getattr(subject, "network", None)
    return [] if network is None else [m for m in network.modules() if isinstance(m, _BatchNorm)]


@contextmanager
def _scaled(norms: Sequence[nn.Module]) -> Iterator[None]:
    """Scale weights and biases of some normalisations, that is their outputs, in the block."""
    with ExitStack() as hooks:
        for norm in norms:
            hooks.enter_context(norm.register_forward_hook(lambda _m, _i, out: FACTOR * out))
        yield
