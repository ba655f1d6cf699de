"""The repair that an audit likes best among those that keep the accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from badnets.core.settings import settings
from badnets.repair.base import REPAIRS, Parts, Repair, Repaired, Step

if TYPE_CHECKING:
    from badnets.core.progress import Listener

WORKS = 0.1  # a recovered trigger that turns so few held images is no longer one


@settings
class Auto(Repair):
    """Repairs are tried in turn, each on the network as it came, and audited again.

    The first is taken after which the audit finds nothing, no recovered trigger works and the
    accuracy on held clean images is kept; else, of those that keep the accuracy, the one whose
    recovered trigger works least, and of equals the one with the least score. The true trigger is
    not known here.

    Args:
        allowed: by how much the accuracy on the held clean images may fall, in [0, 1].
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
        """Return the repaired copy; the network as it came where none keeps the accuracy.

        See `Repair.repaired`.
        """
        from badnets.audit.auditing import audit
        from badnets.evaluate.classification import measure_clean
        from badnets.models.subject import capabilities

        least = measure_clean(subject, clean.held).accuracy.value - self.allowed
        tried: list[tuple[Any, Step]] = []
        for kind in self.order:
            repair = REPAIRS.parse(kind)
            if not repair.needs <= capabilities(subject):
                continue
            fixed = repair.repaired(subject, clean, seed=seed, progress=progress).subject
            held = measure_clean(fixed, clean.held).accuracy
            if held.value < least:
                tried.append((fixed, Step(what=kind, held=held, kept=False)))
                continue
            found = audit(fixed, clean.held, seed=seed)
            place, recovered = found.ruling.place, found.recovered
            step = Step(
                what=kind,
                held=held,
                conclusion=found.verdict.conclusion,
                score=None if place is None else round(place.score, 3),
                effect=None if recovered is None else recovered.effect,
                kept=False,
            )
            tried.append((fixed, step))
            if found.verdict.conclusion == "nothing found":
                break
        sound = [one for one in tried if one[1].held.value >= least]
        if not sound:
            return Repaired(subject, tuple(step for _, step in tried))
        best, chosen = min(sound, key=lambda one: standing(one[1]))
        return Repaired(
            best,
            tuple(
                step.model_copy(update={"kept": True}) if step is chosen else step
                for _, step in tried
            ),
        )


def standing(step: Step) -> tuple[float, float]:
    """Return what is compared: how much the recovered trigger does, and the audit's score."""
    effect = 0.0 if step.effect is None else step.effect.value
    score = float("inf") if step.score is None else step.score
    return (effect if effect > WORKS else 0.0, score)
