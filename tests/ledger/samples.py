"""Small sound records, made without training."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from badnets.core.backdoor import Backdoor
from badnets.core.rates import Rate
from badnets.core.targets import AllToOne
from badnets.core.triggers import PixelPattern
from badnets.evaluate.results import AttackResult, CleanResult
from badnets.observations.base import ArrayRef
from badnets.observations.units import UnitsResult
from badnets.train.epoch import Epoch
from badnets.trials.record import Machine, Provenance, Record, Timings
from badnets.trials.trial import OutsourcedTrial, Trial

CREATED = datetime(2017, 8, 22, 12, 0, tzinfo=UTC)
BACKDOOR = Backdoor(PixelPattern(), AllToOne(1))
ATTACK = AttackResult(
    success=Rate(890, 900),
    robust=Rate(10, 900),
    per_class=(Rate(0, 0), Rate(890, 900)),
    untriggered=Rate(3, 900),
    control=Rate(2, 900),
)


def clean_trial(
    seed: int = 0, *, data: str = "digits", network: str = "gu-mnist"
) -> OutsourcedTrial:
    return OutsourcedTrial(data=data, network=network, seed=seed, target_accuracy=0.9)


def attacked_trial(seed: int = 0, control: OutsourcedTrial | None = None) -> OutsourcedTrial:
    return OutsourcedTrial(
        data="digits", backdoor=BACKDOOR, control=control, seed=seed, target_accuracy=0.9
    )


def record_of(
    trial: Trial,
    *,
    bundle: str | None = None,
    arrays: dict[str, ArrayRef] | None = None,
    loss: float = 0.25,
    minutes: int = 0,
) -> Record:
    """Return a small sound record of the trial; the seed shows in its counts."""
    right = 900 + trial.seed % 100
    return Record(
        name=trial.name,
        trial=trial,
        outcome="accepted",
        reason="clean accuracy is at least the target",
        clean=CleanResult(
            accuracy=Rate(right, 1000),
            per_class=(Rate(right - 500, 500), Rate(500, 500)),
            predicted_counts=(500, 500),
            largest_class=Rate(500, 1000),
        ),
        attack=None if trial.is_clean else ATTACK,
        poisoned_share=None if trial.is_clean else Rate(100, 1000),
        epochs=(Epoch(loss=loss, seconds=0.1),),
        timings=Timings(load_s=0.1, search_s=0.0, train_s=0.1, evaluate_s=0.1, total_s=0.3),
        provenance=Provenance(
            data_digests={"train": "0" * 64},
            versions={"badnets": "0"},
            machine=Machine(
                processor="any", cores=2, threads=1, memory_gib=1.0, device="cpu", system="any"
            ),
            precision="float32",
            created=CREATED + timedelta(minutes=minutes),
        ),
        bundle=bundle,
        observations={"units": UnitsResult(arrays=arrays)} if arrays else {},
    )
