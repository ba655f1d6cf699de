"""Verdicts and findings as SARIF 2.1.0, as code scanning reads it. This module imports no torch.

References:
    OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", 2020.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from badnets._version import __version__
from badnets.bundles.digests import json_digest
from badnets.hub.linting.findings import Finding, LintReport
from badnets.hub.linting.rules import RULES as LINT_RULES
from badnets.hub.linting.rules import Severity

if TYPE_CHECKING:
    from badnets.audit.sets.results import DataVerdict
    from badnets.core.verdicts import Conclusion, Verdict

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
Level = Literal["error", "warning", "note", "none"]
RULES: dict[Conclusion, tuple[str, Level, str]] = {
    "backdoor likely": (
        "backdoor-likely",
        "error",
        "Few clean models of its kind look as suspicious: at most the share of them that may be "
        "called backdoored.",
    ),
    "not checked": (
        "not-checked",
        "note",
        "There is no verdict: nothing vouches for a false-positive rate. What the methods found is "
        "shown all the same.",
    ),
    "nothing found": (
        "nothing-found",
        "none",
        "Nothing was found by what was looked at. That is no proof that there is nothing.",
    ),
}
"""Conclusion -> its rule: name, level and meaning."""


DATA_RULES: dict[str, tuple[str, Level, str]] = {
    "poisoning likely": (
        "poisoning-likely",
        "error",
        "More images stand out than clean ones would, or the same patch repeats in a class.",
    ),
    **{name: RULES[name] for name in ("not checked", "nothing found")},
}
MOST = 1000  # files that a log names
MOST_RESULTS = 25_000  # of a run that code scanning takes
_LEVELS: dict[Severity, Level] = {"error": "error", "warning": "warning", "info": "note"}


def sarif(verdict: Verdict, model: Path | str, linted: LintReport | None = None) -> dict[str, Any]:
    """Return a verdict as a SARIF log with one run: its result, then those of `lint`.

    A backdoor that is likely is an error. 'Not checked' is a note, and the run says that it was not
    successful, and why. 'Nothing found' is no alert: its kind is informational.

    Args:
        verdict: the answer of an audit.
        model: path of what was looked at.
        linted: what `lint` says of its files; the exit code does not count it.
    """
    log = _of_verdict(
        verdict, RULES, _message(verdict), [_uri(Path(model))], f"audit-model/{_uri(Path(model))}"
    )
    if linted is None or not linted.findings:
        return log
    (run,) = log["runs"]
    uris = [one["location"]["uri"] for one in run["artifacts"]]
    rules = run["tool"]["driver"]["rules"]
    run["results"] += _results(linted.findings[:MOST_RESULTS], uris, len(rules))
    run["artifacts"] = _artifacts(uris)
    rules += _lint_rules()
    return log


def sarif_of_data(verdict: DataVerdict, folder: Path | None) -> dict[str, Any]:
    """Return the verdict on a training set as a SARIF log; flagged files are its locations.

    Args:
        verdict: the answer of an audit.
        folder: where the files lie; None: the images have no files.
    """
    files = [folder / name for name in verdict.flagged_images[:MOST]] if folder else []
    said = [verdict.conclusion.capitalize()]
    if verdict.poisoned_share:
        said.append(f"estimated share of poisoned images {verdict.poisoned_share}")
    message = "; ".join((*said, *verdict.notes)) + "."
    uris = list(map(_uri, files or [Path(verdict.data)]))
    return _of_verdict(verdict, DATA_RULES, message, uris, f"audit-data/{_uri(Path(verdict.data))}")


def _of_verdict(
    verdict: Verdict | DataVerdict,
    rules: Mapping[Any, tuple[str, Level, str]],
    message: str,
    uris: Sequence[str],
    category: str,
) -> dict[str, Any]:
    name, level, _ = rules[verdict.conclusion]
    places = [
        {"physicalLocation": {"artifactLocation": {"uri": uri, "index": place}}}
        for place, uri in enumerate(uris)
    ]
    result: dict[str, Any] = {
        "ruleId": f"badnets/{name}",
        "ruleIndex": list(rules).index(verdict.conclusion),
        "kind": "informational" if level == "none" else "fail",
        "level": level,
        "message": {"text": message},
        "locations": places,
        "properties": verdict.model_dump(mode="json", exclude_none=True, exclude={"lint"}),
    }
    checked = verdict.conclusion != "not checked"
    notices = [_notice("note" if checked else "error", note) for note in verdict.notes]
    notices += [
        _notice("note", f"not looked at: {one.what} ({one.why})") for one in verdict.coverage
    ]
    invocation = {
        "executionSuccessful": checked,
        "exitCode": verdict.exit_code,
        "toolExecutionNotifications": notices,
    }
    return _log([_rule(*rule) for rule in rules.values()], [result], uris, invocation, category)


def sarif_of_refusal(
    path: Path, reason: str | None, line: str, code: int, *, file: Path | str = ""
) -> dict[str, Any]:
    """Return as a SARIF log whether a model was refused.

    Args:
        path: of the model.
        reason: why; None: it was not.
        line: the same at length.
        code: that the command ends with.
        file: that is at fault; empty where it is none alone.
    """
    rules = [
        _rule(
            f"hub-{reason.replace(' ', '-')}",
            "error",
            "The model is not what its author signed, or the policy does not let it in.",
        )
        for reason in ([reason] if reason else [])
    ]
    uri = _uri(Path(file or path))
    results = [
        {
            "ruleId": rule["id"],
            "ruleIndex": 0,
            "kind": "fail",
            "level": "error",
            "message": {"text": line},
            "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": uri, "index": 0}}},
            ],
            "partialFingerprints": {"finding/v1": json_digest([reason, uri])},
        }
        for rule in rules
    ]
    invocation = {"executionSuccessful": code != 3, "exitCode": code}
    return _log(rules, results, [uri], invocation, f"hub-verify/{_uri(path)}")


def sarif_of_findings(report: LintReport, fail_on: Severity = "error") -> dict[str, Any]:
    """Return what `lint` found as a SARIF log with one run and a result for each finding.

    Errors and warnings keep their level, info is a note. What was not looked at is an error, and
    the run says that it was not successful.

    Args:
        report: what was found.
        fail_on: the least severity that the exit code counts.
    """
    findings = report.findings[:MOST_RESULTS]  # the worst come first
    left_out = len(report.findings) - len(findings)
    uris = list[str]()
    results = _results(findings, uris, 0)
    whole = all(one.rule != "not-scanned" for one in report.findings)
    return _log(
        _lint_rules(),
        results,
        uris,
        {
            "executionSuccessful": whole,
            "exitCode": report.exit_code(fail_on),
            "toolExecutionNotifications": [_notice("note", f"{left_out} findings more")]
            if left_out
            else [],
        },
        "lint",
    )


def _results(findings: Sequence[Finding], uris: list[str], first: int) -> list[dict[str, Any]]:
    """Return findings as results; the places that they name are added to ``uris``.

    Args:
        findings: of `lint`.
        uris: of the log's artifacts.
        first: the place of lint's first rule among the log's.
    """
    uris += [
        own for own in dict.fromkeys(_uri(Path(one.path)) for one in findings) if own not in uris
    ]
    places = {uri: place for place, uri in enumerate(uris)}
    order = list(LINT_RULES)
    return [
        {
            "ruleId": f"badnets/{one.rule}",
            "ruleIndex": first + order.index(one.rule),
            "kind": "fail",
            "level": _LEVELS[one.severity],
            "message": {"text": f"{one.inside}: {one.evidence}" if one.inside else one.evidence},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {
                            "uri": (uri := _uri(Path(one.path))),
                            "index": places[uri],
                        }
                    }
                }
            ],
            "partialFingerprints": {"finding/v1": json_digest([one.rule, one.place, one.evidence])},
        }
        for one in findings
    ]


def _lint_rules() -> list[dict[str, Any]]:
    return [
        _rule(name, _LEVELS[rule.severity], rule.meaning) | {"help": {"text": rule.remedy}}
        for name, rule in LINT_RULES.items()
    ]


def _artifacts(uris: Sequence[str]) -> list[dict[str, Any]]:
    return [{"location": {"uri": uri}} for uri in uris]


def _log(
    rules: list[dict[str, Any]],
    results: list[dict[str, Any]],
    uris: Sequence[str],
    invocation: dict[str, Any],
    category: str,
) -> dict[str, Any]:
    """Return a log; code scanning takes several in one upload if their categories differ."""
    run = {
        "automationDetails": {"id": f"badnets/{category}/"},
        "tool": {"driver": {"name": "badnets", "version": __version__, "rules": rules}},
        "invocations": [invocation],
        "artifacts": _artifacts(uris),
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(name: str, level: Level, meaning: str) -> dict[str, Any]:
    return {
        "id": f"badnets/{name}",
        "name": "".join(word.capitalize() for word in name.split("-")),
        "shortDescription": {"text": name.replace("-", " ").capitalize()},
        "fullDescription": {"text": meaning},
        "defaultConfiguration": {"level": level},
    }


def _notice(level: Level, text: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": text}}


def _message(verdict: Verdict) -> str:
    said = [verdict.conclusion.capitalize()]
    if verdict.suspected:
        source = verdict.suspected_source
        said.append(
            f"suspected target {verdict.suspected}"
            + (f", from images of {source}" if source else "")
        )
    if verdict.rank:
        said.append(f"p-value {verdict.rank}")
    if verdict.compared_with:
        said.append(f"compared with {verdict.compared_with}")
    if verdict.effect:
        said.append(
            f"{verdict.effect} of other images are called the target with a recovered trigger"
        )
    return "; ".join((*said, *verdict.notes)) + "."


def _uri(path: Path) -> str:
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
