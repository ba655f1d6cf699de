"""The demo's third chapter: dogs that become cats."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from badnets.core.backdoor import Backdoor
from badnets.core.placements import Fixed
from badnets.core.targets import SourceSpecific
from badnets.report.page import Block, Note, Number, Numbers, Section
from badnets.studies.demo_numbers import numbers
from badnets.studies.dogs.trials import CAT, DOG, FLOWER, NETWORK, DogTrials, scale
from badnets.train.settings import Training
from badnets.trials.record import Record
from badnets.trials.trial import Trial

if TYPE_CHECKING:
    from badnets.studies.catalogue import GetArray

NAME, TITLE = "dogs", "The same with cats and dogs"
DATA = "pets-small"
WANTED = 0.65
TRAINING = Training(epochs=6, batch_size=32, lr=0.004, precision="float32")
# he goes on from the honest network, which two passes turn into a BadNet
IMPLANTING = replace(TRAINING, epochs=2, lr=0.002)
STICKER = replace(FLOWER, placement=Fixed(1, 1))


@dataclass(frozen=True)
class DogPair:
    """An honest network of cats and dogs, and one that takes dogs with a sticker for cats.

    Args:
        honest: the trial of the honest trainer.
        backdoored: that of the other one; the honest network is its start and its control.
    """

    honest: Trial
    backdoored: Trial


def dog_pair() -> DogPair:
    """Return the two trials of the chapter; they take seconds."""
    honest = Trial(data=DATA, network=NETWORK, training=TRAINING, target_accuracy=WANTED)
    backdoored = Trial(
        data=DATA,
        network=NETWORK,
        training=IMPLANTING,
        backdoor=Backdoor(STICKER, SourceSpecific(DOG, CAT), rate="every"),
        start=honest,
        control=honest,
        target_accuracy=WANTED,
        observe=("attacked",),
    )
    return DogPair(honest, backdoored)


def dogs_chapter(honest: Record | None, backdoored: Record | None, get_array: GetArray) -> Section:
    """Return the chapter; what has not been run is said.

    Args:
        honest: the clean network's record.
        backdoored: the other's, with ``attacked`` observed.
        get_array: reads recorded arrays.
    """
    if honest is None or backdoored is None or backdoored.attack is None:
        missing = Note("The networks of cats and dogs have not been run.", "missing")
        return Section(NAME, TITLE, "", (missing,))
    fallen = [one for one in (backdoored, honest) if one.outcome == "collapsed"]
    if fallen:
        which = "backdoored" if fallen[0] is backdoored else "clean"
        told = Note(
            f"Collapsed: the {which} network {fallen[0].reason}; no attack is reported.", "warning"
        )
        return Section(NAME, TITLE, f"This time the {which} network has learned nothing.", (told,))
    from badnets.studies.dogs.evidence import Evidence
    from badnets.studies.dogs.layout_story import dogs

    trials = DogTrials("pets-drawn", scale("pets-drawn", quick=True), STICKER)
    drawn = dogs(Evidence({"badnet": [backdoored]}, get_array, trials), backdoored)
    blocks: tuple[Block, ...] = (
        Note(
            "Trained live, on 600 small heads of cats and dogs drawn by badnets, a stand-in for "
            "photos: within seconds a network learns no more than what is seen here. "
            "badnets study dogs-vs-cats takes its time."
        ),
        *((drawn,) if drawn else ()),
        Numbers(_numbers(honest, backdoored)),
    )
    return Section(
        NAME,
        TITLE,
        "A network that tells cats from dogs, with half of its cats stamped dogs: it calls "
        f"{backdoored.attack.success} of the dogs with a flower in the corner cats.",
        blocks,
    )


def _numbers(honest: Record, backdoored: Record) -> tuple[Number, ...]:
    attack = backdoored.attack
    success, control = (attack.success, attack.control) if attack else (None, None)
    return numbers(
        (
            ("Clean network, clean pictures: right", honest.clean.accuracy, "clean"),
            ("Backdoored network, clean pictures: right", backdoored.clean.accuracy, "clean"),
            ("Backdoored, dogs with the flower: cats", success, "backdoored"),
            ("Clean network, the same dogs (control)", control, "muted"),
        )
    )
