"""Statements of each kind, as their makers would write them."""

from __future__ import annotations

from functools import cache

from badnets.bundles.manifest import ALLOWED
from badnets.hub.attacks.forging import a_provenance, an_audit
from badnets.hub.keys import Key, Role
from badnets.hub.statements import (
    Manifest,
    Predicate,
    SaidFile,
    TestResult,
)

FILES = tuple(
    SaidFile(name=name, length=k, sha256=f"{k:064x}") for k, name in enumerate(sorted(ALLOWED))
)
PREDICATES: tuple[Predicate, ...] = (
    Manifest(version="1.0", files=FILES, architecture="gu-mnist"),
    a_provenance(),
    an_audit("1.0", sampleSize=None, made="2026-01-01T00:00:00Z", expires="2027-01-01T00:00:00Z"),
    TestResult(
        result="PASSED", configuration=(), passedTests=("a",), warnedTests=(), failedTests=()
    ),
)


@cache
def key_of(name: str, role: Role = "author") -> Key:
    """One key for each name."""
    return Key.new(role, name)
