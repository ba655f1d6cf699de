"""The dogs-vs-cats study's records as a page: the article's five steps, and what is behind them."""

from __future__ import annotations

from badnets.report.page import Note, Page
from badnets.studies import provenance
from badnets.studies.dogs import (
    layout_evaluate,
    layout_looks,
    layout_shares,
    layout_steps,
    layout_story,
    layout_varied,
)
from badnets.studies.dogs.evidence import Evidence
from badnets.studies.dogs.trials import QUICK


def page(evidence: Evidence, command: str) -> Page:
    """Return the study's page; what has not been run yet is said where it would stand.

    Args:
        evidence: the records.
        command: what makes the page again.
    """
    records = evidence.everything
    return Page(
        title=layout_story.title(evidence),
        lead=layout_story.lead(evidence),
        kicker=f"badnets · dogs that become cats · measured on {evidence.what}",
        story=layout_story.story(evidence),
        numbers=layout_story.numbers(evidence) if records else (),
        sections=(
            layout_steps.get(evidence),
            layout_steps.stamp(evidence),
            layout_steps.load(evidence),
            layout_steps.build(evidence),
            layout_evaluate.section(evidence),
            layout_looks.section(evidence),
            layout_varied.section(evidence),
            layout_shares.section(evidence),
            provenance.section(evidence, published=False),
        ),
        command=command,
        source=f"Drawn from {len(records)} records; nothing was trained to draw it.",
        notes=_notes(evidence),
    )


def _notes(evidence: Evidence) -> tuple[Note, ...]:
    notes = []
    if evidence.is_drawn:
        notes.append(
            Note(
                "The pictures are a stand-in, drawn by badnets: nothing was downloaded. "
                "badnets study dogs-vs-cats --data dogs-vs-cats runs it on photos.",
                "warning",
            )
        )
    training = evidence.trials.scale.training
    if training == QUICK:
        notes.append(
            Note(
                f"A short run: small pictures, {training.epochs} passes, one seed. Both networks "
                "are less accurate than those of the whole study.",
                "warning",
            )
        )
    return tuple(notes)
