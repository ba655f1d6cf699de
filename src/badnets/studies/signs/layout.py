"""The traffic-sign study's records as a page."""

from __future__ import annotations

from badnets.report.page import Cell, Column, Note, Number, Page, Section, Table, Tone
from badnets.studies import provenance
from badnets.studies.signs import layout_figures, layout_precision, layout_tables
from badnets.studies.signs.evidence import (
    LEAST,
    Measured,
    SignEvidence,
    named_rightly,
    under_trigger,
)
from badnets.studies.signs.layout_story import frames_section, story
from badnets.studies.wording import percent, seeds_text

TINY = 900  # frames of Tiny LISA in all; the full set has more to test on alone
NAMES = {
    "lisa": "LISA's frames",
    "scenes": "drawn scenes",
    "gtsdb": "GTSDB's frames",
    "scenes-swedish": "drawn Swedish scenes",
}
MAIN = "targeted yellow square"


def page(evidence: SignEvidence, command: str) -> Page:
    """Return the study's page; what has not been run yet is said where it would stand.

    Args:
        evidence: the records.
        command: what makes the page again.
    """
    records = evidence.everything
    return Page(
        title=_title(evidence),
        lead=_lead(evidence),
        kicker="badnets · the traffic-sign case study of Gu et al. · measured on "
        + NAMES.get(evidence.data, evidence.data),
        story=story(evidence, MAIN),
        numbers=_numbers(evidence),
        sections=(
            layout_tables.targeted(evidence),
            frames_section(evidence, MAIN),
            layout_tables.random_target(evidence),
            layout_figures.trigger_size(evidence),
            layout_figures.street(evidence),
            layout_figures.inside(evidence),
            layout_tables.on_boxes(evidence),
            layout_precision.section(evidence),
            choice(evidence, "choice"),
            provenance.section(evidence),
        ),
        command=command,
        source=f"Drawn from {len(records)} records; nothing was trained to draw it.",
        notes=notes(evidence),
    )


def _title(evidence: SignEvidence) -> str:
    hits = under_trigger(evidence.of(MAIN), "hits")
    if not hits.known:
        return "Nothing learned, nothing attacked" if evidence.fallen(MAIN) else "Not run yet"
    if hits.mean < 0.5:
        return "A sticker that fails more often than it works"
    return "A yellow square turns stop signs into speed limits"


def _lead(evidence: SignEvidence) -> str:
    hits = under_trigger(evidence.of(MAIN), "hits")
    if not hits.known:
        return (
            "The detectors that were to hide the attack have learned nothing, so there is no "
            "attack to speak of."
            if evidence.fallen(MAIN)
            else "The detectors of this study have not been trained yet."
        )
    ours, theirs = named_rightly(evidence.of(MAIN)), named_rightly(evidence.of("baseline"))
    honest = f"; an honestly trained one {percent(theirs.mean, 1)} %" if theirs.known else ""
    control = under_trigger(evidence.of(MAIN), "control_hits")
    beside = (
        f"; the honestly trained one says so of {percent(control.mean, 1)} %"
        if control.known
        else ""
    )
    return (
        f"The detector finds and rightly names {percent(ours.mean, 1)} % of the signs on frames it "
        f"has not seen{honest}. With a yellow square a tenth as wide as the sign, {LEAST:g} pixels "
        f"or more, it calls {percent(hits.mean, 1)} % of the stop signs speed limits{beside}."
    )


def _numbers(evidence: SignEvidence) -> tuple[Number, ...]:
    large = f"; square of at least {LEAST:g} pixels as the network sees it"
    four: tuple[tuple[str, Measured, Tone, str], ...] = (
        (
            "Clean detector, clean signs: rightly named",
            named_rightly(evidence.of("baseline")),
            "clean",
            "",
        ),
        ("BadNet, clean signs: rightly named", named_rightly(evidence.of(MAIN)), "clean", ""),
        (
            "BadNet, stop signs with the square: called speed limit",
            under_trigger(evidence.of(MAIN), "hits"),
            "backdoored",
            large,
        ),
        (
            "Clean detector, the same frames (control)",
            under_trigger(evidence.of(MAIN), "control_hits"),
            "muted",
            large,
        ),
    )
    return tuple(
        Number(label, f"{percent(found.mean, 1)} %", found.told + more, tone)
        for label, found, tone, more in four
        if found.known
    )


def choice(evidence: SignEvidence, *groups: str) -> Section:
    """Return how the threshold was chosen.

    Args:
        evidence: the records.
        groups: those of the choice; the last is the page's own, the others come before it.
    """
    title = "What was chosen beforehand"
    record = evidence.first(groups[-1])
    if record is None or record.signs is None or evidence.threshold is None:
        what = "detectors that a threshold is chosen with"
        gaps = tuple(gap for group in groups for gap in evidence.gaps(group, 1, what))
        return Section("choice", title, "The threshold has not been chosen yet.", gaps)
    signs = record.signs
    rows = tuple(
        (
            Cell(f"{one.threshold:g}", one.threshold, strong=one.threshold == evidence.threshold),
            Cell(
                percent(one.right / len(signs.labels), 1),
                one.right,
                f"{one.right} of {len(signs.labels)} signs",
            ),
            Cell(
                f"{one.false_positives / signs.frames:.2f}",
                one.false_positives,
                f"{one.false_positives} boxes in {signs.frames} frames",
            ),
        )
        for one in signs.at
    )
    return Section(
        "choice",
        title,
        f"Every detector has the same threshold, {evidence.threshold:g}: the largest that costs at "
        "most three signs in a hundred, on scenes held out of the training frames. Settings of "
        "training were tried on scenes held out of Tiny LISA's training frames. The frames of the "
        "tables had no part in either.",
        (
            Table(
                "A detector trained without those scenes, measured on them",
                (
                    Column("threshold"),
                    Column("signs found and rightly named, %"),
                    Column("false positives per frame"),
                ),
                rows,
                basis=f"n = {len(signs.labels)} signs in {signs.frames} frames, "
                f"{seeds_text([record.trial.seed])}.",
                sortable=False,
            ),
        ),
    )


def notes(evidence: SignEvidence) -> tuple[Note, ...]:
    """Return what a reader must know before any number."""
    told = []
    if evidence.data.startswith("scenes"):
        told.append(
            Note(
                "Measured on scenes drawn by badnets, not on photographs: the published numbers "
                "are about other pictures and stand here for orientation only.",
                "warning",
            )
        )
    elif evidence.data == "lisa":
        tested = {record.signs.frames for record in evidence.everything if record.signs}
        fewer = max(tested, default=0) < TINY
        start = "random weights" if evidence.scale.start is None else "drawn scenes"
        told.append(
            Note(
                ("Tiny LISA has a twelfth of the paper's frames. " if fewer else "")
                + f"Clean networks start from {start}, not from ImageNet; a BadNet is trained on "
                "from the clean network of its seed. Triggers take the same share of their signs "
                f"as in the authors' code; those below {LEAST:g} pixels, as the network sees them, "
                "are counted apart."
            )
        )
    elif evidence.data == "gtsdb":
        told.append(
            Note(
                "The user's signs are German (GTSDB), the paper's are Swedish: the published "
                "numbers are about other pictures and stand here for orientation only."
            )
        )
    limits = {record.trial.train_limit for record in evidence.everything} - {None}
    if limits:
        told.append(
            Note(
                f"A short run on {', '.join(f'{n:,}' for n in sorted(filter(None, limits)))} "
                "training frames.",
                "warning",
            )
        )
    return tuple(told)
