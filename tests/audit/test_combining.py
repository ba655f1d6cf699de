"""From tables to a conclusion: in units of how sure a model is, and without other models."""

from __future__ import annotations

import pytest

from badnets.audit import AuditTables, audit
from badnets.audit.combining import judged, reach, ruling_of
from badnets.data import DataSet
from tests.audit.small_models import backdoored, calibrated, tiny


def test_reach_of_a_worked_example() -> None:
    table = ((None, -1.0, 2.0), (-3.0, None, 4.0), (0.0, 1.0, None))
    # to the last class 3 on average; the rows' best are 2, 4 and 1
    assert reach(table, 2.0) == pytest.approx((3 + 7 / 3) / 2)


def test_a_model_that_is_twice_as_sure_of_everything_is_judged_alike(toys: DataSet) -> None:
    null = calibrated(toys, **{"mean clean margin": 2.0})
    tables = {each.method: each.tables[0] for each in null.nulls}
    plain = AuditTables(tables=tables, quantities={"mean clean margin": 2.0})
    surer = AuditTables(
        tables={
            method: tuple(tuple(None if c is None else 1.4 * c for c in row) for row in table)
            for method, table in tables.items()
        },
        quantities={"mean clean margin": 2.8},
    )
    first, second = (judged(found, null, max_fpr=0.05) for found in (plain, surer))
    assert first.place is not None and second.place is not None
    assert second.place.score == pytest.approx(first.place.score)
    assert second.conclusion == first.conclusion


def test_a_pre_screen_alone_raises_alarms_and_clears_nothing(toys: DataSet) -> None:
    null = calibrated(toys)
    screen = next(one for one in null.nulls if one.method == "head-weights")
    ruling = judged(AuditTables(tables={screen.method: screen.tables[0]}), null, max_fpr=0.05)
    assert ruling.conclusion == "not checked" and "pre-screen alone" in ruling.notes[-1]
    row = screen.tables[0]
    odd = ((*row[0][:-1], (row[0][-1] or 0) + 1e3), *row[1:])
    alarmed = judged(AuditTables(tables={screen.method: odd}), null, max_fpr=0.05)
    assert alarmed.conclusion == "backdoor likely" and not alarmed.notes


def test_without_clean_images_nothing_is_cleared(toys: DataSet) -> None:
    null = calibrated(toys, **{"clean error": 0.1})
    honest = audit(tiny(toys, 5), calibration=null).verdict
    assert honest.conclusion == "not checked" and "clears nothing" in honest.notes[0]
    assert audit(backdoored(tiny(toys, 99)), calibration=null).verdict.conclusion == (
        "backdoor likely"
    )


def test_clean_models_of_several_kinds_are_no_null(toys: DataSet) -> None:
    null = calibrated(toys)
    several = (null, null.model_copy(update={"data": "thirds"}))
    tables = {each.method: each.tables[0] for each in null.nulls}
    ruling = ruling_of(tiny(toys, 0), AuditTables(tables=tables), several, 0.05)
    assert ruling.conclusion == "not checked"
    assert "of halves and of thirds: name its data, as in --clean halves" in ruling.notes[0]
