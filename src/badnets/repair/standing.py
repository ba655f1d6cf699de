"""How a network stands on the way to a repaired one: what an audit says, on held clean images."""

from __future__ import annotations

from typing import Any, NamedTuple

from badnets.core.rates import Rate
from badnets.repair.base import Parts, Repair, Repaired, Step

AS_IT_CAME = "as it came"
WRECKED = 0.2  # accuracy that a network has lost that is not looked at any more


class Traces(NamedTuple):
    """Triggers of a network as it came, for where no clean models tell what a score means.

    Attributes:
        triggers: `badnets.audit.recovery.Recovered`, one for each target class.
        right: the images that they were recovered with.
    """

    triggers: list[Any]
    right: Any

    @classmethod
    def of(cls, subject: Any, held: Any, seed: int) -> Traces:
        """Return those of a network, from held clean images."""
        from badnets.audit.recovery import for_each_target
        from badnets.audit.suspects import named_right

        right = named_right(subject, held, range(subject.num_classes))
        return cls([] if right is None else for_each_target(subject, right, seed=seed), right)

    def effect(self, subject: Any) -> Rate | None:
        """Return how much the one that works best does to a network; None: there is none."""
        from badnets.audit.recovery import effect_on

        worked = [effect_on(subject, one, self.right) for one in self.triggers]
        return max(worked, key=lambda rate: rate.value, default=None)


def audited_after(
    repaired: Repaired, repair: Repair, came: Any, clean: Parts, seed: int
) -> Repaired:
    """Return what a repair gave, with an audit of the network before and after it.

    A repair that audits what it does is not audited again.

    Args:
        repaired: what it gave.
        repair: the repair.
        came: the subject that it began with.
        clean: the user's images.
        seed: everything random follows from it.
    """
    if repair.audits:
        return repaired
    before = audited(AS_IT_CAME, came, clean.held, seed).model_copy(update={"kept": False})
    least = before.held.value - WRECKED
    after = audited(repair.kind, repaired.subject, clean.held, seed, least=least)
    last = after.model_copy(update={"kept": True})
    return repaired._replace(steps=(before, *repaired.steps, last))


def audited(
    what: str, subject: Any, held: Any, seed: int, least: float = 0.0, traces: Traces | None = None
) -> Step:
    """Return how a network stands.

    Args:
        what: was done.
        subject: the network.
        held: clean images that no repair learns from.
        seed: everything random follows from it.
        least: a network that names fewer of them rightly is not audited.
        traces: what the network as it came answered to; None: nothing is known of it.
    """
    from badnets.audit.auditing import audit
    from badnets.evaluate.classification import measure_clean

    right = measure_clean(subject, held).accuracy
    if right.value < least:
        return Step(what=what, held=right, kept=False)
    found = audit(subject, held, seed=seed)
    place, recovered = found.ruling.place, found.recovered
    effect = None if recovered is None else recovered.effect
    if place is None and traces is not None:
        effect = traces.effect(subject)
    return Step(
        what=what,
        held=right,
        conclusion=found.verdict.conclusion,
        score=None if place is None else round(place.score, 3),
        effect=effect,
    )
