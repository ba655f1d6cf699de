"""An audit as a page: what was found, what it rests on, and what was not looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from badnets.audit.auditing import Audited
from badnets.audit.base import AUDITS
from badnets.audit.calibration import MARGIN
from badnets.audit.combining import ERROR
from badnets.audit.recovery import Recovered
from badnets.core.results import Measured
from badnets.core.standings import Standings, standings
from badnets.report.audit_figures import Strip, class_table, strips
from badnets.report.page import (
    Cell,
    Column,
    Figure,
    Gallery,
    Note,
    Number,
    Page,
    Picture,
    Section,
    Story,
    StoryRow,
    Table,
    Tone,
)
from badnets.report.pictures import answers_row, brightest, eight_bit, heat_png, marks, png

PICTURES = 8  # that are shown without a trigger
BULK = 0.9  # of a trigger's change
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
    compared = standings(_compared(audited), audited.ruling.nulls) if audited.ruling.nulls else None
    likely = verdict.conclusion == "backdoor likely"
    targets = f"target {verdict.suspected}"
    if len(verdict.targets) > 1:
        targets = f"{len(verdict.targets)} targets, by source class"
    if verdict.suspected_source:
        targets = f"{targets}, from images of {verdict.suspected_source}"
    title = f"A backdoor is likely, with {targets}" if likely else ""
    sections = [
        *([] if found is None else [_trigger(found, audited)]),
        _methods(audited),
        *([] if compared is None else [_among(audited, compared)]),
        *_by_class(audited, compared),
        _coverage(audited),
        _basis(audited),
    ]
    return Page(
        title=title or TITLES[verdict.conclusion],
        lead=_lead(audited),
        story=_story(audited),
        numbers=tuple(_numbers(audited)),
        sections=tuple(sections),
        command=command,
        kicker=f"badnets · audit of {model}"
        + (f" · beside {verdict.compared_with}" if verdict.compared_with else ""),
        source=f"Looked at in {verdict.seconds:.1f} s; the model was not changed.",
        notes=tuple(
            Note(f"{note[0].upper()}{note[1:]}.", "plain" if likely else "warning")
            for note in verdict.notes
            if not _unfit(audited)
        ),
    )


def _compared(audited: Audited) -> dict[str, Any]:
    return {null.method: audited.ruling.tables[null.method] for null in audited.ruling.nulls}


def _unfit(audited: Audited) -> bool:
    """Return whether there are clean models, and no verdict for all that."""
    return audited.verdict.conclusion == "not checked" and bool(audited.ruling.nulls)


def _tone(audited: Audited) -> Tone:
    return "backdoored" if audited.verdict.conclusion == "backdoor likely" else "plain"


def _lead(audited: Audited) -> str:
    verdict, found = audited.verdict, audited.recovered
    if _unfit(audited):
        return f"{UNFIT} {'; '.join(verdict.notes)}."
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
        return Story(
            (
                StoryRow(
                    "What the user sees",
                    "Clean images that the model names right.",
                    answers_row(before, said[0], labels, subject.classes),
                    "clean",
                ),
                StoryRow(
                    "The same with the recovered trigger",
                    f"Blue: still its own class. Orange: {target}, the suspected target.",
                    answers_row(
                        after, said[1], labels, subject.classes, wanted, marks(before, after)
                    ),
                    "backdoored",
                ),
            ),
            "None of these images was used to find the trigger.",
        )
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
    seen: dict[int, int] = {}
    turns = []
    for row, label in enumerate(labels):
        turns.append((seen.get(label, 0), label, row))
        seen[label] = seen.get(label, 0) + 1
    return [row for _, _, row in sorted(turns)[:PICTURES]]


def _answers(subject: Any, images: Any) -> NDArray[np.float64]:
    return np.asarray(subject.probabilities(images).cpu().numpy(), dtype=np.float64)


def _numbers(audited: Audited) -> Iterator[Number]:
    verdict = audited.verdict
    if verdict.p_value is not None and verdict.rank:
        _, _, words = verdict.rank.partition(": ")
        yield Number("p-value", f"{verdict.p_value:.3f}", words, _tone(audited))
    _, _, vouched = (verdict.asked or "").partition("; ")
    if vouched:
        most = f"{100 * verdict.max_fpr:g} %"
        yield Number(
            "Clean models called backdoored, at most", most, f"asked for; {vouched}", "clean"
        )
    target = verdict.suspected or "the target"
    for rate, label, tone in (
        (verdict.effect, f"Other images called {target}, with the recovered trigger", "backdoored"),
        (verdict.before, "The same images without it", "muted"),
    ):
        if rate is not None:
            yield Number(label, f"{100 * rate.value:.1f} %", _counts(rate), tone)  # type: ignore[arg-type]
    error = audited.found.quantities.get(ERROR)
    if verdict.effect is None and error is not None:
        yield Number("Clean images named right", f"{100 * (1 - error):.1f} %", _accuracies(audited))


def _counts(rate: Measured) -> str:
    low, high = 100 * rate.low, 100 * rate.high
    return f"{rate.hits} of {rate.total}; 95 % interval {low:.1f} to {high:.1f} %"


def _range(audited: Audited, name: str) -> str:
    known = audited.ruling.nulls[0].quantities.get(name) if audited.ruling.nulls else None
    return f"{min(known):.3f} to {max(known):.3f}" if known else "not compared"


def _accuracies(audited: Audited) -> str:
    known = audited.ruling.nulls[0].quantities.get("clean error") if audited.ruling.nulls else None
    if not known:
        return "not compared with clean models"
    return f"clean models: {100 * (1 - max(known)):.1f} to {100 * (1 - min(known)):.1f} %"


def _trigger(found: Recovered, audited: Audited) -> Section:
    target = audited.subject.classes[found.target]
    keep, add = found.keep.numpy(), found.add.numpy()
    levels = {
        name: (level, np.clip(keep * level + add, 0, 1))
        for name, level in (("black", 0.0), ("grey", 0.5), ("white", 1.0))
    }
    strength = np.mean([np.abs(one - level).mean(0) for level, one in levels.values()], 0)
    ranked = np.sort(strength.ravel())[::-1].cumsum()
    few = int((ranked < BULK * ranked[-1]).sum()) + 1
    grounds = [
        Picture(png((levels[name][1] * 255).round().astype(np.uint8)), f"the trigger on {name}", ())
        for name in ("black", "grey")
    ]
    black = np.zeros((1, *strength.shape), dtype=np.uint8)
    heat = heat_png(black, strength, brightest([strength]))
    row = StoryRow(
        f"Recovered by {found.family}",
        "On black and on grey; at the right, where it changes an image most.",
        (*grounds, Picture(heat, "where the trigger changes an image most", ())),
    )
    return Section(
        "trigger",
        "The recovered trigger",
        f"It turns {found.effect} of other images into {target}; without it {found.before} are "
        f"called so. {100 * BULK:.0f} % of what it changes lies on {few} of {strength.size} pixels "
        f"({100 * few / strength.size:.1f} %).",
        (
            Story((row,), "It was sought on clean images of all other classes, and need not look "
                  "like the trigger that an attacker used."),
        ),
    )  # fmt: skip


def _methods(audited: Audited) -> Section:
    verdict = audited.verdict
    rows = [
        (
            Cell(one.method),
            _number(one.score, 1),
            _number(one.p_value, 3),
            Cell(one.points_at or "-"),
            _number(one.seconds, 1),
        )
        for one in verdict.scores
    ]
    columns = (
        Column("method", numeric=False),
        Column("score", tone=_tone(audited)),
        Column("p-value alone"),
        Column("highest for", numeric=False),
        Column("seconds"),
    )
    text = "No method could look." if not rows else "A score needs three classes or more."
    if verdict.scale:
        text = f"Scores say {verdict.scale}."
    if audited.ruling.nulls:
        text += f" The verdict rests on {', '.join(_compared(audited))} together."
    block = Table("What each method found", columns, tuple(rows))
    return Section("methods", "What looked, and what it found", text, (block,) if rows else ())


def _number(value: float | None, digits: int) -> Cell:
    return Cell("-") if value is None else Cell(f"{value:.{digits}f}", value)


def _among(audited: Audited, compared: Standings) -> Section:
    verdict = audited.verdict
    rows = {"all together": compared.scores, **compared.methods}
    drawn = [Strip(name, scores[:-1], scores[-1]) for name, scores in rows.items()]
    *clean, own = compared.scores
    figure = Figure(
        "among",
        "Scores of this model and of the clean ones",
        "Each model is scored against all the others by the same function. The verdict rests on "
        "the first line alone.",
        strips(
            drawn, tone=_tone(audited), x_title="score, deviations of clean models", salt="among"
        ),
        f"This model scores {own:.1f}, clean models {min(clean):.1f} to {max(clean):.1f}.",
        table=Table(
            "Scores",
            (
                Column("", numeric=False),
                Column("this model"),
                Column("highest clean"),
                Column("median clean"),
            ),
            tuple(
                (
                    Cell(one.name),
                    _number(one.suspect, 2),
                    _number(max(one.clean), 2),
                    _number(float(np.median(one.clean)), 2),
                )
                for one in drawn
            ),
        ),
    )
    above = sum(score >= own for score in clean)
    sentence = (
        f"None of the {len(clean)} clean models scores as high."
        if not above
        else f"{above} of the {len(clean)} clean models score as high."
    )
    if verdict.conclusion == "not checked":
        sentence += " That says nothing here: " + "; ".join(verdict.notes) + "."
    return Section("among", "Among clean models", sentence, (figure,))


def _by_class(audited: Audited, compared: Standings | None) -> Iterator[Section]:
    figures = []
    for one in audited.verdict.scores:
        if one.method not in audited.found.tables:
            continue
        calibrated = compared is not None and one.method in compared.cells
        table = (
            compared.cells[one.method]
            if compared is not None and calibrated
            else audited.found.tables[one.method]
        )
        rows, what = len(table), "class as the target"
        if rows == audited.subject.num_classes:
            what = "pair of a source and a target"
        elif rows == 2:
            what += ", of all sources together or of the most promising one: the higher"
            table = (tuple(map(_higher, *table)),)
        elif rows > 1:
            continue  # several indicators of a class: its score says enough
        unit = (
            "in deviations of the clean models" if calibrated else "raw, not compared with anything"
        )
        looks = f"Looks for {AUDITS[one.method].covers}. " if one.method in AUDITS else ""
        drawn = class_table(
            table,
            audited.subject.classes,
            pointed_at=one.targets if (one.p_value or 0) <= audited.verdict.max_fpr else (),
            calibrated=calibrated,
            salt=f"table-{one.method}",
        )
        figures.append(
            Figure(
                f"table-{one.method}",
                one.method,
                f"{looks}A number for each {what}, {unit}.",
                drawn,
                f"{one.method}: highest for {one.points_at or 'no class'}.",
            )
        )
    if figures:
        yield Section(
            "classes",
            "By class",
            "A backdoor with one target stands out as a column; one from a single source class as "
            "a single cell; one with a target for each source as a cell in each row.",
            (Gallery(tuple(figures)),),
        )


def _higher(*cells: float | None) -> float | None:
    return max((cell for cell in cells if cell is not None), default=None)


def _coverage(audited: Audited) -> Section:
    rows = tuple((Cell(one.what), Cell(one.why)) for one in audited.verdict.coverage)
    table = Table(
        "Not looked at",
        (Column("what", numeric=False), Column("why", numeric=False)),
        rows,
        sortable=False,
    )
    said = f"{NO_PROOF} A backdoor that hides from every method here is not found."
    if audited.verdict.conclusion == "backdoor likely":
        said = (
            "What is suspected may be a natural shortcut, and there may be another backdoor beside "
            "it that hides from every method here."
        )
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
        facts[name] = f"{value:.3f}; clean models: {_range(audited, name)}"
    table = Table(
        "The facts",
        (Column("", numeric=False), Column("", numeric=False)),
        tuple((Cell(name), Cell(value)) for name, value in facts.items() if value),
        sortable=False,
    )
    sentence = (
        "The model is put among the clean ones; the p-value is the share of them all, itself among "
        "them, that score as high. If it were one of their kind, a p-value of at most "
        f"{100 * verdict.max_fpr:g} % would come up in at most that share of cases."
        if audited.ruling.nulls
        else "A verdict rests on clean models of the same kind: how often they look as suspicious. "
        "Here there are none."
    )
    return Section("basis", "What the verdict rests on", sentence, (table,))
