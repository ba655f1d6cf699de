"""The repair that an audit likes best among those that keep the accuracy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from badnets.core.rates import Rate
from badnets.core.settings import settings
from badnets.repair.base import REPAIRS, Parts, Repair, Repaired, Step

if TYPE_CHECKING:
    from badnets.core.progress import Listener

WORKS = 0.1  # a recovered trigger that turns so few held images is no longer one
WRECKED = 0.2  # accuracy that a network has lost that is not looked at any more
SURE = 1.64  # deviations that a loss is above what is allowed by: one-sided, at 5 %


@settings
class Auto(Repair):
    """Repairs are tried in turn, each on the network as it came, and audited again.

    The first is taken after which the audit finds nothing and the accuracy on held clean images is
    kept. Else one is taken after which neither a backdoor is likely nor a recovered trigger works,
    though it cost more; else, of those that keep the accuracy, the one whose recovered trigger
    works least, and of equals the one with the least score. The true trigger is not known here.

    Args:
        allowed: by how much the accuracy on the held clean images may fall, in [0, 1]; it has to
            fall by more than chance explains to count as lost.
        order: kinds of repairs, in the order in which they are tried.
    """

    kind: Literal["auto"] = "auto"
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
        from badnets.audit.auditing import audit
        from badnets.evaluate.classification import measure_clean
        from badnets.models.subject import capabilities

        before = measure_clean(subject, clean.held).accuracy
        tried: list[tuple[Any, Step]] = []
        for kind in self.order:
            repair = REPAIRS.parse(kind)
            if not repair.needs <= capabilities(subject):
                continue
            fixed = repair.repaired(subject, clean, seed=seed, progress=progress).subject
            held = measure_clean(fixed, clean.held).accuracy
            step = Step(what=kind, held=held, kept=False)
            if held.value >= before.value - WRECKED:
                found = audit(fixed, clean.held, seed=seed)
                place, recovered = found.ruling.place, found.recovered
                step = step.model_copy(
                    update={
                        "conclusion": found.verdict.conclusion,
                        "score": None if place is None else round(place.score, 3),
                        "effect": None if recovered is None else recovered.effect,
                    }
                )
            tried.append((fixed, step))
            if step.conclusion == "nothing found" and self.keeps(held, before):
                break
        steps = tuple(step for _, step in tried)
        looked_at = [one for one in tried if one[1].conclusion is not None]
        if not looked_at:
            return Repaired(subject, steps)
        best, chosen = min(looked_at, key=lambda one: self.standing(one[1], before))
        return Repaired(
            best,
            tuple(
                step.model_copy(update={"kept": True}) if step is chosen else step for step in steps
            ),
        )

    def keeps(self, held: Rate, before: Rate) -> bool:
        """Return whether no more accuracy is lost than is allowed, give or take chance."""
        most, count = self.allowed * held.total, held.total
        return before.hits - held.hits <= most + SURE * math.sqrt(most * (1 - most / count))

    def standing(self, step: Step, before: Rate) -> tuple[bool, bool, float, float]:
        """Return what is compared: whether something is left, what it cost, and what is left.

        Args:
            step: a repair that was audited.
            before: accuracy on the held images before it.
        """
        effect = 0.0 if step.effect is None or step.effect.value <= WORKS else step.effect.value
        left = step.conclusion == "backdoor likely" or effect > 0
        score = math.inf if step.score is None else step.score
        return (left, not self.keeps(step.held, before), effect, score)
