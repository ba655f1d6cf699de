"""The observations by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from badnets.core.registry import Registry
from badnets.observations.base import Case, Observation, ObservationResult

OBSERVATIONS: Registry[Observation[Any]] = Registry(
    "observation",
    {
        "examples": "badnets.observations.examples:Examples",
        "units": "badnets.observations.units:Units",
        "street": "badnets.observations.street:Street",
        "answers": "badnets.observations.answers:Answers",
        "triggered": "badnets.observations.answers:Triggered",
        "attacked": "badnets.observations.examples:AttackedExamples",
        "variations": "badnets.observations.variations:Variations",
        "attributions": "badnets.observations.attributions:Attributions",
        "data": "badnets.observations.data:Data",
        "audit": "badnets.observations.audit:Audit",
        "verdict": "badnets.observations.verdict:AuditVerdict",
        "guard": "badnets.observations.guard:GuardedInputs",
        "data-audit": "badnets.observations.data_audit:DataAudit",
        "depth": "badnets.observations.depth:Depth",
        "supply-chain": "badnets.observations.supply_chain:SupplyChain",
    },
)


def observe(kinds: Iterable[str], case: Case) -> dict[str, ObservationResult]:
    """Return the results of some observations by kind, in their order.

    Raises:
        UnknownNameError: there is no such observation; names the nearest.
    """
    results: dict[str, ObservationResult] = {}
    for kind in kinds:
        member, own = OBSERVATIONS[kind], replace(case, found=dict(results))
        own = own if "backdoor" in member.needs else replace(own, backdoor=None)
        results[kind] = member().observe(own)
    return results
