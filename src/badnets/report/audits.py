"""An audit as a page: what was found, what it rests on, and what was not looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from badnets.audit.auditing import Audited
from badnets.audit.calibration import MARGIN
from badnets.audit.combining import ERROR
from badnets.audit.files import in_words
from badnets.core.standings import standings
from badnets.hub.linting.findings import LintReport
from badnets.report.audit_sections import (
    among_section,
    class_sections,
    methods_section,
    trigger_section,
)
from badnets.report.page import (
    Cell,
    Column,
    Note,
    Number,
    Page,
    Section,
    Story,
    StoryRow,
    Table,
    Tone,
)
from badnets.report.pictures import answers_row, eight_bit, marks
from badnets.report.rates import rate_number

PICTURES = 8  # that are shown without a trigger
TITLES = {
    "nothing found": "Nothing was found by what was looked at",
    "not checked": "Not checked: there is no verdict",
}
NO_PROOF = "That nothing is found is no proof that there is nothing."
UNCALIBRATED = (
    "Nothing vouches for a false-positive rate here: numbers below are the methods' own, and clean "
    "models have high ones too."
)

UNFIT = "It was compared with clean models, but the comparison cannot carry a verdict:"


def audit_page(audited: Audited, model: str, command: str) -> Page:
    """Return the page of an audit.

    Args:
        audited: the verdict, with what it rests on.
        model: what the model is called.
        command: what makes the page again.
    """
    verdict, found = audited.verdict, audited.recovered
    nulls, compared = audited.ruling.nulls, None
    if nulls:
        compared = standings(
            {one.method: audited.ruling.tables[one.method] for one in nulls}, nulls
        )
    likely = verdict.conclusion == "backdoor likely"
    tone: Tone = "backdoored" if likely else "plain"
    unfit = verdict.conclusion == "not checked" and compared is not None
    targets = f"target {verdict.suspected}"
    if len(verdict.targets) > 1:
        targets = f"{len(verdict.targets)} targets, by source class"
    if verdict.suspected_source:
        targets = f"{targets}, from images of {verdict.suspected_source}"
    title = f"A backdoor is likely, with {targets}" if likely else ""
    sections = [
        *([] if found is None else [trigger_section(found, audited.subject.classes[found.target])]),
        methods_section(audited, tone),
        *([] if compared is None else [among_section(audited, compared, tone)]),
        *class_sections(audited, compared),
        _coverage(audited),
        _basis(audited),
        *([] if audited.linted is None else [_files(audited.linted)]),
    ]
    return Page(
        title=title or TITLES[verdict.conclusion],
        lead=f"{UNFIT} {'; '.join(verdict.notes)}." if unfit else _lead(audited),
        story=_story(audited),
        numbers=tuple(_numbers(audited, tone)),
        sections=tuple(sections),
        command=command,
        kicker=f"badnets · audit of {model}"
        + (f" · beside {verdict.compared_with}" if verdict.compared_with else ""),
        source=f"Looked at in {verdict.seconds:.1f} s; the model was not changed.",
        notes=tuple(
            Note(f"{note[0].upper()}{note[1:]}.", "plain" if likely else "warning")
            for note in (() if unfit else verdict.notes)
        ),
    )


def _lead(audited: Audited) -> str:
    verdict, found = audited.verdict, audited.recovered
    if verdict.conclusion == "not checked":
        return UNCALIBRATED
    _, _, words = (verdict.rank or "").partition(": ")
    said = f"{words[:1].upper()}{words[1:]} (p = {verdict.p_value:.3f})."
    if verdict.conclusion == "nothing found":
        return f"{said} {NO_PROOF}"
    if found is None or verdict.effect is None:
        return said
    return (
        f"{said} A trigger was recovered that turns {verdict.effect.hits} of "
        f"{verdict.effect.total} other images into {audited.subject.classes[found.target]}."
    )


def _story(audited: Audited) -> Story | None:
    found, clean, subject = audited.recovered, audited.clean, audited.subject
    if found is not None:
        before, after = eight_bit(found.images), eight_bit(found.triggered)
        said = [_answers(subject, images) for images in (found.images, found.triggered)]
        labels = said[0].argmax(1)
        target, wanted = subject.classes[found.target], np.full(len(labels), found.target)
        framed = marks(before, after)
        seen = StoryRow(
            "What the user sees",
            "Clean images that the model names right.",
            answers_row(before, said[0], labels, subject.classes),
            "clean",
        )
        triggered = StoryRow(
            "The same with the recovered trigger",
            f"Blue: still its own class. Orange: {target}, the suspected target.",
            answers_row(after, said[1], labels, subject.classes, wanted, framed),
            "backdoored",
        )
        return Story((seen, triggered), "None of these images was used to find the trigger.")
    if clean is None or not len(clean):
        return None
    first = _of_each_class(clean.labels.tolist())
    images, labels = clean.images[first], clean.labels[first].numpy()
    known = audited.found.quantities
    unnamed = (
        "; no label says whether it is right" if MARGIN in known and ERROR not in known else ""
    )
    row = StoryRow(
        "What the user sees",
        f"The first clean images of each class, and what the model says of them{unnamed}. No "
        "trigger is shown: none was recovered.",
        answers_row(eight_bit(images), _answers(subject, images), labels, subject.classes),
        "clean",
    )
    return Story((row,))


def _of_each_class(labels: list[int]) -> list[int]:
    """Return rows of images: the first of each class, then the second, as many as are shown."""
    turns = Counter[int]()
    order = []
    for row, label in enumerate(labels):
        order.append((turns[label], label, row))
        turns[label] += 1
    return [row for *_, row in sorted(order)[:PICTURES]]


def _answers(subject: Any, images: Any) -> NDArray[np.float64]:
    return np.asarray(subject.probabilities(images).cpu().numpy(), dtype=np.float64)


def _numbers(audited: Audited, tone: Tone) -> Iterator[Number]:
    verdict = audited.verdict
    if verdict.p_value is not None and verdict.rank:
        _, _, words = verdict.rank.partition(": ")
        yield Number("p-value", f"{verdict.p_value:.3f}", words, tone)
    _, _, vouched = (verdict.asked or "").partition("; ")
    if vouched:
        most = f"{100 * verdict.max_fpr:g} %"
        yield Number(
            "Clean models called backdoored, at most", most, f"asked for; {vouched}", "clean"
        )
    if verdict.effect is not None:
        target = verdict.suspected or "the target"
        label = f"Other images called {target}, with the recovered trigger"
        yield rate_number(label, verdict.effect, "backdoored")
    if verdict.before is not None:
        yield rate_number("The same images without it", verdict.before, "muted")
    error = audited.found.quantities.get(ERROR)
    if verdict.effect is None and error is not None:
        known, said = _known(audited, ERROR), "not compared with clean models"
        if known:
            said = f"clean models: {100 * (1 - max(known)):.1f} to {100 * (1 - min(known)):.1f} %"
        yield Number("Clean images named right", f"{100 * (1 - error):.1f} %", said)


def _known(audited: Audited, quantity: str) -> tuple[float, ...]:
    """Return a quantity of the clean models."""
    nulls = audited.ruling.nulls
    return nulls[0].quantities.get(quantity, ()) if nulls else ()


def _coverage(audited: Audited) -> Section:
    rows = tuple((Cell(one.what), Cell(one.why)) for one in audited.verdict.coverage)
    columns = (Column("what", numeric=False), Column("why", numeric=False))
    said = f"{NO_PROOF} A backdoor that hides from every method here is not found."
    if audited.verdict.conclusion == "backdoor likely":
        said = (
            "What is suspected may be a natural shortcut, and there may be another backdoor beside "
            "it that hides from every method here."
        )
    table = Table("Not looked at", columns, rows, sortable=False)
    return Section("coverage", "What was not looked at", said, (table,))


def _basis(audited: Audited) -> Section:
    verdict = audited.verdict
    facts: dict[str, str] = {
        "conclusion": verdict.conclusion,
        "p-value": verdict.rank or "none: there is nothing to compare with",
        "asked for": verdict.asked or "",
        "compared with": verdict.compared_with or "nothing",
        "kind of null": verdict.null or "none",
        "digests of the null": ", ".join(one[:12] for one in verdict.null_digests) or "-",
        "model": f"{audited.subject.architecture}, {audited.subject.num_classes} classes",
        "clean images": "none" if audited.clean is None else str(len(audited.clean)),
    }
    for name, value in audited.found.quantities.items():
        known = _known(audited, name)
        ends = f"{min(known):.3f} to {max(known):.3f}" if known else "not compared"
        facts[name] = f"{value:.3f}; clean models: {ends}"
    rows = tuple((Cell(name), Cell(value)) for name, value in facts.items() if value)
    table = Table("The facts", (Column("", numeric=False),) * 2, rows, sortable=False)
    sentence = (
        "The model is put among the clean ones; the p-value is the share of them all, itself among "
        "them, that score as high. If it were one of their kind, a p-value of at most "
        f"{100 * verdict.max_fpr:g} % would come up in at most that share of cases."
        if audited.ruling.nulls
        else "A verdict rests on clean models of the same kind: how often they look as suspicious. "
        "Here there are none."
    )
    return Section("basis", "What the verdict rests on", sentence, (table,))


def _files(linted: LintReport) -> Section:
    rows = tuple(
        tuple(Cell(one) for one in (row.severity, row.rule, row.places, row.evidence))
        for row in linted.rows
    )
    names = ("severity", "rule", "where", "what was seen")
    table = Table("Errors and warnings", tuple(Column(one, numeric=False) for one in names), rows)
    said = (
        f"`badnets lint` looked at the files before they were read: {in_words(linted)}. The "
        "conclusion does not rest on it."
    )
    return Section("files", "What lint says of the files", said, (table,) if rows else ())
