"""What a guard at the network's input would stop, and what it would stop wrongly."""

from __future__ import annotations

from badnets.core.rates import Rate
from badnets.observations.base import Case, Observation, ObservationResult


class GuardResult(ObservationResult):
    """How a guard does on images that it was not made of.

    Attributes:
        methods: what looked.
        false_rejections: clean images that were flagged.
        stopped: triggered images that were flagged; of none where there is no backdoor.
        passed: triggered images that get the attacker's answer, and were not flagged.
        why_not: why nothing could be flagged; empty where it could.
    """

    methods: tuple[str, ...]
    false_rejections: Rate
    stopped: Rate = Rate(0, 0)
    passed: Rate = Rate(0, 0)
    why_not: str = ""


class GuardedInputs(Observation[GuardResult]):
    """A guard made of one half of the user's validation images, tried on the other half.

    It is made without knowing the trigger; the backdoor's trigger is then put on the other half.
    """

    kind = "guard"
    needs = frozenset({"logits", "backdoor"})
    tasks = frozenset({"classification"})
    Result = GuardResult

    def observe(self, case: Case) -> GuardResult:
        """Return what was flagged."""
        from badnets.audit.guards.guard import Guard

        rest, own = case.validation.split(len(case.validation) // 2, case.seed)
        guard = Guard(case.subject, own, seed=case.seed)
        none = Rate(0, 0)
        if guard.threshold is None:
            return GuardResult(
                methods=guard.methods, false_rejections=none, why_not=guard.why_not or ""
            )
        flagged = guard.predict(rest.images).flagged
        clean = Rate(int(flagged.sum()), len(flagged))
        if case.backdoor is None:
            return GuardResult(methods=guard.methods, false_rejections=clean)
        targets, labels = case.backdoor.targets, rest.labels.cpu()
        counted = targets.attackable(labels)
        answer = guard.predict(case.triggered(rest.images))
        hit = targets.is_hit(answer.labels, labels, rest.num_classes) & counted
        return GuardResult(
            methods=guard.methods,
            false_rejections=clean,
            stopped=Rate(int((answer.flagged & counted).sum()), int(counted.sum())),
            passed=Rate(int((hit & ~answer.flagged).sum()), int(counted.sum())),
        )
