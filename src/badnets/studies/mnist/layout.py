"""The MNIST case study's records as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from badnets.report.page import Note, Page
from badnets.studies import provenance
from badnets.studies.catalogue import GetArray
from badnets.studies.mnist import (
    layout_all_to_all,
    layout_baseline,
    layout_choices,
    layout_shares,
    layout_single_target,
    layout_story,
    layout_units,
    layout_user,
)
from badnets.studies.mnist.layout_evidence import CLASSES, Evidence
from badnets.studies.mnist.trials import Scale
from badnets.trials.record import Record

PARTS = (
    layout_baseline,
    layout_single_target,
    layout_all_to_all,
    layout_shares,
    layout_units,
    layout_user,
    layout_choices,
    provenance,
)


def page(
    groups: Mapping[str, Sequence[Record]],
    shares: Mapping[str, float],
    scale: Scale,
    get_array: GetArray,
    command: str,
    *,
    classes: Sequence[str] | None = None,
) -> Page:
    """Return the study's page; what has not been run yet is said where it would stand.

    Args:
        groups: records by group, as `MnistTrials.measuring` and `MnistTrials.choosing` name them;
            groups may be missing or incomplete.
        shares: poisoned shares chosen for the all-to-all attack, by trigger.
        scale: how much the study runs.
        get_array: reads a recorded array.
        command: what makes the page again.
        classes: names of the ten classes; the digits unless given.
    """
    names = tuple(classes) if classes is not None else tuple(map(str, range(CLASSES)))
    evidence = Evidence(groups, get_array, shares, scale, names)
    records = evidence.everything
    return Page(
        title=layout_story.title(evidence),
        lead=layout_story.lead(evidence),
        kicker=f"badnets · the MNIST case study of Gu et al. · measured on {_name(evidence)}",
        story=layout_story.story(evidence),
        numbers=layout_story.numbers(evidence) if records else (),
        sections=tuple(part.section(evidence) for part in PARTS),
        command=command,
        source=f"Drawn from {len(records)} records; nothing was trained to draw it.",
        notes=_notes(evidence),
    )


def _name(evidence: Evidence) -> str:
    known = {"mnist": "MNIST", "digits": "scikit-learn's handwritten digits", "?": "nothing yet"}
    return known.get(evidence.data, evidence.data)


def _notes(evidence: Evidence) -> tuple[Note, ...]:
    notes = []
    if evidence.data not in ("mnist", "?"):
        notes.append(
            Note(
                f"Measured on {_name(evidence)}, not on MNIST: the published numbers are about "
                "other images and stand here for orientation only.",
                "warning",
            )
        )
    limits = {record.trial.train_limit for record in evidence.everything} - {None}
    if limits:
        notes.append(
            Note(
                f"A short run on {', '.join(f'{n:,}' for n in sorted(filter(None, limits)))} "
                "training images: the published numbers come from all 60,000.",
                "warning",
            )
        )
    return tuple(notes)
