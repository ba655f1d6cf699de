"""Two networks on the same images: differences image by image, over seeds, with an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from badnets.core.bootstrap import grouped_interval
from badnets.core.errors import LedgerError
from badnets.core.rates import Interval, Rate
from badnets.report.page import Cell
from badnets.studies.catalogue import GetArray
from badnets.studies.wording import NOTHING, listed, points
from badnets.trials.record import Record


class Paired(NamedTuple):
    """A difference on the same images.

    Attributes:
        mean: over images and seeds.
        interval: 95 %, images resampled with all their seeds.
        by_seed: the difference of each pair of networks.
        images: how many.
    """

    mean: float
    interval: Interval
    by_seed: dict[int, float]
    images: int


def paired(changes: Mapping[int, Tensor]) -> Paired | None:
    """Return the mean of differences; None without any, or where seeds saw other images.

    Args:
        changes: by seed, ``(N,)`` float: the difference on each image.
    """
    if not changes or len({len(one) for one in changes.values()}) > 1:
        return None
    each = torch.stack(list(changes.values())).mean(0)
    mean, found = float(each.mean()), grouped_interval(each, range(len(each)))
    if found.low == found.high:  # no image differs from another: resampling finds no spread
        most = Rate(0, len(each)).interval.high
        found = Interval(max(mean - most, -1.0), min(mean + most, 1.0))
    by_seed = {seed: float(one.mean()) for seed, one in changes.items()}
    return Paired(mean, found, by_seed, len(each))


def paired_accuracy(
    ours: Sequence[Record], theirs: Sequence[Record], get_array: GetArray
) -> Paired | None:
    """Return our networks' clean accuracy less theirs, seed by seed.

    Args:
        ours: records with the answers to clean validation images.
        theirs: of networks of the same seeds.
        get_array: reads recorded arrays.
    """
    honest = {record.trial.seed: right(record, get_array) for record in theirs}
    changes: dict[int, Tensor] = {}
    for record in ours:
        mine, other = right(record, get_array), honest.get(record.trial.seed)
        if mine is not None and other is not None and len(mine) == len(other):
            changes[record.trial.seed] = mine - other
    return paired(changes)


def difference_cell(found: Paired | None, what: str) -> Cell:
    """Return a paired difference in percentage points.

    Args:
        found: None where there is none.
        what: the images, in words.
    """
    if found is None:
        return NOTHING
    low, high = found.interval
    note = f"paired over {found.images:,} {what}; 95 % interval {points(low)} to {points(high)}"
    return Cell(points(found.mean), found.mean, note)


def cost_text(found: Paired, honest: str, what: str) -> str:
    """Return what a backdoor costs in clean accuracy, in a sentence.

    Args:
        found: the BadNets' clean accuracy less that of honest networks.
        honest: what these are called.
        what: the images, in words.
    """
    low, high = found.interval
    each = [f"{points(change)} (seed {seed})" for seed, change in sorted(found.by_seed.items())]
    seeds = f", by seed {listed(each)}" if len(each) > 1 else ""
    return (
        f"The cost of the backdoor, clean accuracy of the BadNet less that of the {honest} network "
        f"of the same seed on the same {found.images:,} {what}: {points(found.mean)} points, 95 % "
        f"interval {points(low)} to {points(high)}{seeds}."
    )


def right(
    record: Record, get_array: GetArray, said: str = "answers", labels: str = "answers_labels"
) -> Tensor | None:
    """Return ``(N,)`` 1.0 where an image was named rightly; None where that was not recorded.

    Args:
        record: of the network.
        get_array: reads its arrays.
        said: name of the array of answers.
        labels: of that of true labels.
    """
    answers, true = array(record, said, get_array), array(record, labels, get_array)
    if answers is None or true is None or answers.shape != true.shape:
        return None
    return torch.from_numpy(np.asarray(answers == true, dtype=np.float64))


def array(record: Record, name: str, get_array: GetArray) -> NDArray[np.generic] | None:
    """Return an array; None where it was not recorded, or is not passed on with the records."""
    if name not in record.arrays:
        return None
    try:
        return get_array(record.arrays[name])
    except LedgerError:
        return None
