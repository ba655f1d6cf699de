"""From tables to a conclusion: in units of how sure a model is, and without other models."""

from __future__ import annotations

import pytest

from badnets.audit import AuditTables, Calibration, audit
from badnets.audit.combining import judged, reach, ruling_of
from badnets.audit.evidence import method_score
from badnets.core.errors import SettingError
from badnets.data import DataSet
from tests.audit.small_models import backdoored, calibrated, tiny
from tests.audit.templates import templates


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


def test_a_class_that_no_other_is_a_source_for_is_no_target() -> None:
    kind, rest = "mask-inversion", (None,) * 4
    table = ((None, 1.0, 1.1, 9.0), rest, rest, rest)
    found = AuditTables(tables={kind: table}, versions={kind: 1}, seconds={kind: 0.0})
    assert method_score(templates(4), kind, found, None).targets == (3,)


def test_a_null_keeps_the_sources_that_all_its_models_have(toys: DataSet) -> None:
    whole: tuple[tuple[float | None, ...], ...] = ((None, 1.0), (2.0, None))
    tables = [
        AuditTables(tables={"mask-inversion": table}, versions={"mask-inversion": 2})
        for table in (whole, ((None, None), (3.0, None)), whole)
    ]

    def null_of(kept: list[AuditTables]) -> Calibration:
        found = {str(place): one for place, one in enumerate(kept)}
        return Calibration.of(
            found, kind="approximate", data="halves", architecture="tiny", shape=toys.test.shape
        )

    (null,) = null_of(tables).nulls
    assert null.tables[0] == ((None, None), (2.0, None)) and null.cells == [(1, 0)]
    other = AuditTables(
        tables={"mask-inversion": ((None, 1.0), (None, None))}, versions={"mask-inversion": 2}
    )
    with pytest.raises(SettingError, match="no source of every model alike"):
        null_of([tables[1], other])
