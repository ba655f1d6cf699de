"""Where a page's numbers come from: data, versions, machine, time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from badnets.studies.wording import DASH, duration, listed
from badnets.trials.record import Provenance, Record
from badnets.trials.trial import RepairedTrial, TransferTrial, Trial

MANY = 6  # trainings that are each said in full


def provenance(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """Yield what the records say of how they were made; a name and a value each."""
    origins = [record.provenance for record in records]

    def each(say: Callable[[Provenance], str]) -> str:
        return "; ".join(sorted({say(one) for one in origins}))

    sets = list(dict.fromkeys(record.trial.data for record in records))
    yield "data set", listed(sorted(sets))
    for name in sets:
        digests = [one.provenance.data_digests for one in records if one.trial.data == name]
        of = f" of {name}" if len(sets) > 1 else ""
        for part in sorted({part for own in digests for part in own}):
            yield (
                f"SHA-256 of {part}{of}",
                "; ".join(sorted({own.get(part, DASH) for own in digests})),
            )
    trainings: dict[str, dict[str, dict[str, object]]] = {}
    for record in records:
        trial = record.trial
        own: Any = trial.method if isinstance(trial, RepairedTrial) else trial.training
        values = dataclasses.asdict(own)
        values = {name: value for name, value in values.items() if value is not None}
        trainings.setdefault(_kind(record.trial), {})[_said(values)] = values
    yield from ((kind, _trainings(own)) for kind, own in trainings.items())
    yield "processor", each(lambda one: one.machine.processor)
    yield (
        "cores; threads per trial",
        each(lambda one: f"{one.machine.cores}; {one.machine.threads}"),
    )
    yield "memory", each(lambda one: f"{one.machine.memory_gib:g} GiB")
    yield "device, precision", each(lambda one: f"{one.machine.device}, {one.precision}")
    yield "system", each(lambda one: one.machine.system)
    yield "versions", each(_versions)
    days = sorted({one.created.date().isoformat() for one in origins})
    yield "run on", days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    yield "work in all", duration(sum(record.timings.total_s for record in records))


def _said(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _trainings(known: Mapping[str, Mapping[str, object]]) -> str:
    """Return trainings in full; of many what they share, and which values the others take."""
    if len(known) <= MANY:
        return "; ".join(sorted(known))
    first = next(iter(known.values()))
    every = {name: list({str(one.get(name)): 0 for one in known.values()}) for name in first}
    same = {name: value for name, value in first.items() if len(every[name]) == 1}
    varied = (f"{name} {' or '.join(sorted(own))}" for name, own in every.items() if len(own) > 1)
    return f"{_said(same)}; {len(known)} ways, which differ in {'; '.join(varied)}"


def _versions(one: Provenance) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(one.versions.items()))


def _kind(trial: Trial) -> str:
    """Return whether the network began from random weights, another set's network, or its own."""
    if trial.start is None:
        return "training from scratch"
    data = getattr(trial.start, "data", "")
    if data != trial.data and not (isinstance(trial, TransferTrial) and trial.task == "detection"):
        return f"training, from {data}"
    return "retraining"
