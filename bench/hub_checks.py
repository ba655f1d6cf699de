"""What the tests of the hub hold, counted: payloads, clean folders, kills, other tools, scenarios.

The tests themselves are run, so that nothing is said twice. With ``SARIF_SCHEMA`` as the path of
OASIS's sarif-schema-2.1.0.json, logs are held against that too.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from badnets.core.errors import TrialError
from bench.children import ROOT, environment
from bench.results import Result, Wanted
from bench.scales import Scale

_TESTS = "tests/hub/"
_PAYLOADS, _LINT, _CLEAN = (
    f"{_TESTS}linting/test_{name}.py" for name in ("payloads", "lint", "clean")
)
_OMS, _SIGNING, _SCENARIOS, _SOAK, _KILLS = (
    f"{_TESTS}test_{name}.py" for name in ("oms", "signing", "tuf_scenarios", "soak", "kills")
)
_SARIF = "tests/report/test_sarif_schema.py"


@dataclass(frozen=True)
class Check:
    """A figure that is a count of tests that pass.

    Attributes:
        what: that holds of each.
        tests: ``FILE`` or ``FILE::FUNCTION``; one with ``[...]`` is that case alone.
        also: tests that must pass too, and are not counted.
        times: how often each test tries it.
        least: how many there must be.
    """

    what: str
    tests: tuple[str, ...]
    also: tuple[str, ...] = ()
    times: int = 1
    least: int = 1


def checks(kills: int) -> tuple[Check, ...]:
    """Return what is counted, with so many kills."""
    again = "left whole or as it was, and the same command succeeds"
    random = (f"{_KILLS}::test_a_publisher_is_killed_at_a_hundred_random_moments",)
    return (
        Check(
            "kinds of payloads, the 18 known ones and our own, that lint names",
            (f"{_PAYLOADS}::test_each_is_named",),
            least=18,
        ),
        Check(
            "of the same, those of which lint, import, load, verify and inspect run nothing",
            (f"{_PAYLOADS}::test_none_is_run_by_import_load_verify_or_inspect",),
            also=(f"{_PAYLOADS}::test_none_was_run",),
            least=18,
        ),
        Check(
            "clean folders in which lint finds nothing above info",
            (
                f"{_CLEAN}::test_image_classifiers_of_transformers",
                f"{_CLEAN}::test_language_models_of_transformers",
                f"{_CLEAN}::test_folders_of_timm",
                f"{_CLEAN}::test_an_adapter_as_peft_writes_it",
            ),
            least=20,
        ),
        Check(
            "a repository with its weights untouched: loader.py and start.bat are named",
            (f"{_LINT}::test_what_is_said_of_a_folder[a loader and a script]",),
        ),
        Check(
            "the paper's survey on a replica: 39 models, 22 without a checksum, 1 with a wrong one",
            (
                f"{_LINT}::test_the_zoo_of_the_paper_39_models_22_without_a_checksum_one_with_a_wrong_one",
            ),
        ),
        Check(
            f"kill -9 while publishing, at random moments: {again}",
            (f"{_SOAK}::test_publishing_is_killed[{kills}]",),
            also=random if kills == 100 else (),
            times=kills,
        ),
        Check(
            f"kill -9 while pulling, at random moments: {again}",
            (f"{_SOAK}::test_pulling_is_killed[{kills}]",),
            times=kills,
        ),
        Check(
            "signatures of OpenSSF Model Signing, sound and not: model_signing and we agree",
            (
                f"{_OMS}::test_model_signing_verifies_ours_and_sees_a_change",
                f"{_OMS}::test_we_verify_what_model_signing_signs",
                f"{_OMS}::test_a_folder_that_was_tampered_with_is_refused",
                f"{_OMS}::test_a_signature_is_refused_for_its_reason",
            ),
        ),
        Check(
            "bills of materials that CycloneDX's schema 1.6 takes, strictly",
            (f"{_SIGNING}::test_a_retrained_model_names_its_base",),
        ),
        Check(
            "logs of audit, lint and hub verify that OASIS's schema of SARIF 2.1.0 takes",
            (_SARIF,),
        ),
        Check("scenarios of tuf-conformance that end as they must, by their names", (_SCENARIOS,)),
    )


def run(scale: Scale) -> Iterator[Result]:
    """Give how many of the tests of each figure pass."""
    wanted = checks(scale.kills)
    ended = _ended(sorted({test for one in wanted for test in (*one.tests, *one.also)}))
    for one in wanted:
        found = _of(one.tests, ended)
        passed = sum(how == "passed" for how in found.values())
        also = _of(one.also, ended)
        missing = [f"{name} {how}" for name, how in {**found, **also}.items() if how != "passed"]
        tried = one.times * len(found)
        yield Result(
            one.what,
            (one.times * passed,),
            "count",
            wanted=Wanted(">=", tried),
            holds=tried >= one.least and not missing and bool(also) == bool(one.also),
            note="; ".join(missing)[:500],
            tried=tried,
            each=found if len(found) > 1 else {},
        )


def _of(tests: tuple[str, ...], ended: Mapping[str, str]) -> dict[str, str]:
    """Return how those ended that are named, by what is left of their names."""
    found = {}
    for test in tests:
        for name, how in ended.items():
            if name == test or name.startswith((f"{test}[", f"{test}::")):
                function, _, case = name.partition("::")[2].removesuffix("]").partition("[")
                said = function.removeprefix("test_").replace("_", " ")
                own = case if "::" in test and case else f"{said}[{case}]" if case else said
                found[own if own not in found else f"{own} ({said})"] = how
    return found


def _ended(tests: list[str]) -> dict[str, str]:
    """Run tests; return ``FILE::FUNCTION[CASE]`` -> how it ended.

    Raises:
        TrialError: they could not be run.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = ["-m", "", "-p", "no:cacheprovider", "--timeout=3600", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", *options, *tests]
        done = subprocess.run(
            command, cwd=ROOT, env=environment(), stdout=sys.stderr.fileno(), check=False
        )
        if done.returncode not in (0, 1):
            raise TrialError(f"pytest ended with exit code {done.returncode}: see above")
        cases = ElementTree.parse(report).iter("testcase")
        return {
            f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}": _how(case)
            for case in cases
        }


def _how(case: ElementTree.Element) -> str:
    return next((one.tag for one in case if one.tag in ("failure", "error", "skipped")), "passed")
