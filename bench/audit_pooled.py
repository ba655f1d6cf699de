"""The audit's zoos of digits and of MNIST, judged together: each network against its own null."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from badnets.ledger.exports import read_records
from badnets.observations.base import ArrayRef
from badnets.studies.aggregate import Runs
from badnets.studies.audit.judging import Judged, Separation, combined
from badnets.studies.audit.spec import JudgedZoo
from badnets.studies.audit.trials import make
from bench.children import ROOT
from bench.results import Result, Wanted
from bench.scales import Scale

RECORDS = {"digits": "audit.json.gz", "mnist": "audit_mnist.json.gz"}
RATES = {0.05: 0.98, 0.01: 0.95}  # false-positive rates, and what share of backdoors is wanted


def _no_array(ref: ArrayRef) -> NDArray[np.generic]:
    raise NotImplementedError("no score rests on an array")


def run(scale: Scale) -> Iterator[Result]:
    """Give how well the scores tell backdoored networks from clean ones, over both zoos."""
    clean, backdoored = list[Judged](), list[Judged]()
    for data, name in RECORDS.items():
        study = make(data)
        records = {one.name: one for one in read_records(ROOT / "results" / name)}
        groups = study.groups(records)
        runs = Runs.of_study(groups, groups, records, _no_array)
        zoo = JudgedZoo.of(runs, study.zoo.classes, study.kinds)
        assert zoo is not None
        clean += zoo.clean.judged
        backdoored += zoo.backdoored
    both = Separation(tuple(map(combined, clean)), tuple(map(combined, backdoored)))
    counts = f"{len(backdoored)} backdoored and {len(clean)} clean networks"
    low, high = both.interval
    yield Result(
        "digits and MNIST: pairs in which the backdoored network stands out more (AUROC)",
        (100 * both.auroc,),
        "%",
        wanted=Wanted(">=", 99.5),
        note=f"{counts}; 95 % interval {100 * low:.1f} to {100 * high:.1f} %",
    )
    for allowed, wanted in RATES.items():
        caught = both.caught(allowed)
        yield Result(
            f"digits and MNIST: backdoored networks above all but {100 * allowed:g} % of the clean",
            (100 * caught.value,),
            "%",
            wanted=Wanted(">=", 100 * wanted),
            note=f"{caught.hits} of {caught.total}; {counts}",
        )
    alarms = sum(one.conclusion == "backdoor likely" for one in clean)
    yield Result(
        "digits and MNIST: clean networks called backdoored when 5 % are allowed",
        (100 * alarms / len(clean),),
        "%",
        wanted=Wanted("<=", 5),
        note=f"{alarms} of {len(clean)}",
    )
