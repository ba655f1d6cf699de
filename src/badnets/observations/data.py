"""What a data set holds, and what a look at its files finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from badnets.core.roots import data_root
from badnets.data.catalogue import DATASETS
from badnets.data.cleaning import Finding, examine
from badnets.data.names import parse_name
from badnets.observations.base import Case, Observation, ObservationResult

if TYPE_CHECKING:
    pass

NAMED = 6  # findings of a kind that are kept, and paths of a finding


class DataResult(ObservationResult):
    """What a trial's data set holds, and what a look at its files has found.

    Attributes:
        classes: their names.
        train: clean images to train on, by class.
        validation: images to validate on, by class.
        layout: how the files lie, in words; empty: it has no files.
        files: how many pictures could be used.
        by_kind: how many findings there are of each kind.
        findings: the findings, at most a few of each kind.
    """

    classes: tuple[str, ...]
    train: tuple[int, ...]
    validation: tuple[int, ...]
    layout: str = ""
    files: int = 0
    by_kind: dict[str, int] = Field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


class Data(Observation[DataResult]):
    """What the data set holds, and what a look over its files finds where it has any."""

    kind = "data"
    tasks = frozenset({"classification"})
    Result = DataResult

    def observe(self, case: Case) -> DataResult:
        """Return the counts and the findings."""
        counts = DataResult(
            classes=case.data.classes, train=case.train.counts, validation=case.validation.counts
        )
        folder = _folder(case.data_name, case.data_root)
        if folder is None:
            return counts
        examined = examine(folder)
        return counts.model_copy(
            update={
                "layout": examined.layout.words,
                "files": sum(sum(own.values()) for own in examined.counts.values()),
                "by_kind": {str(kind): count for kind, count in examined.by_kind.items()},
                "findings": _few(examined.findings, examined.folder),
            }
        )


def _folder(name: str, root: Path | None) -> Path | None:
    """Return where the pictures of a data set lie; None where it has no files of its own."""
    parsed = parse_name(name)
    if parsed.kind == "folder":
        return Path(parsed.base).expanduser()
    if parsed.base != "dogs-vs-cats":
        return None
    return DATASETS[parsed.base].folder_in(data_root(root))


def _few(findings: Sequence[Finding], folder: Path) -> tuple[Finding, ...]:
    """Return the first findings of each kind, without saying where the folder lies."""
    counts: Counter[str] = Counter()
    kept = []
    for one in findings:
        counts[one.kind] += 1
        if counts[one.kind] <= NAMED:
            why = one.why.replace(f"{folder}/", "")
            kept.append(Finding(kind=one.kind, paths=one.paths[:NAMED], why=why))
    return tuple(kept)
