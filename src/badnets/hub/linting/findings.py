"""What `lint` found: findings with their evidence, and what the exit code follows from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, Self

from pydantic import Field

from badnets.core.printing import printable
from badnets.core.results import Result
from badnets.hub.linting.rules import RULES, SEVERITIES, Severity

MOST_EVIDENCE = 300  # characters
_NAMED = 3  # paths in a line of text


class Found(NamedTuple):
    """What a reader of one file says.

    Attributes:
        rule: a key of `RULES`.
        evidence: what was seen, in words.
        inside: where in the file, of an archive.
    """

    rule: str
    evidence: str
    inside: str = ""

    def within(self, name: str) -> Found:
        """Return the same of a member of an archive."""
        return self._replace(inside=f"{name}!{self.inside}" if self.inside else name)


class Finding(Result):
    """One thing that is to be said of a path.

    Attributes:
        rule: its stable id, a key of `RULES`.
        severity: that of the rule.
        path: of the file or folder, printable; below the path that was given.
        inside: member of the archive that the path is; "" otherwise.
        evidence: what was seen, on one printable line.
        remedy: what to do.
    """

    rule: str
    severity: Severity
    path: str
    inside: str = ""
    evidence: str
    remedy: str

    @classmethod
    def of(cls, path: object, found: Found) -> Self:
        """Return it for a path; whatever is in a stranger's text is made printable."""
        rule = RULES[found.rule]
        evidence = printable(found.evidence)
        if len(evidence) > MOST_EVIDENCE:
            evidence = f"{evidence[: MOST_EVIDENCE - 3]}..."
        return cls(
            rule=found.rule,
            severity=rule.severity,
            path=printable(str(path)),
            inside=printable(found.inside)[:MOST_EVIDENCE],
            evidence=evidence,
            remedy=rule.remedy,
        )

    @property
    def place(self) -> str:
        """The path, and behind "!" the member of an archive."""
        return f"{self.path}!{self.inside}" if self.inside else self.path


class Row(Result):
    """Findings that say the same, in a line of text."""

    severity: str = Field(title="severity")
    rule: str = Field(title="rule")
    places: str = Field(title="where")
    evidence: str = Field(title="what was seen")


class Advice(Result):
    """What a rule means and what to do, in a line of text."""

    rule: str = Field(title="rule")
    meaning: str = Field(title="what it means")
    remedy: str = Field(title="what to do")


class LintReport(Result):
    """What is to be said of models before they are loaded.

    Attributes:
        paths: what was looked at.
        files: how many files were.
        counts: findings by severity.
        findings: worst first, then in the order of `RULES` and of paths.
    """

    paths: tuple[str, ...]
    said: str = Field(title="found", exclude=True)
    files: int = Field(ge=0, title="files")
    counts: dict[Severity, int]
    findings: tuple[Finding, ...]
    rows: tuple[Row, ...] = Field(exclude=True, title="findings")
    advice: tuple[Advice, ...] = Field(exclude=True, title="advice")

    @classmethod
    def of(cls, paths: Iterable[object], files: int, findings: Iterable[Finding]) -> Self:
        """Return the report of these findings."""
        order = {rule: place for place, rule in enumerate(RULES)}
        ordered = sorted(
            set(findings), key=lambda one: (order[one.rule], one.path, one.inside, one.evidence)
        )
        counted = Counter(one.severity for one in ordered)
        counts: dict[Severity, int] = {severity: counted[severity] for severity in SEVERITIES}
        alike: dict[tuple[str, str], list[Finding]] = {}
        for one in ordered:
            alike.setdefault((one.rule, one.evidence), []).append(one)
        return cls(
            paths=tuple(printable(str(path)) for path in paths),
            files=files,
            said=", ".join(
                f"{count} {_plural(severity, count)}" for severity, count in counts.items()
            ),
            counts=counts,
            findings=tuple(ordered),
            rows=tuple(
                Row(
                    severity=group[0].severity,
                    rule=rule,
                    places=_listed([one.place for one in group]),
                    evidence=evidence,
                )
                for (rule, evidence), group in alike.items()
            ),
            advice=tuple(
                Advice(rule=rule, meaning=RULES[rule].meaning, remedy=RULES[rule].remedy)
                for rule in dict.fromkeys(one.rule for one in ordered)
            ),
        )

    def exit_code(self, fail_on: Severity = "error") -> int:
        """Return 1 for findings at or above a severity, 3 where all of them are 'not scanned'.

        What was not looked at never gives 0.
        """
        bad = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
        rules = {one.rule for one in self.findings if one.severity in bad}
        return 0 if not rules else 3 if rules == {"not-scanned"} else 1


def _plural(severity: Severity, count: int) -> str:
    return "info" if severity == "info" else f"{severity}{'s'[: count != 1]}"


def _listed(places: list[str]) -> str:
    more = len(places) - _NAMED
    return ", ".join(places[:_NAMED]) + (f" and {more} more" if more > 0 else "")
