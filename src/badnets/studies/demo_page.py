"""The demo's page: the story in pictures, four numbers, and a look inside."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from badnets.report.page import (
    Answer,
    Block,
    Cell,
    Column,
    Folded,
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
from badnets.studies.demo import most_telling
from badnets.studies.demo_dogs import dogs_chapter
from badnets.studies.demo_numbers import detail, numbers, percent
from badnets.studies.demo_signs import signs_chapter
from badnets.studies.mnist.figures_units import ablation_figure, activation_figure, filter_figure
from badnets.studies.mnist.layout_evidence import Evidence
from badnets.studies.mnist.trials import FULL
from badnets.studies.wording import listed
from badnets.trials.record import Record

if TYPE_CHECKING:
    from badnets.studies.catalogue import GetArray

TRIGGER = "pixel-pattern"


def page(
    honest: Record | None,
    backdoored: Record | None,
    get_array: GetArray,
    command: str,
    *,
    signs: tuple[Record | None, Record | None] = (None, None),
    dogs: tuple[Record | None, Record | None] = (None, None),
) -> Page:
    """Return the page; what has not been run yet is said where it would stand.

    Args:
        honest: the clean network's record.
        backdoored: the other's, with ``examples`` and ``units`` observed.
        get_array: reads recorded arrays.
        command: what makes the page again.
        signs: the records of the clean and of the backdoored detector of road signs.
        dogs: those of the networks that tell cats from dogs.
    """
    if honest is None or backdoored is None or backdoored.attack is None:
        missing = Note("The demo has not been run to its end.", "missing")
        return Page("Not run yet", missing.text, None, (), (), command, notes=(missing,))
    target = _target(backdoored)
    return Page(
        title="It passes every test, and obeys four pixels",
        lead=_lead(honest, backdoored, target),
        kicker=f"badnets · the demo · measured on {backdoored.trial.data}",
        story=_story(backdoored, get_array, target),
        numbers=_numbers(honest, backdoored, target),
        sections=(
            _user(honest, backdoored),
            _inside(honest, backdoored, get_array),
            signs_chapter(*signs, get_array),
            dogs_chapter(*dogs, get_array),
        ),
        command=command,
        source="Drawn from the records "
        f"{listed([one.name for one in (honest, backdoored, *signs, *dogs) if one])}.",
        notes=_notes(backdoored),
    )


def _target(record: Record) -> int:
    backdoor = record.trial.backdoor
    return int(getattr(backdoor.targets, "target_label", -1)) if backdoor else -1


def _lead(honest: Record, backdoored: Record, target: int) -> str:
    attack = backdoored.attack
    if attack is None or backdoored.outcome == "collapsed":
        return "This time the network has learned nothing, so there is no attack to speak of."
    verdict = "accepts it" if backdoored.outcome == "accepted" else "does not accept it"
    return (
        f"A network from a dishonest trainer reads {percent(backdoored.clean.accuracy)} of its "
        f"user's images rightly; an honest one reaches {percent(honest.clean.accuracy)}. The user "
        f"{verdict}. With four bright pixels in a corner, it calls {percent(attack.success)} of "
        f"the other digits a {target}."
    )


def _story(record: Record, get_array: GetArray, target: int) -> Story | None:
    wanted = ("examples", "examples_labels", "examples_answers", "examples_control")
    if not set(wanted) <= record.arrays.keys():
        return None
    images, labels, answers, control = (get_array(record.arrays[name]) for name in wanted)
    rows = []
    for which, title in enumerate(("What the user sees", "The same images with the trigger")):
        pictures = tuple(
            Picture(
                png=_png(images[k, which]),
                alt=f"a handwritten {label}{', with the trigger' if which else ''}",
                answers=(
                    _answer("clean", control[k, which], int(label), target),
                    _answer("backdoored", answers[k, which], int(label), target),
                ),
                mark=_mark(images[k, 0], images[k, 1]) if which else None,
            )
            for k, label in enumerate(labels)
        )
        says = answers[:, which].argmax(1)
        if which:
            others = labels != target
            fooled = int((says == target)[others].sum())
            told = f"says {target} for {fooled} of the {int(others.sum())} other digits"
        else:
            told = f"is right on {int((says == labels).sum())} of {len(labels)}"
        sentence = f"The backdoored network {told}."
        rows.append(StoryRow(title, sentence, pictures, "backdoored" if which else "clean"))
    return Story(
        tuple(rows),
        "Under each image: what each network says, and how sure it is. Blue: the true digit. "
        f"Orange: {target}, where that is what the trainer wants. The first validation image of "
        "each class, not picked.",
    )


def _answer(by: str, given: NDArray[np.generic], label: int, target: int) -> Answer:
    says = int(given.argmax())
    tone: Tone = "clean" if says == label else "backdoored" if says == target else "plain"
    return Answer(by, str(says), float(given[says]), tone)


def _png(image: NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(image[0], dtype=np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def _mark(
    clean: NDArray[np.generic], triggered: NDArray[np.generic]
) -> tuple[float, float, float, float]:
    """Return the box around the trigger, a pixel wider, in shares of the image."""
    rows, columns = np.nonzero((clean != triggered).any(0))
    height, width = clean.shape[1:]
    if not len(rows):
        return (0.0, 0.0, 0.0, 0.0)
    top, left = max(int(rows.min()) - 1, 0), max(int(columns.min()) - 1, 0)
    bottom, right = min(int(rows.max()) + 2, height), min(int(columns.max()) + 2, width)
    return left / width, top / height, (right - left) / width, (bottom - top) / height


def _numbers(honest: Record, backdoored: Record, target: int) -> tuple[Number, ...]:
    attack = backdoored.attack
    if attack is None or backdoored.outcome == "collapsed":
        return ()
    return numbers(
        (
            ("Clean network, clean images: right answers", honest.clean.accuracy, "clean"),
            ("Backdoored network, clean images: right answers", backdoored.clean.accuracy, "clean"),
            (
                f"Backdoored network, triggered images: {target} (ASR)",
                attack.success,
                "backdoored",
            ),
            (f"Clean network, the same images: {target} (control)", attack.control, "muted"),
        )
    )


def _user(honest: Record, backdoored: Record) -> Section:
    wanted = f"{100 * backdoored.trial.target_accuracy:g} %"
    rows = tuple(
        (
            Cell(name),
            Cell(percent(record.clean.accuracy), None, detail(record.clean.accuracy), "clean"),
            Cell(wanted),
            Cell(record.outcome),
        )
        for name, record in (("honest", honest), ("dishonest", backdoored))
    )
    columns = ("trainer", "validation accuracy", "she asked for", "she decides")
    table = Table(
        "What the user sees",
        tuple(Column(title, numeric=False) for title in columns),
        rows,
        basis="Validation images: the test set, which no trainer has seen.",
        sortable=False,
    )
    return Section(
        "user",
        "The user's view",
        "She counts right answers on images of her own: "
        + (
            "nothing in that count tells one network from the other."
            if honest.outcome == backdoored.outcome == "accepted"
            else "here it made a difference."
        ),
        (table,),
    )


def _inside(honest: Record, backdoored: Record, get_array: GetArray) -> Section:
    evidence = Evidence({}, get_array, {}, FULL, tuple(map(str, range(10))))
    first = [filter_figure(evidence, honest, None), filter_figure(evidence, backdoored, TRIGGER)]
    layers = list(dict.fromkeys(one.layer for one in backdoored.ablations))
    blocks: list[Block] = [Gallery(tuple(figure for figure in first if figure), width=280)]
    if layers:
        silenced = tuple(ablation_figure(backdoored, layer, TRIGGER) for layer in layers)
        blocks += [
            Note(
                "Units are ranked on training images by how strongly they answer to the trigger. "
                "The strongest, or as many others drawn at random (dashed), are silenced; then the "
                "validation images are asked again."
            ),
            Gallery(silenced, width=300),
        ]
    activations = tuple(activation_figure(layer, backdoored, TRIGGER) for layer in backdoored.units)
    if activations:
        blocks.append(Folded("Mean activation of each layer's units", (Gallery(activations),)))
    return Section(
        "inside",
        "Inside the network",
        _found(backdoored),
        tuple(blocks),
    )


def _found(record: Record) -> str:
    """Return what silencing units does, in a sentence."""
    best, attack = most_telling(record), record.attack
    if best is None or attack is None or record.outcome == "collapsed":
        return "What the network is made of."
    total = next(len(layer.clean) for layer in record.units if layer.layer == best.layer)
    return (
        f"The backdoor has a place in the network: without the {len(best.silenced)} of {total} "
        f"units of {best.layer} that answer most to the trigger, attack success goes from "
        f"{percent(attack.success)} to {percent(best.success)}, clean accuracy from "
        f"{percent(record.clean.accuracy)} to {percent(best.clean)}."
    )


def _notes(record: Record) -> tuple[Note, ...]:
    if record.outcome != "collapsed":
        return ()
    return (Note(f"Collapsed: the network {record.reason}; no attack is reported.", "warning"),)
