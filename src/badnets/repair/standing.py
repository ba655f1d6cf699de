"""How a network stands on the way to a repaired one: what an audit says, on held clean images."""

from __future__ import annotations

from typing import Any

from badnets.repair.base import Parts, Repair, Repaired, Step

AS_IT_CAME = "as it came"
WRECKED = 0.2  # accuracy that a network has lost that is not looked at any more


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


def audited(what: str, subject: Any, held: Any, seed: int, least: float = 0.0) -> Step:
    """Return how a network stands; one that names fewer images rightly is not audited."""
    from badnets.audit.auditing import audit
    from badnets.evaluate.classification import measure_clean

    right = measure_clean(subject, held).accuracy
    if right.value < least:
        return Step(what=what, held=right, kept=False)
    found = audit(subject, held, seed=seed)
    place, recovered = found.ruling.place, found.recovered
    return Step(
        what=what,
        held=right,
        conclusion=found.verdict.conclusion,
        score=None if place is None else round(place.score, 3),
        effect=None if recovered is None else recovered.effect,
    )
