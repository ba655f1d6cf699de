"""Unlearning of the triggers that an audit's optimisation recovers, round after round.

References:
    Wang et al., "Neural Cleanse", IEEE S&P 2019, section on unlearning: a network forgets a trigger
    that it is trained to ignore. Here the triggers of all pairs of classes that reach their target
    are forgotten together, at random strengths; where there are many classes, those of the target
    that is reached furthest. The network as it came tells what is to be answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from badnets.core.settings import settings
from badnets.repair.base import Parts, Repair, Repaired, Step

if TYPE_CHECKING:
    from badnets.core.progress import Listener

MOVED = 16  # an image is moved by so small a share of its side, at most


@settings
class Unlearning(Repair):
    """In each round triggers are recovered, and images with them learn to keep their label.

    Triggers of earlier rounds stay in use: a network that is shown the new ones alone learns the
    old ones again. It ends where no trigger is recovered. Each image is moved a little, at random.

    Args:
        rounds: at most, ``>= 1``.
        epochs: passes over the clean images in each round, ``>= 1``.
        lr: peak learning rate of AdamW, ``> 0``.
        share: of the images of a batch that are shown with a trigger too, in (0, 1].
    """

    kind: Literal["unlearning"] = "unlearning"
    version: ClassVar[int] = 3
    rounds: int = Field(default=3, ge=1)
    epochs: int = Field(default=20, ge=1)
    lr: float = Field(default=1e-3, gt=0)
    share: float = Field(default=0.3, gt=0, le=1)

    def repaired(
        self, subject: Any, clean: Parts, *, seed: int, progress: Listener | None = None
    ) -> Repaired:
        """Return a copy that ignores what was recovered; see `Repair.repaired`."""
        from badnets.audit.shared_triggers import triggers_of_worst
        from badnets.audit.suspects import named_right
        from badnets.evaluate.classification import measure_clean
        from badnets.repair.ignoring import Ignoring
        from badnets.repair.tuning import tuned

        kept: list[Any] = []
        came, shift = subject, round(min(subject.input.shape[1:]) / MOVED)
        steps: list[Step] = []
        for number in range(self.rounds):
            right = named_right(subject, clean.used, range(subject.num_classes))
            found = triggers_of_worst(subject, right, seed=seed + number) if right else []
            if not found:
                break
            kept += found
            subject = tuned(
                subject, clean.used, self.epochs, self.lr, seed=seed + number,
                terms=[Ignoring(kept, came, self.share, seed=seed + number)], shift=shift,
                progress=progress,
            )  # fmt: skip
            count = sum(len(one.targets) for one in found)
            what = f"round {number + 1}: {count} recovered triggers unlearned"
            steps.append(Step(what=what, held=measure_clean(subject, clean.held).accuracy))
        return Repaired(subject, tuple(steps))
