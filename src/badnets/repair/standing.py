"""How a network stands on the way to a repaired one: what an audit says, on held clean images."""

from __future__ import annotations

from typing import Any, NamedTuple

from badnets.core.rates import Rate
from badnets.repair.base import Parts, Repair, Repaired, Step

AS_IT_CAME = "as it came"
WRECKED = 0.2  # accuracy that a network has lost that is not looked at any more


class Trace(NamedTuple):
    """What a network as it came answers to, for where no clean models tell what a score means.

    Attributes:
        trigger: the `badnets.audit.recovery.Recovered` that works best.
        held: the held clean images.
    """

    trigger: Any
    held: Any

    @classmethod
    def of(cls, subject: Any, held: Any, seed: int) -> Trace | None:
        """Return that of a network, from held clean images; None where there is none."""
        from badnets.audit.recovery import best_of_all

        right = _named_right(subject, held)
        trigger = None if right is None else best_of_all(subject, right, seed=seed)
        return None if trigger is None else cls(trigger, held)

    def effect(self, subject: Any) -> Rate | None:
        """Return how many images that a network names right it still turns there."""
        from badnets.audit.recovery import effect_on

        right = _named_right(subject, self.held)
        return None if right is None else effect_on(subject, self.trigger, right)


def _named_right(subject: Any, held: Any) -> Any:
    from badnets.audit.suspects import named_right

    return named_right(subject, held, range(subject.num_classes))


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
    what: str, subject: Any, held: Any, seed: int, least: float = 0.0, trace: Trace | None = None
) -> Step:
    """Return how a network stands.

    Args:
        what: was done.
        subject: the network.
        held: clean images that no repair learns from.
        seed: everything random follows from it.
        least: a network that names fewer of them rightly is not audited.
        trace: of the network as it came; None: there is none.
    """
    from badnets.audit.auditing import audit
    from badnets.evaluate.classification import measure_clean

    right = measure_clean(subject, held).accuracy
    if right.value < least:
        return Step(what=what, held=right, kept=False)
    found = audit(subject, held, seed=seed)
    place, recovered = found.ruling.place, found.recovered
    effect = None if recovered is None else recovered.effect
    if place is None and trace is not None:
        effect = trace.effect(subject)
    return Step(
        what=what,
        held=right,
        conclusion=found.verdict.conclusion,
        score=None if place is None else round(place.score, 3),
        effect=effect,
    )
