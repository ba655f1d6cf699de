"""Logs against the schema of SARIF 2.1.0, where ``SARIF_SCHEMA`` says where OASIS's file lies."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from badnets.data import DataSet
from badnets.hub import lint
from badnets.report.sarif_log import sarif, sarif_of_findings, sarif_of_refusal
from tests.audit.small_models import audited
from tests.hub.linting.model_folders import write

PLACE = Path(os.environ.get("SARIF_SCHEMA", "sarif-schema-2.1.0.json"))
pytestmark = pytest.mark.skipif(not PLACE.is_file(), reason="SARIF_SCHEMA names no file")


def linted(folder: Path) -> Any:
    return lint(write(folder, {"loader.py": "1", "a b.pt": b"\x80\x02cos\nsystem\n."}))


LOGS: dict[str, Callable[[DataSet, Path], dict[str, Any]]] = {
    **{
        f"audit: {said}": lambda toys, folder, said=said: sarif(audited(toys, said).verdict, folder)  # type: ignore[misc]
        for said in ("backdoor likely", "nothing found", "not checked")
    },
    "audit with lint": lambda toys, folder: sarif(
        audited(toys, "nothing found").verdict, folder, linted(folder)
    ),
    "lint": lambda toys, folder: sarif_of_findings(linted(folder)),
    "hub verify: passed": lambda toys, folder: sarif_of_refusal(folder, None, "", 0),
    "hub verify: refused": lambda toys, folder: sarif_of_refusal(
        Path("a net"), "digest", "refused (digest): changed", 1, file="a net/README.md"
    ),
    "hub verify: not checked": lambda toys, folder: sarif_of_refusal(
        folder, "not checked", "nobody says", 3
    ),
}


@pytest.mark.parametrize("kind", LOGS)
def test_a_log_is_valid(toys: DataSet, tmp_path: Path, kind: str) -> None:
    schema = json.loads(PLACE.read_text())
    log = json.loads(json.dumps(LOGS[kind](toys, tmp_path)))
    faults = [one.message for one in Draft7Validator(schema).iter_errors(log)]
    assert faults == []
