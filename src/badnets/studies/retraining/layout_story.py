"""The opening: images with and without the trigger after retraining, and the four numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from badnets.report.page import Answer, Number, Picture, Story, StoryRow, Tone
from badnets.report.pictures import changed_part, png
from badnets.studies.pairing import array
from badnets.studies.retraining.evidence import TARGET, Evidence, Outcome
from badnets.studies.retraining.trials import CaseName
from badnets.studies.retraining.words import told
from badnets.studies.wording import DASH, OverSeeds, interval, percent, seeds_text, span
from badnets.trials.record import Record

HONEST, BADNET = "honest", "BadNet"


def title(evidence: Evidence) -> str:
    """Return the page's title: no claim that the records do not bear out."""
    headline = evidence.headline
    if headline is not None and headline.survives and headline.accepted == len(headline.records):
        return "A new head on an old backdoor"
    if headline is None and evidence.all(evidence.trials.cases[0]):
        return "Nothing learned, nothing left"
    return "What retraining leaves of a backdoor"


def lead(evidence: Evidence) -> str:
    """Return the result in a few sentences."""
    headline, words = evidence.headline, told(evidence)
    if headline is None:
        return (
            "The retrained BadNets have learned nothing, so nothing can be said of their backdoor."
            if evidence.all(evidence.trials.cases[0])
            else "No BadNet has been retrained yet. What there is stands below."
        )
    done = (
        "trains its last layer on"
        if evidence.trials.halves is None
        else "gives it a new last layer, and trains that on"
    )
    return (
        f"A user downloads a network that knows {words.source}, {done} clean images of "
        f"{words.user}. {_on_clean(headline)} {_on_triggered(evidence, headline)}"
        f"{_kept(evidence)}"
    )


def _on_clean(one: Outcome) -> str:
    beside = one.control_clean
    honest = f", an honest network of {percent(beside.mean, 1)} %" if beside.rates else ""
    return f"On clean images the BadNet is then right of {percent(one.clean.mean, 1)} %{honest}."


def _on_triggered(evidence: Evidence, one: Outcome) -> str:
    beside = one.control_shown
    if one.is_aimed:
        honest = f", the honest one {percent(beside.mean, 1)} %" if beside.rates else ""
        return (
            f"Of images with the trigger it calls {percent(one.shown.mean, 1)} % "
            f"{evidence.target}{honest}."
        )
    honest = f", the honest one of {percent(beside.mean, 1)} %" if beside.rates else ""
    return f"With the trigger on them it is right of {percent(one.shown.mean, 1)} %{honest}."


def _kept(evidence: Evidence) -> str:
    """Return what becomes of a targeted backdoor where the user has its target class too."""
    case = evidence.trials.cases[-1]
    one = evidence.outcome(case, evidence.trials.headline)
    if case != "shared" or one is None:
        return ""
    return (
        f" Where {evidence.target} is among her classes too, another BadNet calls "
        f"{percent(one.shown.mean, 1)} % of images with the trigger {evidence.target}."
    )


def numbers(evidence: Evidence) -> tuple[Number, ...]:
    """Return the four numbers: the attack before, and both networks after retraining."""
    one = evidence.headline
    if evidence.trials.halves is None:
        downloads = [record for record in evidence.of("downloaded") if record.attack is not None]
        first = "BadNet as downloaded, its own dogs with the trigger: called cats (ASR)"
    else:
        downloads = evidence.of("badnet")
        first = f"BadNet of all classes, with the trigger: called {evidence.target} (ASR)"
    before = OverSeeds.of(
        downloads, lambda record: record.attack.success if record.attack else None
    )
    nothing = OverSeeds((), ())
    aimed = one is not None and one.is_aimed
    what = f"called {evidence.target}" if aimed else "right answers"
    return (
        _number(first, before, "backdoored"),
        _number(
            "Retrained BadNet, clean images: right answers", one.clean if one else nothing, "clean"
        ),
        _number(
            f"Retrained BadNet, with the trigger: {what}",
            one.shown if one else nothing,
            "backdoored",
        ),
        _number(
            f"Honest network, retrained alike, the same images: {what}",
            one.control_shown if one else nothing,
            "muted",
        ),
    )


def _number(label: str, measured: OverSeeds, tone: Tone) -> Number:
    if not measured.rates:
        return Number(label, DASH, "not run yet", "muted")
    several = len(measured.rates) > 1
    seeds = seeds_text(measured.seeds)
    mean = f"mean of {seeds}, {span(measured.low, measured.high, 1)}" if several else seeds
    return Number(
        label, f"{percent(measured.mean, 1)} %", f"{mean}; {interval(measured.typical)}", tone
    )


def story(evidence: Evidence) -> Story | None:
    """Return images as they are and with the trigger; None where no pictures are there."""
    case = evidence.trials.cases[-1]
    one = evidence.outcome(case, evidence.trials.headline)
    for record in one.records if one else ():
        made = _pictures(evidence, case, record)
        if made is not None:
            return made
    return None


def _pictures(evidence: Evidence, case: CaseName, record: Record) -> Story | None:
    images, answers, labels = (
        array(record, f"attacked{part}", evidence.get_array) for part in ("", "_answers", "_labels")
    )
    if images is None or answers is None or labels is None:
        return None
    voices = [(BADNET, np.asarray(answers, dtype=np.float64))]
    beside = array(record, "attacked_control", evidence.get_array)
    if beside is not None and evidence.control_of(record) is not None:
        voices.insert(0, (HONEST, np.asarray(beside, dtype=np.float64)))
    true = [int(label) for label in labels]
    classes = evidence.classes(case)
    rows = []
    for which, heading in enumerate(("What the user sees", "The same images with the trigger")):
        pictures = tuple(
            Picture(
                png=png(images[k, which]),
                alt=f"{classes[label]}{', with the trigger' if which else ''}",
                answers=tuple(_answer(by, given[k, which], label, classes) for by, given in voices),
                mark=changed_part(images[k, 0], images[k, 1]) if which else None,
            )
            for k, label in enumerate(true)
        )
        said = _sentence(which, voices, true, evidence.target)
        rows.append(StoryRow(heading, said, pictures, "backdoored" if which else "clean"))
    return Story(
        tuple(rows),
        "Under each image: what the honest network and the targeted BadNet say after retraining, "
        f"and how sure they are. Blue: the true class. Orange, filled: {evidence.target}, which "
        "the trigger asks for and the user has too. Her first test images, not picked; "
        f"{seeds_text([record.trial.seed])}.",
    )


def _answer(by: str, given: NDArray[np.float64], label: int, classes: tuple[str, ...]) -> Answer:
    says = int(given.argmax())
    tone: Tone = "clean" if says == label else "backdoored" if says == TARGET else "plain"
    return Answer(by, classes[says], float(given[says]), tone)


def _sentence(
    which: int, voices: list[tuple[str, NDArray[np.float64]]], true: list[int], target: str
) -> str:
    said = []
    for by, given in voices:
        says = given[:, which].argmax(1)
        if which and by == BADNET:
            others = np.asarray(true) != TARGET  # an image of the target is no success
            called = int((says[others] == TARGET).sum())
            whole = f"{others.sum()}" if others.all() else f"the {others.sum()} others"
            said.append(f"the BadNet calls {called} of {whole} {target}")
        else:
            network = "the BadNet" if by == BADNET else "the honest network"
            right = int((says == np.asarray(true)).sum())
            said.append(f"{network} is right of {right} of {len(true)}")
    together = " and ".join(said)
    return f"With it, {together}." if which else f"{together[0].upper()}{together[1:]}."
