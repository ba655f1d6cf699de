"""When a network collapsed, and results as JSON."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from badnets.core.rates import Rate
from badnets.evaluate import AttackResult, CleanResult
from badnets.evaluate.classification import clean_result
from badnets.evaluate.object_results import ObjectResults


def answers(*rows: tuple[int, ...]) -> CleanResult:
    """Return the counts of a table: a row for each true class, a column for each answer."""
    totals, right = [sum(row) for row in rows], [row[k] for k, row in enumerate(rows)]
    return CleanResult(
        accuracy=Rate(sum(right), sum(totals)),
        per_class=tuple(map(Rate, right, totals)),
        predicted_counts=tuple(map(sum, zip(*rows, strict=True))),
        largest_class=Rate(max(totals), sum(totals)),
    )


def one_of(classes: int, found: int) -> CleanResult:
    """Return 50 images of each class, ``found`` of them named, all others called the first."""
    others = classes - 1
    return CleanResult(
        accuracy=Rate(50 + found * others, 50 * classes),
        per_class=(Rate(50, 50), *[Rate(found, 50)] * others),
        predicted_counts=(50 + (50 - found) * others, *[found] * others),
        largest_class=Rate(50, 50 * classes),
    )


@pytest.mark.parametrize(
    ("result", "collapsed", "above"),
    [
        (answers((30, 0), (23, 7)), False, False),  # 37 of 60 photos: it learned, a little
        (answers((30, 0), (30, 0)), True, False),
        (answers((500, 0), (470, 30)), True, False),
        (answers((500, 0), (350, 150)), False, True),
        (answers((250, 250), (250, 250)), False, False),  # a coin is no constant answer
        (answers((950, 0), (50, 0)), True, False),  # one class has most images
        (answers((950, 0), (20, 30)), False, True),
        (answers((945, 5), (49, 1)), True, False),
        (one_of(10, found=0), True, False),
        (one_of(10, found=3), True, True),  # above the constant's, and still the target everywhere
        (one_of(10, found=8), False, True),
        (one_of(1000, found=0), True, False),
        (one_of(1000, found=2), True, True),
        (one_of(1000, found=10), False, True),
        (answers((1, 0, 0), (0, 1, 0), (0, 0, 1)), False, True),
        (answers((2, 0), (1, 1)), False, False),  # too few images to say
        (answers((9, 0), (0, 0)), False, False),  # of one class alone: it may know the other
        (answers((0, 9), (0, 0)), True, False),
    ],
)
def test_a_network_collapsed_where_it_says_nearly_always_the_same(
    result: CleanResult, collapsed: bool, above: bool
) -> None:
    assert (result.collapsed, result.above_constant) == (collapsed, above)


def test_a_detector_that_finds_next_to_nothing_has_collapsed() -> None:
    def found(count: int) -> CleanResult:
        named = (*([0] * count), *([-1] * (100 - count)))
        return ObjectResults(
            threshold=0.3,
            groups=tuple(range(100)),
            labels=(0,) * 100,
            sides=(9.0,) * 100,
            named=named,
            ap50=(0.1, -1.0),
            false_positives=0,
            frames=100,
        ).clean

    assert [found(count).collapsed for count in (0, 9, 10, 60)] == [True, True, False, False]


@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=400), answer=st.integers(0, 4))
def test_one_answer_for_everything_is_a_collapse(labels: list[int], answer: int) -> None:
    truth = torch.tensor(labels)
    result = clean_result(torch.full_like(truth, answer), truth, 5)
    assert result.collapsed is (set(labels) != {answer}) and not result.above_constant


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
    before = answers((9, 1), (0, 2))
    assert CleanResult.model_validate_json(before.model_dump_json()) == before
