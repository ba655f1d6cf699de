"""Records as JSON: they come back as they were, and those of earlier releases still load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from badnets.core.rates import Rate
from badnets.trials import Record

GOLDEN = Path(__file__).parent / "golden"


def golden() -> dict[str, Any]:
    values: dict[str, Any] = json.loads((GOLDEN / "record-format-1.json").read_text())
    return values


def test_a_record_of_format_1_still_loads() -> None:
    record = Record.model_validate_json((GOLDEN / "record-format-1.json").read_bytes())
    assert record.name == "5d7f5d7f5d7f5d7f"
    assert record.outcome == "accepted" and record.clean.accuracy == Rate(488, 500)
    assert record.attack is not None and record.attack.success.interval.low > 0.97
    assert record.attack.control == Rate(0, 450) and record.poisoned_share == Rate(144, 1441)
    assert record.trial.backdoor is not None and record.trial.backdoor.rate == 0.1
    assert record.search[0].rate == "every" and record.search[1].rate == 0.1
    assert record.arrays["filters"].shape == (16, 1, 5, 5)
    assert record.units[0].marked == (1,) and record.ablations[0].silenced == (1,)
    assert record.provenance.created.tzinfo is not None


def test_a_record_comes_back_from_json_as_it_was() -> None:
    record = Record.model_validate(golden())
    again = Record.model_validate_json(record.model_dump_json())
    assert again == record and again.model_dump_json() == record.model_dump_json()
    assert isinstance(again.clean.per_class[0], Rate)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "format"),
        ({"outcome": "fine"}, "'accepted', 'rejected' or 'collapsed'"),
        ({"mood": "good"}, "Extra inputs are not permitted"),
        ({"clean": None}, "clean"),
        ({"poisoned_share": [1]}, "poisoned_share"),
    ],
)
def test_what_is_not_a_record_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Record.model_validate(golden() | change)


def test_a_record_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Record.model_validate(golden()).outcome = "rejected"  # type: ignore[misc]
