"""Every repair on every kind of backdoor, and on clean networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from badnets.repair.base import REPAIRS
from badnets.studies.audit.trials import CLEAN, AuditStudy
from badnets.studies.audit.zoos import ZOOS
from badnets.studies.catalogue import Groups, Study
from badnets.trials.trial import OutsourcedTrial, RepairedTrial

if TYPE_CHECKING:
    from badnets.trials.record import Record

SEEDS = 3  # networks of each kind
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


@dataclass(frozen=True)
class RepairStudy(Study):
    """Repairs networks of the evaluation part of the audit's zoo.

    Args:
        data: the zoo's name.
        methods: the repairs.
        kinds: of backdoors; empty: all.
        seeds: networks of each kind.
    """

    data: str
    methods: tuple[str, ...] = METHODS
    kinds: tuple[str, ...] = ()
    seeds: int = SEEDS

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
        zoo = AuditStudy(ZOOS[self.data])
        return {
            name: [
                one.model_copy(update={"observe": ()})
                for one in zoo.judged[name][: self.seeds]
                if isinstance(one, OutsourcedTrial)
            ]
            for name in (CLEAN, *(self.kinds or zoo.kinds))
        }

    def groups(self, records: Mapping[str, Record]) -> Groups:
        """Return the repaired networks, ``METHOD: KIND``, then those downloaded, ``KIND``."""
        downloads = self._downloads
        repaired = {
            f"{method}: {kind}": [self._repaired(method, one) for one in networks]
            for method in self.methods
            for kind, networks in downloads.items()
        }
        return {**downloads, **repaired}

    def _repaired(self, method: str, start: OutsourcedTrial) -> RepairedTrial:
        return RepairedTrial(
            kind="repaired",
            start=start,
            control=None if start.is_clean else self.control,
            method=REPAIRS.parse(method),
            share=self.share,
            target_accuracy=start.target_accuracy,
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
        return RepairStudy(data)
    kinds = ("patch", "blended", "all to all")
    return RepairStudy(data, ("unlearning", "fine-tuning"), kinds, seeds=1)
