"""What the studies read of a record: the one place that knows where it stands there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from badnets.core.backdoor import Backdoor
from badnets.core.rates import Rate
from badnets.observations.attributions import Attributed, Attributions
from badnets.observations.data import Data, DataResult
from badnets.observations.street import Street
from badnets.observations.supply_chain import SupplyChain
from badnets.observations.units import Units
from badnets.observations.variations import Variation, Variations
from badnets.observations.verdict import AuditVerdict
from badnets.trials.trial import OutsourcedTrial, TransferTrial

if TYPE_CHECKING:
    from badnets.core.verdicts import Verdict
    from badnets.evaluate.results import StreetPoint
    from badnets.explain.ablation import Ablation
    from badnets.explain.units import LayerUnits
    from badnets.hub.attacks.routes import Played
    from badnets.trials.record import Record


def rate(record: Record, what: str, label: int | None = None) -> Rate | None:
    """Return a rate of a record; None where it was not measured.

    Args:
        record: of one network.
        what: ``"accuracy"`` or ``"error"`` on clean validation images; of triggered images
            ``"success"``, ``"backdoor error"``, ``"control"`` (what a clean network does),
            ``"robust"`` (rightly named all the same), ``"untriggered"`` (the attacker's answer
            without the trigger), ``"off target"``; of a retrained network ``"before"``,
            ``"triggered"``, ``"control clean"``, ``"control triggered"``.
        label: of images of this class alone: of accuracy, error, backdoor error and control.
    """
    clean, attack, kept = record.clean, record.attack, record.survival
    if what in ("accuracy", "error"):
        right = clean.accuracy if label is None else clean.per_class[label]
        return right if what == "accuracy" else right.complement
    if what in ("before", "triggered", "control clean", "control triggered", "retrained clean"):
        name = {"retrained clean": "clean"}.get(what, what.replace(" ", "_"))
        return None if kept is None else getattr(kept, name)
    if attack is None:
        return None
    if label is not None:
        beside = attack.control_per_class
        own = {"backdoor error": attack.per_class[label].complement}
        return own.get(what, beside[label] if beside else None)
    return {
        "success": attack.success,
        "backdoor error": attack.backdoor_error,
        "control": attack.control,
        "robust": attack.robust,
        "untriggered": attack.untriggered,
        "off target": attack.off_target_rate,
    }[what]


def units(record: Record) -> tuple[LayerUnits, ...]:
    """Return how units answer to the trigger, layer by layer."""
    return own.units if (own := record.observed(Units)) else ()


def ablations(record: Record) -> tuple[Ablation, ...]:
    """Return what silencing units did."""
    return own.ablations if (own := record.observed(Units)) else ()


def street(record: Record) -> tuple[StreetPoint, ...]:
    """Return attack success under simulated photographic conditions."""
    return own.points if (own := record.observed(Street)) else ()


def variations(record: Record) -> tuple[Variation, ...]:
    """Return attack success with other triggers than the one trained with."""
    return own.variations if (own := record.observed(Variations)) else ()


def attributions(record: Record) -> tuple[Attributed, ...]:
    """Return where the networks look."""
    return own.attributed if (own := record.observed(Attributions)) else ()


def data_summary(record: Record) -> DataResult | None:
    """Return what the data set holds."""
    return record.observed(Data)


def verdict(record: Record) -> Verdict | None:
    """Return what an audit of the network says."""
    return own.verdict if (own := record.observed(AuditVerdict)) else None


def routes(record: Record) -> tuple[Played, ...]:
    """Return by which routes the network was sent to a user, and what came of it."""
    return own.routes if (own := record.observed(SupplyChain)) else ()


def backdoor(record: Record) -> Backdoor | None:
    """Return what a malicious trainer hid in the network; None from an honest one."""
    return record.trial.backdoor if isinstance(record.trial, OutsourcedTrial) else None


def poisoning_rate(record: Record) -> float | Literal["every"] | None:
    """Return the asked share of poisoned images; None without a backdoor."""
    own = backdoor(record)
    return own.poisoning_rate if own else None


def target_label(record: Record) -> int:
    """Return the label that the backdoor asks for; -1 where it asks for none alone."""
    own = backdoor(record)
    targets = own.targets if own else None
    return int(getattr(targets, "target_label", -1))


def retraining(record: Record) -> tuple[str | tuple[str, ...], float] | None:
    """Return what stayed as downloaded, and the share of the user's data; None if not retrained."""
    trial = record.trial
    return (trial.freeze, trial.share) if isinstance(trial, TransferTrial) else None
