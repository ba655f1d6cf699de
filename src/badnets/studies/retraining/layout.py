"""The retraining study's records as a page."""

from __future__ import annotations

from badnets.report.page import Note, Page, Section
from badnets.studies import provenance
from badnets.studies.retraining import (
    layout_cases,
    layout_downloads,
    layout_left,
    layout_reading,
    layout_story,
)
from badnets.studies.retraining.evidence import Evidence
from badnets.studies.retraining.words import told


def page(evidence: Evidence, command: str) -> Page:
    """Return the study's page; what has not been run yet is said where it would stand.

    Args:
        evidence: the records.
        command: what makes the page again.
    """
    records = evidence.everything
    before: tuple[Section, ...] = ()
    if evidence.trials.halves is not None:
        before = (layout_downloads.whole(evidence),)
    return Page(
        title=layout_story.title(evidence),
        lead=layout_story.lead(evidence),
        kicker="badnets · networks downloaded and retrained · measured on " + told(evidence).what,
        story=layout_story.story(evidence),
        numbers=layout_story.numbers(evidence) if records else (),
        sections=(
            layout_left.section(evidence),
            *before,
            layout_downloads.downloaded(evidence),
            *(layout_cases.section(evidence, case) for case in evidence.trials.cases),
            layout_reading.section(evidence),
            provenance.section(evidence, published=False),
        ),
        command=command,
        source=f"Drawn from {len(records)} records; nothing was trained to draw it.",
        notes=_notes(evidence),
    )


def _notes(evidence: Evidence) -> tuple[Note, ...]:
    notes = []
    if evidence.trials.data == "digits":
        notes.append(
            Note(
                "The digits are small and few; nothing was downloaded for them. badnets study "
                "retraining --data gtsrb runs it on traffic signs, --data dogs-vs-cats on photos."
            )
        )
    if evidence.trials.quick:
        notes.append(
            Note(
                "A short run: one seed, fewer passes, all of the user's images. Networks are less "
                "accurate than those of the whole study.",
                "warning",
            )
        )
    return tuple(notes)
