"""Statements of each kind, as their makers would write them."""

from __future__ import annotations

from functools import cache

from badnets.bundles.manifest import ALLOWED
from badnets.hub.keys import Key, Role
from badnets.hub.statements import (
    Audit,
    BuildDefinition,
    Builder,
    Manifest,
    Predicate,
    Provenance,
    RunDetails,
    SaidFile,
    TestResult,
)

FILES = tuple(
    SaidFile(name=name, length=k, sha256=f"{k:064x}") for k, name in enumerate(sorted(ALLOWED))
)
PREDICATES: tuple[Predicate, ...] = (
    Manifest(version="1.0", files=FILES, architecture="gu-mnist"),
    Provenance(
        buildDefinition=BuildDefinition(
            buildType="https://badnets.dev/training/v1",
            externalParameters={"epochs": 4},
            resolvedDependencies=(),
        ),
        runDetails=RunDetails(builder=Builder(id="https://example.org", version={"badnets": "1"})),
    ),
    Audit(
        version="1.0",
        conclusion="nothing found",
        threshold=0.05,
        passed=True,
        null=None,
        pValue=0.5,
        smallestFpr=0.02,
        maxFpr=0.05,
        coverage=(),
        methods=(),
        sampleSize=None,
        tool={"badnets": "1"},
        made="2026-01-01T00:00:00Z",
        expires="2027-01-01T00:00:00Z",
        reportSha256="0" * 64,
    ),
    TestResult(
        result="PASSED", configuration=(), passedTests=("a",), warnedTests=(), failedTests=()
    ),
)


@cache
def key_of(name: str, role: Role = "author") -> Key:
    """One key for each name."""
    return Key.new(role, name)
