"""When a network has learned nothing, and results as JSON."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from badnets.core.rates import Rate
from badnets.evaluate import AttackResult, CleanResult
from badnets.evaluate.classification import clean_result


def clean(hits: int, total: int, largest: int) -> CleanResult:
    return CleanResult(
        accuracy=Rate(hits, total),
        per_class=(Rate(hits, total),),
        predicted_counts=(total,),
        largest_class=Rate(largest, total),
    )


@pytest.mark.parametrize(
    ("hits", "total", "largest", "collapsed"),
    [
        (1135, 10_000, 1135, True),  # MNIST, always "1"
        (3200, 10_000, 1135, True),
        (3600, 10_000, 1135, False),
        (9950, 10_000, 1135, False),
        (500, 1000, 500, True),  # two classes, chance
        (700, 1000, 500, False),
        (900, 1000, 900, True),  # unbalanced classes, one answer for all
        (0, 10, 1, True),
        (3, 3, 1, True),  # too few images to tell
    ],
)
def test_collapse_is_an_accuracy_near_that_of_a_constant_answer(
    hits: int, total: int, largest: int, collapsed: bool
) -> None:
    assert clean(hits, total, largest).collapsed is collapsed


@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=400), answer=st.integers(0, 4))
def test_one_answer_for_everything_is_always_a_collapse(labels: list[int], answer: int) -> None:
    truth = torch.tensor(labels)
    assert clean_result(torch.full_like(truth, answer), truth, 5).collapsed


def test_results_come_back_from_json_as_they_were() -> None:
    attack = AttackResult(
        success=Rate(9, 10),
        robust=Rate(1, 10),
        per_class=(Rate(9, 10), Rate(0, 0)),
        untriggered=Rate(0, 10),
        control=Rate(1, 10),
        control_per_class=(Rate(1, 10), Rate(0, 0)),
        off_target_rate=Rate(0, 5),
    )
    again = AttackResult.model_validate_json(attack.model_dump_json())
    assert again == attack and isinstance(again.per_class[1], Rate)
    before = clean(9, 10, 1)
    assert CleanResult.model_validate_json(before.model_dump_json()) == before
