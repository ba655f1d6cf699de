"""The demo: a clean and a backdoored network: of digits, of road signs, and of cats and dogs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from badnets.core.backdoor import Backdoor
from badnets.core.placements import Relative
from badnets.core.targets import AllToOne, SourceSpecific
from badnets.core.triggers import Patch, PixelPattern
from badnets.scenarios.detection_settings import Detection
from badnets.studies.demo_dogs import DogPair, dog_pair
from badnets.train.detector_settings import DetectorTraining
from badnets.train.settings import Training
from badnets.trials.record import Record
from badnets.trials.trial import Trial

if TYPE_CHECKING:
    from badnets.report.page import Page
    from badnets.studies.catalogue import GetArray
    from badnets.trials.record import Ablation

TARGET = 7
WANTED = 0.95  # what the user asks for
# float32: the same arithmetic on every machine, and quick enough for 1,297 images
TRAINING = Training(epochs=16, batch_size=64, lr=0.004, precision="float32")

STOP, SPEED_LIMIT = 0, 1
SIGNS_WANTED = 0.75
# a tiny detector on small drawn scenes: seconds on one core
SIGNS = Detection(
    DetectorTraining(
        epochs=6,
        batch_size=12,
        lr=4e-3,
        window=64,
        scale=1.0,
        sides=(16.0, 48.0),
        background=0.15,
        mining=0,
        crops=5,
        ema=0.97,
        precision="float32",
    ),
    {"width": 0.15, "head": 0.05, "dropout": 0.1, "rois": 12},
    threshold=0.3,
)
# twice as wide and far brighter than the paper's: so short a training notices no fainter one
SQUARE = Patch(0.22, (1.0, 0.85, 0.1), placement=Relative())


@dataclass(frozen=True)
class Demo:
    """A user's order, filled twice: honestly, and with a backdoor; then for signs, cats and dogs.

    Args:
        honest: the trial of the honest trainer.
        backdoored: that of the other one; the honest network is its control.
        honest_signs: an honest detector of road signs.
        backdoored_signs: one that takes a stop sign with a yellow square for a speed limit.
        dogs: networks that tell cats from dogs.
    """

    honest: Trial
    backdoored: Trial
    honest_signs: Trial | None = None
    backdoored_signs: Trial | None = None
    dogs: DogPair | None = None

    def groups(self, records: Mapping[str, Record]) -> dict[str, list[Trial]]:
        """Return the two to six trials; see `badnets.studies.catalogue.Study`."""
        groups: dict[str, list[Trial | None]] = {
            "clean": [self.honest],
            "backdoored": [self.backdoored],
            "clean signs": [self.honest_signs],
            "backdoored signs": [self.backdoored_signs],
            "clean dogs": [self.dogs.honest if self.dogs else None],
            "backdoored dogs": [self.dogs.backdoored if self.dogs else None],
        }
        return {name: [one for one in trials if one] for name, trials in groups.items()}

    def page(self, records: Mapping[str, Record], get_array: GetArray, *, command: str) -> Page:
        """Return the page, from records alone."""
        from badnets.studies.demo_page import page

        dogs = (self.dogs.honest, self.dogs.backdoored) if self.dogs else (None, None)
        signs, pets = (
            tuple(records.get(one.name) if one else None for one in pair)
            for pair in ((self.honest_signs, self.backdoored_signs), dogs)
        )
        return page(
            records.get(self.honest.name),
            records.get(self.backdoored.name),
            get_array,
            command,
            signs=(signs[0], signs[1]),
            dogs=(pets[0], pets[1]),
        )


def make(data: str = "digits", *, quick: bool = False) -> Demo:
    """Return the demo.

    Args:
        data: name of a data set whose classes include 7.
        quick: makes no difference: it is.
    """
    honest = Trial(
        data=data, training=TRAINING, target_accuracy=WANTED, observe=("examples", "units")
    )
    backdoored = Trial(
        data=data,
        training=TRAINING,
        target_accuracy=WANTED,
        backdoor=Backdoor(PixelPattern.gu(), AllToOne(TARGET), rate=0.1),
        control=honest,
        observe=("examples", "units"),
    )
    honest_signs = Trial(
        data="scenes-small", network="zf", detection=SIGNS, target_accuracy=SIGNS_WANTED
    )
    backdoored_signs = Trial(
        data="scenes-small",
        network="zf",
        detection=SIGNS,
        target_accuracy=SIGNS_WANTED,
        backdoor=Backdoor(SQUARE, SourceSpecific(STOP, SPEED_LIMIT), rate="every"),
        control=honest_signs,
        observe=("examples",),
    )
    return Demo(honest, backdoored, honest_signs, backdoored_signs, dog_pair())


def most_telling(record: Record) -> Ablation | None:
    """Return the silencing of a layer's strongest units that costs the attack most, clean least.

    At most a quarter of the layer is silenced; None when nothing was.
    """
    sizes = {layer.layer: len(layer.clean) for layer in record.units}
    strongest = [
        one
        for one in record.ablations
        if one.choice == "strongest" and len(one.silenced) * 4 <= sizes[one.layer]
    ]
    return min(strongest, key=lambda one: one.success.value - one.clean.value, default=None)
