"""The demo: one clean and one backdoored network on embedded digits, in about half a minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from badnets.core.backdoor import Backdoor
from badnets.core.targets import AllToOne
from badnets.core.triggers import PixelPattern
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


@dataclass(frozen=True)
class Demo:
    """A user's order, filled twice: honestly, and with a backdoor. A `Study` of two trials.

    Args:
        honest: the trial of the honest trainer.
        backdoored: that of the other one; the honest network is its control.
    """

    honest: Trial
    backdoored: Trial

    def groups(self, records: Mapping[str, Record]) -> dict[str, list[Trial]]:
        """Return the two trials; see `badnets.studies.catalogue.Study`."""
        return {"clean": [self.honest], "backdoored": [self.backdoored]}

    def page(self, records: Mapping[str, Record], get_array: GetArray, *, command: str) -> Page:
        """Return the page, from records alone."""
        from badnets.studies.demo_page import page

        return page(
            records.get(self.honest.name), records.get(self.backdoored.name), get_array, command
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
    return Demo(honest, backdoored)


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
