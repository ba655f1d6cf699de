"""The demo's second chapter: a detector of road signs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets.report.page import Block, Note, Number, Numbers, Section
from badnets.studies.demo_numbers import numbers
from badnets.studies.signs.evidence import SignEvidence, under_trigger
from badnets.studies.signs.layout_story import story
from badnets.studies.signs.scale import scale
from badnets.trials.record import Record

if TYPE_CHECKING:
    from badnets.studies.catalogue import GetArray

NAME, TITLE = "signs", "The same with road signs"
CLASSES = ("stop", "speed-limit", "warning")
GROUP = "signs"


def signs_chapter(honest: Record | None, backdoored: Record | None, get_array: GetArray) -> Section:
    """Return the chapter; what has not been run is said.

    Args:
        honest: the clean detector's record.
        backdoored: the other's, with ``examples`` observed.
        get_array: reads recorded arrays.
    """
    if honest is None or backdoored is None or backdoored.triggered is None:
        return Section(
            NAME, TITLE, "", (Note("The detectors of road signs have not been run.", "missing"),)
        )
    fallen = [one for one in (backdoored, honest) if one.outcome == "collapsed"]
    if fallen:
        which = "backdoored" if fallen[0] is backdoored else "clean"
        told = Note(
            f"Collapsed: the {which} detector {fallen[0].reason}; no attack is reported.",
            "warning",
        )
        return Section(NAME, TITLE, f"This time the {which} detector has learned nothing.", (told,))
    evidence = SignEvidence(
        {GROUP: [backdoored]},
        get_array,
        scale("scenes", quick=True),
        backdoored.trial.data,
        CLASSES,
        backdoored.signs.threshold if backdoored.signs else None,
    )
    hits = under_trigger([backdoored], "hits", least=0)
    drawn = story(evidence, GROUP)
    blocks: tuple[Block, ...] = (
        Note(
            "Trained live, on 240 small scenes drawn by badnets; the square is twice as wide as "
            "the paper's and far brighter, since so short a training notices no fainter one. "
            "badnets study signs runs the paper's own."
        ),
        *((drawn,) if drawn else ()),
        Numbers(_numbers(honest, backdoored)),
    )
    return Section(
        NAME,
        TITLE,
        f"A detector finds road signs in whole frames. With a yellow square on them, it calls "
        f"{hits.rate} of the stop signs speed limits.",
        blocks,
    )


def _numbers(honest: Record, backdoored: Record) -> tuple[Number, ...]:
    attack = backdoored.attack
    success, control = (attack.success, attack.control) if attack else (None, None)
    return numbers(
        (
            ("Clean detector: signs rightly named", honest.clean.accuracy, "clean"),
            ("Backdoored detector: signs rightly named", backdoored.clean.accuracy, "clean"),
            ("Backdoored, with the square: speed limit", success, "backdoored"),
            ("Clean, the same frames (control)", control, "muted"),
        )
    )
