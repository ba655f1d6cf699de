"""What a careful user does with a network that may be backdoored, and with data that may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from badnets.core.backdoor import Backdoor
from badnets.core.placements import Fixed
from badnets.core.targets import AllToOne
from badnets.core.triggers import Patch
from badnets.scenarios.resisting import RESISTANCES
from badnets.studies.audit.trials import CLEAN
from badnets.studies.audit.zoos import ZOOS
from badnets.studies.catalogue import Groups, Study
from badnets.studies.dogs.trials import EVERY
from badnets.studies.dogs.trials import make as dogs
from badnets.studies.repair.trials import LOOKS, RepairStudy
from badnets.studies.repair.trials import make as make_repair
from badnets.trials.trial import OutsourcedTrial, TransferTrial, Trial

if TYPE_CHECKING:
    from badnets.studies.audit.zoos import Zoo
    from badnets.trials.record import Record

AUTO, RETRAINED = "auto", "retrained"
STEPS = (AUTO, RETRAINED, "anti-backdoor", "audit-and-retrain")
EPOCHS = 10  # of retraining on the user's own images
PUBLISHED = "as BackdoorBench"
COMPARED = ("fine-tuning", "fine-pruning", "unlearning", "neuron-pruning", "universal-unlearning")
BENCHED = ("cifar10-jpeg", "gtsrb")  # data of which BackdoorBench publishes numbers
ARTICLES = "the article's layout"  # dogs with a flower are half of the cats
SEED = 980  # of the part, from which on networks of these attacks have theirs


@dataclass(frozen=True)
class DefendedStudy(Study):
    """Takes every step with the networks that the study of repairs downloads.

    Args:
        repair: that study, with the repair ``auto`` alone.
        is_benched: whether an attack of BackdoorBench's is among them.
        with_clean: whether the steps are taken with clean networks too.
        with_article: whether the attack on cats and dogs of the review article is among them.
    """

    repair: RepairStudy
    is_benched: bool = False
    with_clean: bool = True
    with_article: bool = False

    @property
    def zoo(self) -> Zoo:
        """How the networks are trained."""
        return ZOOS[self.repair.data]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of backdoors, and clean networks where steps are taken with them."""
        names = (name for name in self.repair.groups({}) if ": " not in name)
        own = [name for name in names if self.with_clean or name != CLEAN]
        return (*own, ARTICLES) if self.with_article else tuple(own)

    def groups(self, records: Mapping[str, Record]) -> Groups:
        """Return what is downloaded, by ``KIND``, and then what was done: ``STEP: KIND``.

        With an attack of BackdoorBench's: ``as BackdoorBench``, and ``METHOD: as BackdoorBench``
        of more repairs.
        """
        return self._groups

    @cached_property
    def _groups(self) -> Groups:
        groups = dict(self.repair.groups({}))
        if not self.with_clean:
            groups.pop(f"{AUTO}: {CLEAN}")
        if self.with_article:
            backdoor = dogs(self.repair.data).backdoor(EVERY)
            starts = [self._start(backdoor, number) for number in range(self.repair.seeds)]
            groups[ARTICLES] = starts
            groups[f"{AUTO}: {ARTICLES}"] = [self.repair.repaired(AUTO, one) for one in starts]
        for step in STEPS[1:]:
            for kind in self.kinds:
                groups[f"{step}: {kind}"] = [
                    self._after(step, one)
                    for one in groups[kind]
                    if isinstance(one, OutsourcedTrial)
                ]
        return groups | (self._benched() if self.is_benched else {})

    def _after(self, step: str, start: OutsourcedTrial) -> Trial:
        """Return what one step makes of a network, or of the data that it was trained on."""
        if step in RESISTANCES:
            resist = RESISTANCES.parse(step)
            changes = {"resist": resist, "observe": (), "keep_bundle": False}
            return start.model_copy(update=changes)
        return TransferTrial(
            kind="transfer",
            data=start.data,
            network=start.network,
            architecture=start.architecture,
            training=replace(self.zoo.base, epochs=EPOCHS),
            start=start,
            freeze="none",
            share=self.repair.share,
            target_accuracy=start.target_accuracy,
            keep_bundle=False,
            seed=start.seed,
        )

    def _start(self, backdoor: Backdoor, number: int) -> OutsourcedTrial:
        """Return a network that is trained as the zoo's first recipe says."""
        seed = self.zoo.parts["evaluation"].seed + SEED + number
        return self.zoo.trial(seed, backdoor, observe=LOOKS)

    def _benched(self) -> Groups:
        """Return what is done about an attack of BackdoorBench's."""
        corner = Patch(3, placement=Fixed(0, 0))
        start = self._start(Backdoor(corner, AllToOne(0), 0.1, "replace"), 9)
        return {
            PUBLISHED: [start],
            **{
                f"{method}: {PUBLISHED}": [self.repair.repaired(method, start)]
                for method in (AUTO, *COMPARED)
            },
            **{f"{step}: {PUBLISHED}": [self._after(step, start)] for step in STEPS[1:]},
        }


def make(data: str, *, quick: bool = False) -> DefendedStudy:
    """Return the study.

    Args:
        data: a key of `badnets.studies.audit.zoos.ZOOS`.
        quick: the steps with one network, which has a patch.
    """
    if quick:
        repair = RepairStudy(data, (AUTO,), ("patch",), seeds=1, is_brief=True)
        return DefendedStudy(repair, with_clean=False)
    repair = replace(make_repair(data), methods=(AUTO,))
    return DefendedStudy(repair, is_benched=data in BENCHED, with_article=data == "dogs-vs-cats")
