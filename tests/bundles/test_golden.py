"""Bundles of every format that was ever released still load, byte for byte."""

from __future__ import annotations

from pathlib import Path

from badnets.bundles import verify

from .test_config import CLAIMS, CONFIG

GOLDEN = Path(__file__).parent / "golden"


def test_format_1_still_loads() -> None:
    bundle = verify(str(GOLDEN / "format-1"))
    assert bundle.digest == "6a2bbe1050cd051b03c7dc4eb9bca9bf5174c93a921aee8103ecfec9c03969a1"
    assert bundle.config == CONFIG
    assert bundle.claims == CLAIMS
    assert bundle.tensors["weight"].shape == (10, 4)
