"""Records as JSON: they come back as they were, and those of earlier releases still load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from badnets.core.rates import Rate
from badnets.observations.units import Units
from badnets.trials import OutsourcedTrial, Record

GOLDEN = Path(__file__).parent / "golden/record-format-2.json"


def golden() -> dict[str, Any]:
    values: dict[str, Any] = json.loads(GOLDEN.read_text())
    return values


def test_a_record_of_format_2_still_loads() -> None:
    """It was written by a trial on 200 digits: search, start, observations and all."""
    record = Record.model_validate_json(GOLDEN.read_bytes())
    trial = record.trial
    assert isinstance(trial, OutsourcedTrial) and trial.backdoor is not None
    assert trial.backdoor.poisoning_rate == 0.1 and trial.start is not None
    assert record.name == golden()["name"] == trial.name
    assert record.outcome == "accepted" and record.clean.accuracy.total == 500
    assert record.attack is not None and record.attack.success.interval.low > 0.5
    assert record.attack.control is not None and record.attack.control.total == 450
    assert record.poisoned_share is not None and record.poisoned_share.total > 200
    assert [step.rate for step in record.search] == ["every"]
    assert record.arrays["filters"].shape == (16, 1, 5, 5)
    units = record.observed(Units)
    assert units is not None and units.units[0].layer == "conv1" and units.ablations
    assert record.provenance.created.tzinfo is not None


def test_a_record_comes_back_from_json_as_it_was() -> None:
    record = Record.model_validate(golden())
    again = Record.model_validate_json(record.model_dump_json())
    assert again == record and again.model_dump_json() == record.model_dump_json()
    assert isinstance(again.clean.per_class[0], Rate)
    assert json.loads(record.model_dump_json()) == golden()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 1}, "format"),
        ({"outcome": "fine"}, "'accepted', 'rejected' or 'collapsed'"),
        ({"mood": "good"}, "Extra inputs are not permitted"),
        ({"clean": None}, "clean"),
        ({"poisoned_share": [1]}, "poisoned_share"),
        ({"trial": {"kind": "rented"}}, "kind"),
        ({"observations": {"units": {"arrays": 3}}}, "arrays"),
    ],
)
def test_what_is_not_a_record_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Record.model_validate(golden() | change)


def test_a_record_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Record.model_validate(golden()).outcome = "rejected"  # type: ignore[misc]
