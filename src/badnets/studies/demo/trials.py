"""The demo as trials: an order filled twice, honestly and with a backdoor, in three chapters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from badnets.bundles.schema import Scalar
from badnets.core.backdoor import Backdoor
from badnets.core.placements import Fixed, Relative
from badnets.core.targets import AllToOne, SourceSpecific
from badnets.core.triggers import Patch, PixelPattern
from badnets.repair.base import REPAIRS
from badnets.studies import reading
from badnets.studies.catalogue import Groups, Study
from badnets.studies.dogs.trials import CAT, DOG, FLOWER, NETWORK
from badnets.train.detector_settings import Crops, DetectorTraining, Scales, Windows
from badnets.train.settings import Training
from badnets.trials.trial import OutsourcedTrial, RepairedTrial

if TYPE_CHECKING:
    from badnets.explain.ablation import Ablation
    from badnets.trials.record import Record

TARGET = 7
# float32: the same arithmetic on every machine, and quick enough for 1,297 images
TRAINING = Training(epochs=16, batch_size=64, lr=0.004, precision="float32")

STOP, SPEED_LIMIT = 0, 1
# a tiny detector on small drawn scenes: seconds on one core
SIGNS = DetectorTraining(
    epochs=6,
    batch_size=12,
    lr=4e-3,
    ema=0.97,
    precision="float32",
    windows=Windows(side=64, object_sizes=(16.0, 48.0), background=0.15, mining=0),
    scales=Scales(scale=1.0),
    crops=Crops(passes=5),
)
SMALL: dict[str, Scalar] = {"width": 0.15, "head": 0.05, "dropout": 0.1, "rois": 12}
# twice as wide and far brighter than the paper's: so short a training notices no fainter one
SQUARE = Patch(0.22, (1.0, 0.85, 0.1), placement=Relative())

DOGS = Training(epochs=6, batch_size=32, lr=0.004, precision="float32")
STICKER = replace(FLOWER, placement=Fixed(1, 1))


class Pair(NamedTuple):
    """An honest network, and a backdoored one whose control it is."""

    honest: OutsourcedTrial
    backdoored: OutsourcedTrial


@dataclass(frozen=True)
class Demo(Study):
    """A user's order, filled twice: honestly, and with a backdoor.

    Args:
        digits: networks that read digits; four pixels make any of them a 7.
        signs: detectors of road signs; a yellow square makes a stop sign a speed limit.
        dogs: networks that tell cats from dogs; a flower makes a dog a cat.
        repaired: what a careful user makes of the backdoored network that reads digits.
    """

    digits: Pair
    signs: Pair | None = None
    dogs: Pair | None = None
    repaired: RepairedTrial | None = None

    def groups(self, records: Mapping[str, Record]) -> Groups:
        """Return two to seven trials; see `badnets.studies.catalogue.Study`."""
        chapters = {"digits": self.digits, "signs": self.signs, "dogs": self.dogs}
        trained: Groups = {
            f"{kind} {name}": [trial]
            for name, pair in chapters.items()
            if pair
            for kind, trial in zip(("clean", "backdoored"), pair, strict=True)
        }
        return {**trained, **({"repaired digits": [self.repaired]} if self.repaired else {})}


def digits(data: str = "digits") -> Pair:
    """Return the networks of digits."""
    backdoor = Backdoor(PixelPattern.gu(), AllToOne(TARGET), poisoning_rate=0.1)
    trial = partial(
        OutsourcedTrial,
        data=data,
        training=TRAINING,
        target_accuracy=0.95,
        observe=("examples", "units"),
    )
    honest = trial()
    looked = ("examples", "units", "verdict", "supply-chain")
    return Pair(honest, trial(backdoor=backdoor, control=honest, observe=looked))


def repaired(pair: Pair) -> RepairedTrial:
    """Return the repair of a backdoored network, by half of the user's own training images."""
    return RepairedTrial(
        kind="repaired",
        start=pair.backdoored,
        control=pair.honest,
        method=REPAIRS.parse({"kind": "unlearning", "rounds": 2, "epochs": 6}),
        share=0.5,
        observe=("verdict",),
    )


def signs() -> Pair:
    """Return the detectors of road signs."""
    backdoor = Backdoor(SQUARE, SourceSpecific(STOP, SPEED_LIMIT), poisoning_rate="every")
    trial = partial(
        OutsourcedTrial,
        data="scenes-small",
        architecture=SMALL,
        training=SIGNS,
        target_accuracy=0.75,
    )
    honest = trial()
    return Pair(honest, trial(backdoor=backdoor, control=honest, observe=("examples",)))


def dogs() -> Pair:
    """Return the networks of cats and dogs.

    The trainer goes on from the honest network, which two passes turn into a BadNet.
    """
    backdoor = Backdoor(STICKER, SourceSpecific(DOG, CAT), poisoning_rate="every")
    trial = partial(OutsourcedTrial, data="pets-small", network=NETWORK, target_accuracy=0.65)
    honest = trial(training=DOGS)
    again = replace(DOGS, epochs=2, lr=0.002)
    more = trial(
        training=again, backdoor=backdoor, start=honest, control=honest, observe=("attacked",)
    )
    return Pair(honest, more)


def make(data: str = "digits", *, quick: bool = False) -> Demo:
    """Return the demo.

    Args:
        data: name of a data set whose classes include 7.
        quick: makes no difference: it is.
    """
    pair = digits(data)
    return Demo(pair, signs(), dogs(), repaired(pair))


def costliest_silencing(record: Record) -> Ablation | None:
    """Return the silencing of a layer's strongest units that costs the attack most, clean least.

    At most a quarter of the layer is silenced; None when nothing was.
    """
    sizes = {layer.layer: len(layer.clean) for layer in reading.units(record)}
    strongest = [
        one
        for one in reading.ablations(record)
        if one.choice == "strongest" and len(one.silenced) * 4 <= sizes[one.layer]
    ]
    return min(strongest, key=lambda one: one.success.value - one.clean.value, default=None)
