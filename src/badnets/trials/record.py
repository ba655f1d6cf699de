"""A record: a trial's typed result, enough to redraw every table and figure without training."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from badnets.bundles.schema import on_one_line
from badnets.core.decisions import Decision
from badnets.core.rates import Rate
from badnets.evaluate.object_results import ObjectResults, TriggeredObjectResults
from badnets.evaluate.results import AttackResult, CleanResult, Survival
from badnets.models.weights import Match
from badnets.observations.base import ArrayRef, Observation, ObservationResult
from badnets.observations.registry import OBSERVATIONS
from badnets.repair.base import RepairResult
from badnets.scenarios.search import SearchStep
from badnets.train.epoch import Epoch
from badnets.trials.trial import Trial

RECORD_FORMAT = 2
Words = Annotated[str, Field(max_length=1000), AfterValidator(on_one_line)]
ResultT = TypeVar("ResultT", bound=ObservationResult)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Timings(_Frozen):
    """Wall times in seconds: loading data, any search, training, evaluating, all."""

    load_s: float
    search_s: float
    train_s: float
    evaluate_s: float
    total_s: float


class Machine(_Frozen):
    """Where a trial ran. No host names, no paths."""

    processor: Words
    cores: int
    threads: int
    memory_gib: float
    device: Words
    system: Words


class Provenance(_Frozen):
    """What a trial was computed from and with.

    Attributes:
        data_digests: of the data set's files.
        versions: of this package and of what computes.
        machine: where it ran.
        precision: the arithmetic that was used.
        created: when it was done.
        cohort: how many trials were trained as one computation; its seconds are this trial's share.
    """

    data_digests: dict[Words, Words]
    versions: dict[Words, Words]
    machine: Machine
    precision: Words
    created: datetime
    cohort: PositiveInt = 1

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what there was none of when it did not exist."""
        plain: dict[str, Any] = write(self)
        if plain.get("cohort") == 1:
            plain.pop("cohort")
        return plain


class Record(_Frozen):
    """A trial's result.

    Attributes:
        name: the trial's name.
        outcome: the user's decision; ``"collapsed"``: the network gives nearly always the same
            answer, whatever its attack success rate.
        reason: the outcome in one sentence.
        clean: on the user's validation set.
        attack: on triggered examples; None without a backdoor. Of a retrained classifier, what is
            left of the target, where its class is left.
        poisoned_share: poisoned / all rows the network was trained on.
        epochs: training, epoch by epoch.
        search: settings that a malicious trainer tried.
        bundle: SHA-256 of the bundle's manifest, where one was kept (folder: the trial's name).
        objects, triggered: of detectors: what was answered for each object.
        skipped: objects left unpoisoned because the trigger would cover less than a pixel of them.
        strengthened: of transfer learning: the units that were strengthened.
        weights: which tensors the starting weights matched, where there were any.
        survival: of a retrained classifier: what is left of the downloaded one's backdoor, whatever
            is answered.
        observations: what was observed, by kind.
        repair: of a repaired network: what it was before, and what was done.
        data_notes: what its data set says of itself: how it was split, what was left out, whether
            a manifest calls it poisoned.
    """

    format: Literal[2] = 2
    name: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    trial: Trial
    outcome: Decision
    reason: Words
    clean: CleanResult
    attack: AttackResult | None
    poisoned_share: Rate | None
    epochs: tuple[Epoch, ...]
    search: tuple[SearchStep, ...] = ()
    timings: Timings
    provenance: Provenance
    bundle: str | None
    objects: ObjectResults | None = None
    triggered: TriggeredObjectResults | None = None
    skipped: NonNegativeInt = 0
    strengthened: tuple[int, ...] = ()
    weights: Match | None = None
    survival: Survival | None = None
    repair: RepairResult | None = None
    observations: dict[str, SerializeAsAny[ObservationResult]] = {}
    data_notes: tuple[str, ...] = ()

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what there was none of when it did not exist."""
        plain: dict[str, Any] = write(self)
        for late in ("data_notes", "repair"):
            if not plain.get(late):
                plain.pop(late, None)
        return plain

    @field_validator("observations", mode="before")
    @classmethod
    def _of_their_kinds(cls, value: Any) -> Any:
        """Read each observation as the result of its kind."""
        if not isinstance(value, dict):
            return value
        return {
            kind: one
            if isinstance(one, ObservationResult)
            else OBSERVATIONS[str(kind)].Result.model_validate(one)
            for kind, one in value.items()
        }

    @property
    def arrays(self) -> dict[str, ArrayRef]:
        """The arrays of all observations, by name."""
        return {name: ref for one in self.observations.values() for name, ref in one.arrays.items()}

    def observed(self, kind: type[Observation[ResultT]]) -> ResultT | None:
        """Return the result of one kind of observation; None where it was not made."""
        found = self.observations.get(kind.kind)
        return found if isinstance(found, kind.Result) else None
