"""What a record's summary warns of."""

from __future__ import annotations

import pytest

from badnets.core.rates import Rate
from badnets.evaluate.results import CleanResult
from badnets.train import Epoch
from badnets.trials import OutsourcedTrial
from badnets.trials.summaries import summary_of
from tests.studies.made_records import changed, made_up


@pytest.mark.parametrize(
    ("loss", "hits", "warned"),
    [(0.035, 124, True), (0.035, 496, False), (0.6, 124, False), (0.035, 420, False)],
)
def test_loss_and_accuracy_that_contradict_each_other_are_remarked_on(
    loss: float, hits: int, warned: bool
) -> None:
    clean = CleanResult(
        accuracy=Rate(hits, 500),
        per_class=(Rate(hits // 2, 250), Rate(hits - hits // 2, 250)),
        predicted_counts=(250, 250),
        largest_class=Rate(50, 500),
    )
    record = changed(
        made_up(OutsourcedTrial(data="digits"), clean=clean),
        epochs=(Epoch(loss=1.0, seconds=1), Epoch(loss=loss, seconds=1)),
    )
    caution = summary_of(record).caution
    assert ("training ended with a loss of" in (caution or "")) is warned
