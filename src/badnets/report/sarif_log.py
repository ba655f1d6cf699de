"""Verdicts as SARIF 2.1.0, as code scanning reads it. This module imports no torch.

References:
    OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", 2020.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from badnets._version import __version__
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


def sarif(verdict: Verdict, model: Path | str) -> dict[str, Any]:
    """Return a verdict as a SARIF log with one run and one result.

    A backdoor that is likely is an error. 'Not checked' is a note, and the run says that it was not
    successful, and why. 'Nothing found' is no alert: its kind is informational.

    Args:
        verdict: the answer of an audit.
        model: path of what was looked at.
    """
    return _log(verdict, RULES, _message(verdict), [_uri(Path(model))])


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
    return _log(verdict, DATA_RULES, message, list(map(_uri, files or [Path(verdict.data)])))


def _log(
    verdict: Verdict | DataVerdict,
    rules: Mapping[Any, tuple[str, Level, str]],
    message: str,
    uris: Sequence[str],
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
        "properties": verdict.model_dump(mode="json", exclude_none=True),
    }
    checked = verdict.conclusion != "not checked"
    notices = [_notice("note" if checked else "error", note) for note in verdict.notes]
    notices += [
        _notice("note", f"not looked at: {one.what} ({one.why})") for one in verdict.coverage
    ]
    run = {
        "tool": {
            "driver": {
                "name": "badnets",
                "version": __version__,
                "rules": [_rule(*rule) for rule in rules.values()],
            }
        },
        "invocations": [
            {
                "executionSuccessful": checked,
                "exitCode": verdict.exit_code,
                "toolExecutionNotifications": notices,
            }
        ],
        "artifacts": [{"location": {"uri": uri}} for uri in uris],
        "results": [result],
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
