"""Nulls: where a suspect stands among clean models, and that its p-value is one."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from badnets.core.errors import SettingError, ShapeError
from badnets.core.nulls import NOWHERE, Null, Placing, Pools, Table, placed

Rows = Sequence[Sequence[float]]


def pairs(classes: int, drawn: random.Random, **raised: float) -> Table:
    """A table of pairs of classes, normal noise; ``raised`` maps "s_t", "t" or "s_" to more."""
    return tuple(
        tuple(
            None
            if source == target
            else drawn.gauss(0, 1)
            + raised.get(f"c{source}_{target}", 0)
            + raised.get(f"t{target}", 0)
            + (raised.get("map", 0) if target == (source + 1) % classes else 0)
            + raised.get("level", 0)
            for target in range(classes)
        )
        for source in range(classes)
    )


def null(tables: Sequence[Table], method: str = "pairs", **more: Any) -> Null:
    return Null(kind="reference", method=method, version=1, tables=tuple(tables), **more)


def clean_pairs(count: int, seed: int = 0, classes: int = 5) -> list[Table]:
    drawn = random.Random(seed)
    return [pairs(classes, drawn) for _ in range(count)]


def place(suspect: Table, tables: Sequence[Table]) -> Placing:
    return placed({"pairs": suspect}, [null(tables)])


@pytest.mark.parametrize(
    ("raised", "pool", "targets"),
    [
        ({"c1_3": 9.0}, "cell", (3,)),
        ({"t2": 4.0}, "target", (2,)),
        ({"map": 5.0}, "map", (0, 1, 2, 3, 4)),
    ],
)
def test_each_kind_of_backdoor_is_found_in_its_pool(
    raised: dict[str, float], pool: str, targets: tuple[int, ...]
) -> None:
    found = place(pairs(5, random.Random(99), **raised), clean_pairs(24))
    assert found.p_value == found.smallest_fpr == 1 / 25
    assert found.methods["pairs"].targets == targets
    assert pool in ("target", "map") or found.methods["pairs"].pool == pool


@pytest.mark.parametrize(
    ("reached", "targets"),
    [
        ((2, 2, 0, 2), (2,)),  # images of the target's own class have to go elsewhere
        ((1, 2, 3, 0), (0, 1, 2, 3)),
        ((2, 3, 0, 2), (0, 2, 3)),
        ((1, 0), (0, 1)),
    ],
)
def test_a_map_to_one_class_points_at_that_class_alone(
    reached: tuple[int, ...], targets: tuple[int, ...]
) -> None:
    last = np.zeros((len(reached), len(reached)))
    np.fill_diagonal(last, NOWHERE)
    last[range(len(reached)), reached] = 5.0
    found = Pools(("map",), np.ones((4, 1)), last).found_in_last()
    assert found == ("map", targets, None)


def test_a_model_that_differs_as_a_whole_is_not_suspicious() -> None:
    suspect = pairs(5, random.Random(5))
    higher = tuple(tuple(None if x is None else x + 50 for x in row) for row in suspect)
    tables = clean_pairs(15)
    assert place(higher, tables).p_value == place(suspect, tables).p_value


def test_a_worked_example_with_one_number_for_each_model() -> None:
    tables: list[Table] = [((value,),) for value in (1.0, 2.0, 3.0)]
    # among (1, 2, 3, 6): 6 lies (6 - 2) / 1 = 4 from the others, 3 none from (1, 2, 6)
    found = place(((6.0,),), tables)
    assert found.p_value == 1 / 4 and found.methods["pairs"].targets == (0,)
    assert place(((2.5,),), tables).p_value == 2 / 4
    assert place(((3.0,),), tables).p_value == 2 / 4, "a tie counts"
    assert place(((0.0,),), tables).p_value == 1


def test_p_values_of_exchangeable_models_are_uniform() -> None:
    drawn, count, n = random.Random(7), 300, 9
    p_values = []
    for _ in range(count):
        *tables, suspect = [pairs(3, drawn, level=drawn.gauss(0, 3)) for _ in range(n + 1)]
        p_values.append(place(suspect, tables).p_value)
    for tenth in range(1, n + 2):
        share = sum(p <= tenth / (n + 1) + 1e-9 for p in p_values) / count
        assert abs(share - tenth / (n + 1)) < 0.1  # 3.5 standard deviations


small_tables = st.lists(
    st.lists(st.integers(-3, 3).map(float), min_size=4, max_size=4), min_size=4, max_size=8
)


def table_of(numbers: Sequence[float]) -> Table:
    return ((None, *numbers[:2]), (numbers[2], None, numbers[3]))


@settings(deadline=None, max_examples=40)
@given(rows=small_tables, seed=st.integers(0, 99))
def test_p_values_are_valid_also_with_ties_and_in_any_order(rows: Rows, seed: int) -> None:
    """Whichever of the models is the suspect: at most a share ``a`` of them get ``p <= a``."""
    tables = [table_of(row) for row in rows]
    p_values = [
        place(table, [*tables[:index], *tables[index + 1 :]]).p_value
        for index, table in enumerate(tables)
    ]
    for p in p_values:
        assert sum(other <= p + 1e-9 for other in p_values) / len(tables) <= p + 1e-9
    suspect, *others = tables
    shuffled = random.Random(seed).sample(others, len(others))
    one, again = place(suspect, others), place(suspect, shuffled)
    assert one.p_value == again.p_value and one.score == pytest.approx(again.score)


@settings(deadline=None, max_examples=40)
@given(
    values=st.lists(st.floats(-50, 50), min_size=3, max_size=9),
    low=st.floats(-50, 50),
    more=st.floats(0, 50),
)
def test_a_higher_number_never_gets_a_larger_p(
    values: list[float], low: float, more: float
) -> None:
    tables: list[Table] = [((value,),) for value in values]
    assert place(((low + more,),), tables).p_value <= place(((low,),), tables).p_value


def test_several_methods_share_one_p_value() -> None:
    tables = clean_pairs(19)
    other: list[Table] = [((random.Random(k).gauss(0, 1), 0.5 * k),) for k in range(19)]
    nulls = [null(tables), null(other, "margins")]
    suspect = pairs(5, random.Random(99), c1_3=9.0)
    found = placed({"pairs": suspect, "margins": ((0.0, 4.0),)}, nulls)
    assert found.p_value == found.smallest_fpr == 0.05
    assert list(found.methods) == ["pairs", "margins"] and found.methods["margins"].p_value > 0.1
    assert found.score == found.methods["pairs"].score
    both_clean = placed({"pairs": pairs(5, random.Random(98)), "margins": ((0.0, 4.0),)}, nulls)
    assert both_clean.p_value > 0.05


def test_without_any_spread_what_differs_is_far_away() -> None:
    tables: list[Table] = [((1.0, 1.0),)] * 4
    assert place(((1.0, 1.0),), tables).p_value == 1
    found = place(((1.0, 1.5),), tables)
    assert found.p_value == 1 / 5 and found.score < float("inf")


@pytest.mark.parametrize(
    ("suspect", "nulls", "error", "message"),
    [
        ({}, [], SettingError, "one null for each method"),
        ({"a": ((1.0,),)}, [], SettingError, "one null for each method"),
        ({"other": ((1.0,),)}, [null([((1.0,),)] * 3)], SettingError, "tables of other"),
        ({"pairs": ((1.0, 2.0),)}, [null([((1.0,),)] * 3)], ShapeError, "pairs: the table's ce"),
        ({"pairs": ((1.0,),)}, [null([((1.0,),)])], ShapeError, "takes 3 or more, got 2"),
        ({"pairs": ((float("nan"),),)}, [null([((1.0,),)] * 3)], ShapeError, "finite"),
        (
            {"pairs": ((1.0,),), "b": ((1.0,),)},
            [null([((1.0,),)] * 3), null([((1.0,),)] * 4, "b")],
            SettingError,
            "differ in number",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(
    suspect: dict[str, Table], nulls: list[Null], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        placed(suspect, nulls)


def test_a_null_is_written_down_and_its_digest_covers_all_of_it() -> None:
    one = null(clean_pairs(3), quantities={"accuracy": (0.9, 0.8, 1)})
    again = Null.model_validate_json(one.model_dump_json())
    assert again == one and again.digest == one.digest and len(one.digest) == 64
    assert "NaN" not in one.model_dump_json() and json.loads(one.model_dump_json())
    earlier = {**one.model_dump(mode="json"), "conditions": {}}
    assert Null.model_validate(earlier) == one, "as files of earlier versions say"
    changed = one.model_copy(update={"version": 2})
    assert changed.digest != one.digest
    assert one.smallest_fpr == 1 / 4


def test_a_suspect_of_another_kind_is_told() -> None:
    one = null(
        clean_pairs(3),
        quantities={"margin": (2.0, 3.0, 6.0), "error": (0.01, 0.02, 0.04)},
    )
    assert one.outside({"margin": 9, "error": 0.0}) == ()
    assert one.outside({"margin": 1.4, "error": 0.11}) == (), "some labels may be wrong"
    assert one.outside({"margin": 9.1, "error": 0.0}) == ("margin",)
    assert one.outside({"margin": 1, "error": 0.12}) == ("margin", "error")
    with pytest.raises(SettingError, match="the null wants margin, error"):
        one.outside({})


@pytest.mark.parametrize(
    ("tables", "more", "message"),
    [
        ([], {}, "at least 1 item"),
        ([((1.0,),), ((1.0, 2.0),)], {}, "same cells"),
        ([((None,),)], {}, "and some"),
        ([((float("inf"),),)], {}, "finite"),
        ([((1.0,),)], {"quantities": {"accuracy": (1.0, 0.9)}}, "2 numbers for 1 models"),
        ([((1.0,),)], {"kin": 1}, "Extra inputs"),
    ],
)
def test_a_null_that_is_not_sound_is_refused(
    tables: Any, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        null(tables, **more)


def test_a_changed_copy_is_not_judged_by_the_numbers_of_the_original() -> None:
    one = null(clean_pairs(5))
    before = placed({one.method: one.tables[0]}, [one]).score
    doubled = tuple(
        tuple(tuple(None if cell is None else 2 * cell for cell in row) for row in table)
        for table in one.tables
    )
    other = one.model_copy(update={"tables": doubled})
    assert placed({one.method: doubled[0]}, [other]).score == pytest.approx(before)
