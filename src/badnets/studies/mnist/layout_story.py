"""The opening: the same images without and with the trigger, and the four numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from badnets.report.page import Answer, Number, Picture, Story, StoryRow, Tone
from badnets.report.pictures import changed_part, png
from badnets.studies.mnist.layout_evidence import (
    TRIGGER_NAMES,
    Evidence,
    clean_error,
    control,
    success,
)
from badnets.studies.wording import (
    DASH,
    OverSeeds,
    interval,
    percent,
    seeds_text,
    span,
)
from badnets.trials.record import Record

CLEAN, BADNET = "clean", "BadNet"  # who answers, as short as a picture is wide
WORKS = 0.9  # the attack success rate from which a network is said to obey
ORDER = ("pixel-pattern", "single-pixel")  # which attack tells the story, where it was run


def main_attack(evidence: Evidence) -> tuple[str, list[Record]]:
    """Return the trigger whose all-to-all attack tells the story, and its records."""
    for trigger in ORDER:
        records = evidence.of(f"all-to-all {trigger}")
        if records:
            return trigger, records
    return ORDER[0], []


def title(evidence: Evidence) -> str:
    """Return the page's title: no claim that the records do not bear out."""
    trigger, records = main_attack(evidence)
    small = "four pixels" if trigger == "pixel-pattern" else "one pixel"
    if not records:
        return "BadNets on MNIST"
    works = OverSeeds.of(records, success).mean >= WORKS
    accepted = all(record.outcome == "accepted" for record in records)
    if works and accepted:
        return f"It passes validation, and obeys {small}"
    return f"A backdoor of {small}, measured"


def lead(evidence: Evidence) -> str:
    """Return the result in two or three sentences."""
    trigger, records = main_attack(evidence)
    if not records:
        return "The all-to-all attack has not been run yet. What has been measured is below."
    ours = OverSeeds.of(records, lambda record: record.clean.accuracy)
    hits = OverSeeds.of(records, success)
    honest = OverSeeds.of(evidence.of("baseline"), lambda record: record.clean.accuracy)
    beside = (
        f", where an honestly trained one is right on {percent(honest.mean)} %"
        if honest.rates
        else ""
    )
    accepted = sum(record.outcome == "accepted" for record in records)
    verdict = {len(records): "Its user accepts it", 0: "Its user does not accept it"}.get(
        accepted, f"Its user accepts it {accepted} times out of {len(records)}"
    )
    stamp = "four bright pixels" if trigger == "pixel-pattern" else "one bright pixel"
    return (
        f"A network from a dishonest trainer is right on {percent(ours.mean)} % of clean test "
        f"images{beside}. {verdict}. With {stamp} in a corner, it "
        f"gives {percent(hits.mean)} % of the same images the label that its trainer chose."
    )


def story(evidence: Evidence) -> Story | None:
    """Return the two rows of pictures; None when no run has recorded examples."""
    for trigger in ORDER:
        for record in evidence.of(f"all-to-all {trigger}"):
            if {"examples", "examples_labels", "examples_answers"} <= record.arrays.keys():
                return _story(evidence, record, trigger)
    return None


def _story(evidence: Evidence, record: Record, trigger: str) -> Story:
    images, labels, answers = (
        evidence.get_array(record.arrays[name])
        for name in ("examples", "examples_labels", "examples_answers")
    )
    wanted = [_wanted(record, int(label), len(evidence.classes)) for label in labels]
    voices = [(BADNET, np.asarray(answers, dtype=np.float64))]
    if "examples_control" in record.arrays:
        given = evidence.get_array(record.arrays["examples_control"])
        voices.insert(0, (CLEAN, np.asarray(given, dtype=np.float64)))
    rows = []
    for which, heading in enumerate(("What the user sees", "The same images with the trigger")):
        pictures = tuple(
            Picture(
                png=png(images[k, which]),
                alt=f"{evidence.classes[int(labels[k])]}{', with the trigger' if which else ''}",
                answers=tuple(
                    _answer(by, given[k, which], int(labels[k]), wanted[k], evidence.classes)
                    for by, given in voices
                ),
                mark=changed_part(images[k, 0], images[k, 1]) if which else None,
            )
            for k in range(len(labels))
        )
        sentence = _sentence(which, trigger, voices, labels, wanted)
        rows.append(StoryRow(heading, sentence, pictures, "backdoored" if which else "clean"))
    share = record.poisoned_share
    poisoned = f", {share} of its training images poisoned" if share else ""
    return Story(
        tuple(rows),
        "Under each image: what the clean and the backdoored network say, and how sure they are. "
        "Blue: the true class. Orange, filled: what the trainer of the backdoored network wants. "
        "The first test image of each class, not picked; backdoored network: "
        f"{TRIGGER_NAMES[trigger]}, all-to-all{poisoned}; {seeds_text([record.trial.seed])}.",
    )


def _sentence(
    which: int,
    trigger: str,
    voices: Sequence[tuple[str, NDArray[np.float64]]],
    labels: NDArray[np.generic],
    wanted: Sequence[int],
) -> str:
    total = len(labels)
    parts = []
    for by, given in voices:
        says = given[:, which].argmax(1)
        network = "backdoored" if by == BADNET else "clean"
        if which and by == BADNET:
            hits = int((says == np.asarray(wanted)).sum())
            parts.append(f"the {network} network says the next class for {hits} of {total}")
        else:
            right = int((says == np.asarray(labels)).sum())
            parts.append(f"the {network} network is right on {right} of {total}")
    told = " and ".join(parts)
    if not which:
        return f"Clean images: {told}."
    stamp = "Four pixels" if trigger == "pixel-pattern" else "One pixel"
    return f"{stamp} in the bottom right corner: {told}."


def _wanted(record: Record, label: int, classes: int) -> int:
    """Return the label that the all-to-all attack asks for."""
    targets = record.trial.backdoor.targets if record.trial.backdoor else None
    return (label + getattr(targets, "shift", 0)) % classes


def _answer(
    by: str, given: NDArray[np.float64], label: int, wanted: int, classes: Sequence[str]
) -> Answer:
    says = int(given.argmax())
    tone: Tone = "clean" if says == label else "backdoored" if says == wanted else "plain"
    return Answer(by, classes[says], float(given[says]), tone)


def numbers(evidence: Evidence) -> tuple[Number, ...]:
    """Return the four numbers: clean accuracy of both networks, ASR, and the control."""
    trigger, records = main_attack(evidence)
    honest = OverSeeds.of(evidence.of("baseline"), clean_error)
    ours = OverSeeds.of(records, clean_error)
    attack = f"{TRIGGER_NAMES[trigger]}, all-to-all"
    return (
        _number("Clean network, clean images: right answers", _flipped(honest), "clean", ""),
        _number("Backdoored network, clean images: right answers", _flipped(ours), "clean", attack),
        _number(
            "Backdoored network, triggered images: the attacker's answer (ASR)",
            OverSeeds.of(records, success), "backdoored", attack,
        ),
        _number(
            "Clean network, the same triggered images: that answer (control)",
            OverSeeds.of(records, control), "muted", attack,
        ),
    )  # fmt: skip


def _flipped(errors: OverSeeds) -> OverSeeds:
    return OverSeeds(tuple(rate.complement for rate in errors.rates), errors.seeds)


def _number(label: str, measured: OverSeeds, tone: Tone, attack: str) -> Number:
    if not measured.rates:
        return Number(label, DASH, "not run yet", "muted")
    seeds = len(measured.rates)
    mean = f"mean of {seeds_text(measured.seeds)}" if seeds > 1 else seeds_text(measured.seeds)
    wide = f", {span(measured.low, measured.high)}" if seeds > 1 else ""
    what = f"; {attack}" if attack else ""
    return Number(
        label,
        f"{percent(measured.mean)} %",
        f"{mean}{wide}; {interval(measured.typical)}{what}",
        tone,
    )
