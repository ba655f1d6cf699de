"""The repair that an audit likes best among those that keep the accuracy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from badnets.core.settings import settings
from badnets.repair.base import REPAIRS, Parts, Repair, Repaired, Step
from badnets.repair.standing import AS_IT_CAME, WRECKED, Trace, audited

if TYPE_CHECKING:
    from badnets.core.progress import Listener

WORKS = 0.1  # a recovered trigger that turns so few held images is no longer one
SURE = 1.64  # deviations that a loss is above what is allowed by: one-sided, at 5 %


@settings
class Auto(Repair):
    """Repairs are tried in turn, each on the network as it came, and audited again.

    The first is taken after which nothing is left and the accuracy on held clean images is kept.
    Something is left where a recovered trigger works; where none worked on the network as it came,
    that tells nothing, and something is left where the audit says so. Else one is taken after which
    nothing is left, though it cost more, the one that cost least; else the one with the least sum
    of images that the trigger turns and of images that are lost. Of equals it is the one with the
    least score. Where there are no clean models to compare with, the trigger is the one that works
    best on the network as it came. The true trigger is not known here.

    Args:
        allowed: by how much the accuracy on the held clean images may fall, in [0, 1]; it has to
            fall by more than chance explains to count as lost.
        order: kinds of repairs, in the order in which they are tried.
    """

    kind: Literal["auto"] = "auto"
    version: ClassVar[int] = 4
    audits: ClassVar[bool] = True
    allowed: float = Field(default=0.01, ge=0, le=1)
    order: tuple[str, ...] = Field(
        default=("unlearning", "sharpness-aware", "universal-unlearning", "feature-shift"),
        min_length=1,
    )

    def repaired(
        self, subject: Any, clean: Parts, *, seed: int, progress: Listener | None = None
    ) -> Repaired:
        """Return the repaired copy; the network as it came where each repair wrecks it.

        See `Repair.repaired`.
        """
        from badnets.models.subject import capabilities

        came = audited(AS_IT_CAME, subject, clean.held, seed)
        trace = Trace.of(subject, clean.held, seed) if came.score is None else None
        if trace is not None:
            came = came.model_copy(update={"effect": trace.effect(subject)})
        tried = list[tuple[Any, Step]]()
        for kind in self.order:
            repair = REPAIRS.parse(kind)
            if not repair.needs <= capabilities(subject):
                continue
            fixed = repair.repaired(subject, clean, seed=seed, progress=progress).subject
            step = audited(kind, fixed, clean.held, seed, came.held.value - WRECKED, trace)
            tried.append((fixed, step))
            if step.conclusion is not None and not any(self.standing(step, came)[:2]):
                break
        looked_at = [one for one in tried if one[1].conclusion is not None]
        kept = (subject, came)
        if looked_at:
            kept = min(looked_at, key=lambda one: self.standing(one[1], came))
        steps = (came, *(step for _, step in tried))
        return Repaired(
            kept[0],
            tuple(step.model_copy(update={"kept": step is kept[1]}) for step in steps),
        )

    def standing(self, step: Step, came: Step) -> tuple[bool, float, float]:
        """Return what is compared: whether something is left, how much harm is done, and the score.

        Args:
            step: a repair that was audited.
            came: the network as it came.
        """
        score = math.inf if step.score is None else step.score
        return (_is_left(step, came), _effect(step) + self.lost(step, came), score)

    def lost(self, step: Step, came: Step) -> float:
        """Return the share of held images that are lost; 0 for what is allowed or due to chance."""
        most, count = self.allowed * came.held.total, came.held.total
        lost = came.held.hits - step.held.hits
        return lost / count if lost > most + SURE * math.sqrt(most * (1 - most / count)) else 0.0


def _effect(step: Step) -> float:
    """Return on what share of images a recovered trigger works; 0 where it hardly does."""
    return 0.0 if step.effect is None or step.effect.value <= WORKS else step.effect.value


def _is_left(step: Step, came: Step) -> bool:
    if _effect(came) > 0:
        return _effect(step) > 0
    return step.conclusion == "backdoor likely" or _effect(step) > 0
