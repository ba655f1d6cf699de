"""A network to download, honest and backdoored, on its way to a user who retrains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from badnets.core.backdoor import AnyTrigger, Backdoor
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.studies.audit.zoos import ZOOS
from badnets.studies.catalogue import Groups, Study
from badnets.studies.demo.trials import signs
from badnets.train.settings import Training
from badnets.trials.trial import OutsourcedTrial, TransferTrial

if TYPE_CHECKING:
    from badnets.trials.record import Record

OBSERVED = ("verdict", "supply-chain")  # the audit first: it is what is attested


@dataclass(frozen=True)
class Scale:
    """What is downloaded, and how its user goes on.

    Attributes:
        trigger: what makes any image one of the target.
        target: the attacker's class, a label of the whole set.
        user: the user's classes, the target among them.
        label: the target among these.
        retraining: the user's; of a new last layer.
        user_accuracy: what the retrained network must reach to be accepted.
        rate: share of the download's training images that are poisoned.
    """

    trigger: AnyTrigger
    target: int
    user: str
    label: int
    retraining: Training
    user_accuracy: float
    rate: float = 0.1


SCALES: Mapping[str, Scale] = {
    "digits": Scale(Patch(4), 7, "digits[4-9]", 3, Training(epochs=6, batch_size=32), 0.9),
    "gtsrb": Scale(
        Patch(4, (1.0, 1.0, 0.0)), 8, "gtsrb[0-20]", 8,
        Training(epochs=8, batch_size=64, lr=2e-3), 0.8, rate=0.05,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class ModelZooStudy(Study):
    """Sends a clean and a backdoored network to a user, by every route of the paper.

    Args:
        data: a key of `SCALES`.
        seeds: of the networks.
    """

    data: str
    seeds: Sequence[int] = (0, 1, 2)

    @property
    def scale(self) -> Scale:
        """What is downloaded, and how its user goes on."""
        return SCALES[self.data]

    def honest(self, seed: int) -> OutsourcedTrial:
        """Return the network that an honest author publishes."""
        return ZOOS[self.data].trial(seed, observe=OBSERVED)

    def badnet(self, seed: int) -> OutsourcedTrial:
        """Return the one that an attacker wants users to have in its place."""
        scale = self.scale
        backdoor = Backdoor(scale.trigger, AllToOne(scale.target), scale.rate)
        control = self.honest(seed)
        return ZOOS[self.data].trial(seed, backdoor, control=control, observe=OBSERVED)

    def control(self, seed: int) -> TransferTrial:
        """Return the honest network as its user retrains it."""
        return self._retrained(self.honest(seed))

    def retrained(self, seed: int) -> TransferTrial:
        """Return the backdoored network as its user retrains it."""
        return self._retrained(self.badnet(seed), self.control(seed))

    def detector(self) -> OutsourcedTrial:
        """Return a detector to publish: no audit can look at it."""
        return signs().honest.model_copy(update={"observe": ("supply-chain",)})

    def groups(self, records: Mapping[str, Record]) -> Groups:
        """Return what is downloaded, what is made of it, and a detector."""
        return {
            "honest": [self.honest(seed) for seed in self.seeds],
            "badnet": [self.badnet(seed) for seed in self.seeds],
            "control": [self.control(seed) for seed in self.seeds],
            "retrained": [self.retrained(seed) for seed in self.seeds],
            "detector": [self.detector()],
        }

    def _retrained(
        self, start: OutsourcedTrial, control: TransferTrial | None = None
    ) -> TransferTrial:
        return TransferTrial(
            kind="transfer",
            data=self.scale.user,
            network=start.network,
            architecture=start.architecture,
            training=self.scale.retraining,
            start=start,
            control=control,
            freeze="all-but-head",
            target_accuracy=self.scale.user_accuracy,
            observe=("attacked",) if control and start.seed == self.seeds[0] else (),
            keep_bundle=control is None,
            seed=start.seed,
        )


def make(data: str, *, quick: bool = False) -> ModelZooStudy:
    """Return the study.

    Args:
        data: ``"digits"`` or ``"gtsrb"``.
        quick: one seed.
    """
    return ModelZooStudy(data, (0,)) if quick else ModelZooStudy(data)
