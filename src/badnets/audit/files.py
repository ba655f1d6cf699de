"""What lint says of a model's files, beside the verdict on the model: no conclusion rests on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from badnets.core.verdicts import Verdict
from badnets.hub.linting.findings import Finding, LintReport, Row
from badnets.hub.linting.linting import lint


class FileVerdict(Verdict):
    """The verdict on a model that was given as a file or folder.

    Attributes:
        linted: how many errors and warnings `badnets lint` has of these files, and their rules.
        lint: these findings; none of them changes the conclusion.
        lines: the same, those that are alike on one line.
    """

    linted: str = Field(title="lint", exclude=True)
    lint: tuple[Finding, ...] = ()
    lines: tuple[Row, ...] = Field(default=(), title="findings of lint", exclude=True)


def lint_of(suspect: Any) -> LintReport | None:
    """Return errors and warnings about the files of a model; None where it is given in Python."""
    if not isinstance(suspect, str | Path):
        return None
    found = lint(suspect)
    serious = [one for one in found.findings if one.severity != "info"]
    return LintReport.of(found.paths, found.files, serious)


def beside(verdict: Verdict, found: LintReport | None) -> Verdict:
    """Return a verdict with what lint says of the files; as it is where there are none."""
    if found is None:
        return verdict
    told = {name: getattr(verdict, name) for name in verdict.model_fields_set}
    return FileVerdict(**told, linted=in_words(found), lint=found.findings, lines=found.rows)


def in_words(found: LintReport) -> str:
    """Return how many findings there are, with the ids of their rules."""
    said = []
    for severity, count in found.counts.items():
        rules = dict.fromkeys(one.rule for one in found.findings if one.severity == severity)
        if count:
            said.append(f"{count} {severity}{'s'[: count != 1]} ({', '.join(rules)})")
    return ", ".join(said) or "no errors, no warnings"
