"""Records in the few numbers that people ask for first: one shape for text and for JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field
from pydantic_core import to_jsonable_python

from badnets.core.results import Measured, Result
from badnets.evaluate.measures import Measures, ObjectMeasures, caution_about
from badnets.repair.base import RepairResult, Step

if TYPE_CHECKING:
    from badnets.explain.ablation import Ablation
    from badnets.trials.record import Record


GAP = 0.2  # between the accuracy that the loss implies and the measured one, to be remarked on


class _Head(Result):
    name: str = Field(title="name")
    title: str = Field(title="trial")
    outcome: str = Field(title="outcome")
    reason: str = Field(title="reason")


class _Tail(Result):
    data_notes: tuple[str, ...] | None = None
    noted: str | None = Field(default=None, title="data", exclude=True)
    poisoning_rate: float | str | None = Field(default=None, title="poisoning rate, asked")
    poisoned_share: Measured | None = Field(default=None, title="  reached")
    weights: str | None = Field(default=None, title="starting weights", exclude=True)
    details: dict[str, str] = Field(default={}, title="", exclude=True)
    downloaded: str | None = Field(default=None, title="downloaded")
    data: str | None = None
    freeze: str | list[str] | None = None
    share: float | None = None
    classes: list[str] | None = None
    repair: RepairResult | None = None
    bundle: str | None = Field(default=None, title="bundle")
    trial: dict[str, object]


class Summary(_Tail, Measures, _Head):
    """What a classifier's record says first."""


class ObjectSummary(_Tail, ObjectMeasures, _Head):
    """What a detector's record says first."""

    strengthened: list[int] | None = None


def summary_of(
    record: Record, further: Mapping[str, object] | None = None, *, details: bool = False
) -> Summary | ObjectSummary:
    """Return the summary of a record.

    Args:
        record: the record.
        further: fields that a record does not hold: where its bundle was put, for example.
        details: whether text goes on with times, ablations, machine and data.
    """
    own: Any = getattr(record.trial, "backdoor", None)
    told: dict[str, object] = {
        "name": record.name,
        "title": record.trial.title,
        "outcome": record.outcome,
        "reason": record.reason,
        **dict.fromkeys(("attack_success_rate", "control", "robust_accuracy")),
        "poisoned_share": Measured.maybe(record.poisoned_share),
        **({} if own is None else {"poisoning_rate": own.poisoning_rate}),
        "trial": record.trial.model_dump(mode="json", exclude_defaults=True),
    }
    if record.data_notes:
        told |= {"data_notes": record.data_notes, "noted": "; ".join(record.data_notes)}
    if record.weights is not None:
        told["weights"] = str(record.weights)
    if record.repair is not None:
        told |= {"repair": record.repair, "details": _repair(record.repair)}
    if details:
        told["details"] = {**_repair(record.repair), **_details(record)}
    if record.objects is None:
        told |= Measures.rates(record.clean, record.attack, record.survival)
        said = (caution_about(record.clean), _contradiction(record))
        told["caution"] = "; ".join(filter(None, said)) or None
        return Summary.model_validate({**told, **(further or {})})
    retrained = record.trial.kind == "transfer"
    told |= ObjectMeasures.rates(record.objects, record.triggered, retrained=retrained)
    if retrained:
        told["strengthened"] = list(record.strengthened)
    return ObjectSummary.model_validate({**told, **(further or {})})


def stored_summary(record: Record) -> str:
    """Return the summary with its details as JSON: also what `Result` keeps for people alone."""
    summary = summary_of(record, details=True)
    plain = summary.model_dump(mode="json", exclude_unset=True)
    for name in sorted(summary.model_fields_set - plain.keys()):
        plain[name] = to_jsonable_python(getattr(summary, name))
    return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read_summary(text: str) -> Summary | ObjectSummary:
    """Return what `stored_summary` wrote.

    Raises:
        pydantic.ValidationError: it is of another version.
    """
    kind = ObjectSummary if "frames" in json.loads(text) else Summary
    return kind.model_validate_json(text)


def _contradiction(record: Record) -> str | None:
    """Return how loss and accuracy contradict each other; None where they do not.

    Whoever names an image wrongly gives its class a probability of at most a half, a loss of ln 2
    or more. So the mean loss says how many of the images trained on are correctly named, at least.
    """
    if not record.epochs:
        return None
    loss = record.epochs[-1].loss
    least = 1 - loss / math.log(2)
    if least - record.clean.accuracy.interval.high < GAP:
        return None
    return (
        f"training ended with a loss of {loss:.2g}, so {100 * least:.0f} % or more of its images "
        f"are correctly named, but only {100 * record.clean.accuracy.value:.0f} % of the user's: "
        "the two differ too much, or there were too few to train on"
    )


def _repair(repair: RepairResult | None) -> dict[str, str]:
    """Return what a network was before it was repaired, and what was done, in words."""
    if repair is None:
        return {}
    before = f"clean {Measured.of(repair.clean.accuracy)}"
    if repair.attack is not None:
        before += f", attack {Measured.of(repair.attack.success)}"
    steps = {
        f"{step.what}{' (kept)' if step.kept else ''}": ", ".join(_standing(step))
        for step in repair.steps
    }
    return {"before": f"{before}; {repair.images:,} clean images used", **steps}


def _standing(step: Step) -> Iterator[str]:
    yield f"clean {Measured.of(step.held)} of held images"
    if step.conclusion is not None:
        yield f"audit: {step.conclusion}"
    if step.effect is not None:
        yield f"recovered trigger works on {Measured.of(step.effect)}"


def _details(record: Record) -> dict[str, str]:
    origin, spent = record.provenance, record.timings
    return {
        "training": f"{len(record.epochs)} epochs in {spent.train_s:.1f} s, {origin.precision}",
        **{
            f"without {len(one.silenced)} of {one.layer} ({one.choice})": (
                f"clean {Measured.of(one.clean).with_interval}, "
                f"attack {Measured.of(one.success).with_interval}"
            )
            for one in _ablations(record)
        },
        "machine": f"{origin.machine.processor}, {origin.machine.device}",
        "made": origin.created.isoformat(),
        "data": ", ".join(f"{key} {digest[:16]}" for key, digest in origin.data_digests.items()),
    }


def _ablations(record: Record) -> tuple[Ablation, ...]:
    from badnets.observations.units import Units

    units = record.observed(Units)
    return () if units is None else units.ablations
