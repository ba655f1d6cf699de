"""Every repair on every kind of backdoor, and on clean networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from badnets.repair.auto import Auto
from badnets.repair.base import REPAIRS
from badnets.studies.audit.trials import CLEAN, AuditStudy
from badnets.studies.audit.zoos import ZOOS
from badnets.studies.catalogue import Groups, Study
from badnets.trials.trial import OutsourcedTrial, RepairedTrial, Trial

if TYPE_CHECKING:
    from badnets.trials.record import Record

SEEDS = 3  # networks of each kind
FEWER = {"cifar10-jpeg": 1, "dogs-vs-cats": 2}  # of these data
METHODS = (
    "auto",
    "unlearning",
    "universal-unlearning",
    "sharpness-aware",
    "feature-shift",
    "neuron-pruning",
    "fine-pruning",
    "fine-tuning",
)
SHARES = {"digits": 0.5, "dogs-vs-cats": 0.1}  # of the training set that the user has
SHARE = 0.05
BRIEF = Auto(order=("unlearning",))
LOOKS = ("guard", "data-audit")  # what is looked at of each network that is downloaded
AFTERWARDS = {"auto": ("guard", "depth")}  # and of each that was repaired


@dataclass(frozen=True)
class RepairStudy(Study):
    """Repairs networks of the evaluation part of the audit's zoo.

    Args:
        data: the zoo's name.
        methods: the repairs.
        kinds: of backdoors; empty: all.
        seeds: networks of each kind.
        is_brief: whether ``auto`` tries unlearning alone.
    """

    data: str
    methods: tuple[str, ...] = METHODS
    kinds: tuple[str, ...] = ()
    seeds: int = SEEDS
    is_brief: bool = False

    @property
    def share(self) -> float:
        """How much of the training set the user has."""
        return SHARES.get(self.data, SHARE)

    @cached_property
    def control(self) -> OutsourcedTrial:
        """A clean network that answers all triggered images."""
        return self._downloads[CLEAN][0]

    @cached_property
    def _downloads(self) -> dict[str, list[OutsourcedTrial]]:
        """The networks that are downloaded, by kind of backdoor, and the clean ones."""
        zoo = ZOOS[self.data]
        part = zoo.parts["evaluation"]
        more = replace(part, backdoored=max(part.backdoored, self.seeds))
        own = larger = AuditStudy(zoo)
        if more != part:
            larger = AuditStudy(replace(zoo, parts={**zoo.parts, "evaluation": more}))

        def networks(name: str) -> list[Trial]:
            judged = own.judged[name]
            return [*judged, *larger.judged[name][len(judged) :]][: self.seeds]

        return {
            name: [
                one.model_copy(update={"observe": LOOKS})
                for one in networks(name)
                if isinstance(one, OutsourcedTrial)
            ]
            for name in (CLEAN, *(self.kinds or own.kinds))
        }

    def groups(self, records: Mapping[str, Record]) -> Groups:
        """Return the repaired networks, ``METHOD: KIND``, then those downloaded, ``KIND``."""
        return self._groups

    @cached_property
    def _groups(self) -> Groups:
        downloads = self._downloads
        repaired = {
            f"{method}: {kind}": [self.repaired(method, one) for one in networks]
            for method in self.methods
            for kind, networks in downloads.items()
        }
        return {**downloads, **repaired}

    def repaired(self, method: str, start: OutsourcedTrial) -> RepairedTrial:
        """Return the repair of a network that was downloaded."""
        return RepairedTrial(
            kind="repaired",
            start=start,
            control=None if start.is_clean else self.control,
            method=BRIEF if self.is_brief and method == "auto" else REPAIRS.parse(method),
            share=self.share,
            target_accuracy=start.target_accuracy,
            observe=AFTERWARDS.get(method, ()),
            keep_bundle=False,
            seed=start.seed,
        )


def make(data: str, *, quick: bool = False) -> RepairStudy:
    """Return the study.

    Args:
        data: a key of `ZOOS`.
        quick: two repairs of one network of each of three kinds.
    """
    if not quick:
        return RepairStudy(data, seeds=FEWER.get(data, SEEDS))
    kinds = ("patch", "blended", "all to all")
    return RepairStudy(data, ("unlearning", "fine-tuning"), kinds, seeds=1)
