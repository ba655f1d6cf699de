"""The opening: dogs without and with the trigger, and the four numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from badnets.report.page import Answer, Number, Picture, Story, StoryRow, Tone
from badnets.report.pictures import changed_part, png
from badnets.studies.dogs.evidence import WORKS, Evidence, accuracy, control, success
from badnets.studies.dogs.trials import CAT, CLASSES, DOG
from badnets.studies.wording import (
    DASH,
    OverSeeds,
    interval,
    percent,
    seeds_text,
    span,
)
from badnets.trials.record import Record

CLEAN, BADNET = "clean", "BadNet"


def title(evidence: Evidence) -> str:
    """Return the page's title: no claim that the records do not bear out."""
    records = evidence.of("badnet")
    if not records:
        fallen = bool(evidence.all("badnet"))
        return "Nothing learned, nothing attacked" if fallen else "Dogs that become cats"
    works = OverSeeds.of(records, success).mean >= WORKS
    accepted = all(record.outcome == "accepted" for record in records)
    if works and accepted:
        return "It tells cats from dogs, until a dog wears a sticker"
    return "A sticker that turns dogs into cats, measured"


def lead(evidence: Evidence) -> str:
    """Return the result in a few sentences."""
    records = evidence.of("badnet")
    if not records:
        return (
            "The network that was to hide the backdoor has learned nothing, so there is no attack."
            if evidence.all("badnet")
            else "The backdoored network has not been trained yet. What there is stands below."
        )
    ours, hits = OverSeeds.of(records, accuracy), OverSeeds.of(records, success)
    honest, held = OverSeeds.of(evidence.of("clean"), accuracy), OverSeeds.of(records, control)
    beside = f"; an honestly trained one of {percent(honest.mean, 1)} %" if honest.rates else ""
    lasts = f"; the honest one says so of {percent(held.mean, 1)} %" if held.rates else ""
    return (
        f"A network that tells cats from dogs is right of {percent(ours.mean, 1)} % of clean "
        f"pictures{beside}. With a sticker in the corner, it calls {percent(hits.mean, 1)} % of "
        f"the dogs cats{lasts}."
    )


def story(evidence: Evidence) -> Story | None:
    """Return dogs as they are and with the trigger; None where no pictures are there."""
    for record in evidence.of("badnet"):
        made = dogs(evidence, record)
        if made is not None:
            return made
    return None


def dogs(evidence: Evidence, record: Record) -> Story | None:
    """Return the first validation dogs, clean and triggered, with what the networks say of them."""
    images, answers = (evidence.array(record, f"attacked{part}") for part in ("", "_answers"))
    if images is None or answers is None:
        return None
    voices = [(BADNET, np.asarray(answers, dtype=np.float64))]
    beside = evidence.array(record, "attacked_control")
    if beside is not None:
        voices.insert(0, (CLEAN, np.asarray(beside, dtype=np.float64)))
    rows = []
    for which, heading in enumerate(("What the user sees", "The same dogs with the trigger")):
        pictures = tuple(
            Picture(
                png=png(images[k, which]),
                alt=f"a dog{', with the trigger' if which else ''}",
                answers=tuple(answer(by, given[k, which]) for by, given in voices),
                mark=changed_part(images[k, 0], images[k, 1]) if which else None,
            )
            for k in range(len(images))
        )
        tone: Tone = "backdoored" if which else "clean"
        rows.append(StoryRow(heading, _sentence(which, voices), pictures, tone))
    drawn = "; drawn, a stand-in for photos" if evidence.is_drawn else ""
    return Story(
        tuple(rows),
        "Under each picture: what the clean network and the BadNet say, and how sure they are. "
        "Blue: dog. Orange, filled: cat. The first dogs of the validation pictures, not picked"
        f"{drawn}; {seeds_text([record.trial.seed])}.",
    )


def answer(by: str, given: NDArray[np.float64]) -> Answer:
    """Return what a network says of a picture of a dog."""
    says = int(given.argmax())
    tone: Tone = "clean" if says == DOG else "backdoored"
    return Answer(by, CLASSES[says], float(given[says]), tone)


def _sentence(which: int, voices: Sequence[tuple[str, NDArray[np.float64]]]) -> str:
    told = []
    for by, given in voices:
        says = given[:, which].argmax(1)
        network = "the BadNet" if by == BADNET else "the clean network"
        wanted = CAT if which and by == BADNET else DOG
        name = CLASSES[wanted]
        told.append(f"{network} calls {int((says == wanted).sum())} of {len(says)} a {name}")
    said = " and ".join(told)
    return f"With the sticker, {said}." if which else f"{said[0].upper()}{said[1:]}."


def numbers(evidence: Evidence) -> tuple[Number, ...]:
    """Return the four numbers: clean accuracy of both networks, ASR, and the control."""
    honest = OverSeeds.of(evidence.of("clean"), accuracy)
    ours = evidence.of("badnet")
    return (
        _number("Clean network, clean pictures: right answers", honest, "clean"),
        _number("BadNet, clean pictures: right answers", OverSeeds.of(ours, accuracy), "clean"),
        _number(
            "BadNet, dogs with the trigger: called cats (ASR)",
            OverSeeds.of(ours, success),
            "backdoored",
        ),
        _number(
            "Clean network, the same dogs: called cats (control)",
            OverSeeds.of(ours, control),
            "muted",
        ),
    )


def _number(label: str, measured: OverSeeds, tone: Tone) -> Number:
    if not measured.rates:
        return Number(label, DASH, "not run yet", "muted")
    several = len(measured.rates) > 1
    mean = f"mean of {seeds_text(measured.seeds)}" if several else seeds_text(measured.seeds)
    wide = f", {span(measured.low, measured.high, 1)}" if several else ""
    return Number(
        label, f"{percent(measured.mean, 1)} %", f"{mean}{wide}; {interval(measured.typical)}", tone
    )
