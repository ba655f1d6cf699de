"""What running trials would come to: how many are left, and how long like ones took before."""

from __future__ import annotations

import json
import statistics
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import TypeAdapter

from badnets.core.backdoor import Backdoor
from badnets.core.devices import may_be_gpu
from badnets.core.errors import BadnetsError
from badnets.core.results import Result
from badnets.runners.eta import expected_work, spoken
from badnets.runners.planning import Step, cores, names_of, plan
from badnets.trials.base import AnyTraining, task_in
from badnets.trials.trial import OutsourcedTrial, RepairedTrial, TransferTrial, Trial

if TYPE_CHECKING:
    from badnets.ledger import Ledger

LATEST = 50  # records of one kind: older ones were made by other versions, on other machines
DAY_S = 86_400
Likeness: TypeAlias = "tuple[str, ...]"
_KINDS: dict[str, Any] = {
    "outsourced": OutsourcedTrial,
    "transfer": TransferTrial,
    "repaired": RepairedTrial,
}
_TRAINING: TypeAdapter[Any] = TypeAdapter(AnyTraining)
_BACKDOOR: TypeAdapter[Backdoor | None] = TypeAdapter(Backdoor | None)


class Estimate(Result):
    """How long trials will take, from what like ones took.

    Args:
        seconds: the estimate, by the median of the records; None where none is like a trial.
        low, high: the same by the tenth and the ninetieth of a hundred records; of fewer than
            five, by the quickest and the slowest.
        records: how many it rests on.
        like: data and network of those records.
        workers: trials at a time.
        trials: how many of them were estimated.
        unknown: data and network of those that no record is like.
    """

    seconds: float | None
    low: float | None
    high: float | None
    records: int
    like: tuple[str, ...]
    workers: int
    trials: int
    unknown: tuple[str, ...]

    def __str__(self) -> str:
        """Return it in a line."""
        if not self.trials and not self.unknown:
            return "nothing is left to run"
        missing = f"no record of {'; '.join(self.unknown)}" if self.unknown else ""
        if self.seconds is None or self.low is None or self.high is None:
            return f"no estimate: {missing}"
        spread = f" ({duration(self.low)} to {duration(self.high)})" if self.records > 1 else ""
        workers = f"{self.workers} worker{'s' if self.workers > 1 else ''}"
        rests = f"from {_counted(self.records, 'record')} of {'; '.join(self.like)}"
        besides = f"; without those of which there is {missing}" if missing else ""
        return f"about {duration(self.seconds)} with {workers}{spread}, {rests}{besides}"


class Forecast(Result):
    """What running trials would come to.

    Args:
        count: the trials that are wanted.
        looked_at: how many of them this rests on, where they are a sample of all.
        held: those whose records the ledger holds.
        failed: those to run, and those that are run beside them, that failed in an earlier run;
            None where that is not known.
        left_out: those that are not run as they, or what they need, failed in an earlier run.
        to_run: those to run, of the wanted ones.
        others: trials that are run too, because those are compared with them or start from them.
        estimate: how long it takes.
    """

    count: int
    looked_at: int | None = None
    held: int
    failed: int | None = None
    left_out: int = 0
    to_run: int
    others: int
    estimate: Estimate

    @property
    def lines(self) -> list[str]:
        """All of it in words."""
        trials = _counted(self.count, "trial")
        if self.looked_at is not None:
            seen = f"{self.held:,} of {self.looked_at:,} that were looked at"
            return [f"{trials}: {seen} are in the ledger already", str(self.estimate)]
        failed = f"; {self.failed:,} failed before" if self.failed else ""
        told = [f"{trials}: {self.held:,} in the ledger already, {self.to_run:,} to run{failed}"]
        if self.left_out:
            left_out = _counted(self.left_out, "trial")
            told.append(f"{left_out} left out, which failed in an earlier run or need what did")
        if self.others:
            others = _counted(self.others, "trial")
            told.append(f"{others} beside them, which they are compared with or start from")
        return [*told, str(self.estimate)]


def forecast(
    trials: Sequence[Trial],
    ledger: Ledger | None,
    has_bundle: Callable[[Trial], bool],
    *,
    workers: int | None = None,
    failed: Collection[str] | None = None,
    skip_failed: bool = False,
    count: int | None = None,
) -> Forecast:
    """Return what running these trials would come to; runs none.

    Args:
        trials: those that are wanted, each once.
        ledger: holds records; None: there is none yet.
        has_bundle: whether the network of a trial is there.
        workers: trials at a time; None: one per core, or one where there is a GPU.
        failed: names of trials that failed in an earlier run; None: not known.
        skip_failed: whether those are left out, and what needs them.
        count: how many trials these are a random sample of; None: they are all.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    asked, before = trials, set(failed or ())
    if skip_failed:
        trials = [trial for trial in trials if not before & names_of(trial)]
    needed = {name for trial in trials for name in names_of(trial)}
    held = ledger.has(needed) if ledger is not None else set()
    steps = plan(trials, held, has_bundle)
    wanted = {trial.name for trial in trials}
    left = [step for step in steps if step.name in wanted and not step.remake]
    scale = 1.0 if count is None else count / max(1, len(asked))
    at_a_time = workers or (1 if may_be_gpu() else cores())
    return Forecast(
        count=len(asked) if count is None else count,
        looked_at=None if count is None else len(asked),
        held=len(held & wanted),
        failed=None if failed is None else len({step.name for step in steps} & before),
        left_out=len(asked) - len(trials),
        to_run=len(left),
        others=len(steps) - len(left),
        estimate=_estimate(left if scale > 1 else steps, ledger, at_a_time, scale),
    )


def duration(seconds: float) -> str:
    """Return a duration as people say it, of two days and more in days."""
    return f"{seconds / DAY_S:,.0f} days" if seconds >= 2 * DAY_S else spoken(seconds)


@dataclass(frozen=True)
class _Paces:
    """Seconds per unit of `expected_work` in records, and what these were of."""

    low: float
    median: float
    high: float
    records: int
    like: str

    @classmethod
    def of(cls, paces: Sequence[float], like: str) -> _Paces:
        ends = (min(paces), max(paces))
        if len(paces) >= 5:
            tenths = statistics.quantiles(paces, n=10, method="inclusive")
            ends = (tenths[0], tenths[-1])
        return cls(ends[0], statistics.median(paces), ends[1], len(paces), like)


def _estimate(steps: Sequence[Step], ledger: Ledger | None, workers: int, scale: float) -> Estimate:
    paces = _paces(ledger, {step.trial.network for step in steps}) if ledger is not None else {}
    used: dict[Likeness, _Paces] = {}
    unknown: dict[str, None] = {}
    sums, longest, trials = [0.0, 0.0, 0.0], 0.0, 0
    for step in steps:
        like = next((one for one in _likenesses(step.trial) if one in paces), None)
        if like is None:
            unknown[f"{step.trial.data}, {step.trial.network}"] = None
            continue
        pace, work, trials = paces[like], expected_work(step.trial), trials + 1
        used[like] = pace
        sums = [sum_ + one * work for sum_, one in zip(sums, _of(pace), strict=True)]
        longest = max(longest, pace.median * work)
    at_once = max(1, min(workers, round(len(steps) * scale)))
    low, seconds, high = (
        None if unknown and not trials else max(one * scale / at_once, min(one, longest))
        for one in sums
    )
    return Estimate(
        seconds=seconds,
        low=low,
        high=high,
        records=sum(one.records for one in used.values()),
        like=tuple(dict.fromkeys(one.like for one in used.values())),
        workers=at_once,
        trials=round(trials * scale),
        unknown=tuple(unknown),
    )


def _of(pace: _Paces) -> tuple[float, float, float]:
    return pace.low, pace.median, pace.high


def _likenesses(trial: Trial) -> Iterator[Likeness]:
    """Yield what records a trial is compared with, the nearest first."""
    yield trial.kind, trial.network, trial.data
    yield trial.kind, trial.network
    yield (trial.network,)


def _paces(ledger: Ledger, networks: Collection[str]) -> dict[Likeness, _Paces]:
    """Return how quick records of some networks were, by what they are like."""
    found: dict[Likeness, deque[tuple[float, Trial]]] = {}
    rows: dict[tuple[str, Any], deque[Any]] = {}
    for network in networks:
        for row in ledger.rows(network=network, damaged=lambda error: None):
            rows.setdefault((network, row["data"]), deque(maxlen=2 * LATEST)).append(row)
    for each in rows.values():
        for row in each:
            trial = _trial_of(row)
            if trial is not None:
                for like in _likenesses(trial):
                    kept = found.setdefault(like, deque(maxlen=LATEST))
                    kept.append((row["total_s"] / expected_work(trial), trial))
    return {
        like: _Paces.of([pace for pace, _ in kept], _described(like, kept[-1][1]))
        for like, kept in found.items()
    }


def _described(like: Likeness, latest: Trial) -> str:
    match len(like):
        case 3:
            return f"{latest.data}, {latest.network}"
        case 2:
            return f"other data, {latest.network}"
    return f"other kinds of trials of {latest.network}"


def _trial_of(row: Mapping[Any, Any]) -> Trial | None:
    """Return of a row's trial what tells how much work it was; None where that cannot be read."""
    try:
        plain = json.loads(row["summary"])["trial"]
        kind = plain.get("kind", "outsourced")
        fields = {name: row[name] for name in ("data", "network")}
        training = plain.get("training", {}) | {"task": task_in(plain | fields)}
        trial: Trial = _KINDS[kind].model_construct(
            **fields,
            kind=kind,
            train_limit=plain.get("train_limit"),
            observe=tuple(plain.get("observe", ())),
            training=_TRAINING.validate_python(training),
            backdoor=_BACKDOOR.validate_python(plain.get("backdoor")),
        )
    except (BadnetsError, ValueError, LookupError, TypeError):
        return None
    return trial


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
