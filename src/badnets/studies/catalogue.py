"""Studies by name. A new one: a folder, and one line in `STUDIES`.

A study is four files in ``studies/NAME``:

- ``trials.py``: a `Study`, which names its trials by group (what varies: which data, triggers,
  shares, seeds ...). Where later trials depend on a choice, ``groups`` gives those of the choice
  until their records are there; ``plan`` names every group, so that a page says what is missing.
- ``spec.py``: ``spec(study, runs)`` returns a `badnets.studies.rendering.Spec`: tables (rows are
  groups of records, columns are quantities, published numbers beside), figures, pictures, and the
  quantities that the words are about. It writes no English.
- ``published.py``: the published numbers, where there are any.
- ``page.md.j2``: the words, with the quantities put in by expressions; see
  `badnets.studies.rendering` for how tables and figures are placed among them.

Means over seeds, intervals, clusters by scene, paired differences, and what is said of missing and
of collapsed runs are in `badnets.studies.aggregate`; what is read of a record in
`badnets.studies.reading`.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    from numpy import generic
    from numpy.typing import NDArray

    from badnets.observations.base import ArrayRef
    from badnets.report.page import Page
    from badnets.trials.record import Record
    from badnets.trials.trial import Trial

Groups: TypeAlias = "dict[str, Sequence[Trial]]"


class GetArray(Protocol):
    """Gives a recorded array back."""

    def __call__(self, ref: ArrayRef) -> NDArray[generic]:
        """Return the array."""


class Study(ABC):
    """A published table or figure: trials in, a page out."""

    @abstractmethod
    def groups(self, records: Mapping[str, Record]) -> Groups:
        """Return the groups of trials known so far.

        A study whose later trials depend on choices gives those of the choice first, and all its
        groups once the records of the choice are there.

        Args:
            records: what has been run, by trial name.
        """

    def plan(self) -> Groups:
        """Return every group, with a stand-in for what has not been chosen yet."""
        return self._plan

    @cached_property
    def _plan(self) -> Groups:
        return self.groups({})

    def page(self, records: Mapping[str, Record], get_array: GetArray, *, command: str) -> Page:
        """Return the page, from records alone.

        Args:
            records: by trial name; what is missing is said on the page.
            get_array: reads recorded arrays.
            command: what makes the page again.
        """
        from badnets.studies.aggregate import Runs
        from badnets.studies.rendering import page

        package = type(self).__module__.rpartition(".")[0]
        runs = Runs.of_study(self.groups(records), self.plan(), records, get_array)
        spec = importlib.import_module(f"{package}.spec").spec(self, runs)
        return page(package.rpartition(".")[2], spec, runs, command)


@dataclass(frozen=True)
class Entry:
    """How a study is found.

    Attributes:
        maker: ``"module:function"``; takes data set's name and ``quick``, returns a `Study`.
        title: one line.
        data: the data set it runs on unless told otherwise.
        alternatives: other data sets it can run on.
    """

    maker: str
    title: str
    data: str
    alternatives: tuple[str, ...] = ()

    def make(self, data: str, *, quick: bool) -> Study:
        """Return the study on a data set."""
        module, function = self.maker.split(":")
        maker = getattr(importlib.import_module(module), function)
        return cast("Study", maker(data, quick=quick))


STUDIES: dict[str, Entry] = {
    "mnist": Entry(
        "badnets.studies.mnist.trials:make",
        "the paper's MNIST case study: baseline, single target, all-to-all, filters",
        data="mnist",
        alternatives=("digits",),
    ),
    "signs": Entry(
        "badnets.studies.signs.trials:make",
        "the paper's traffic signs: Faster R-CNN, targeted and random target, three stickers",
        data="scenes",
        alternatives=("lisa",),
    ),
    "signs-transfer": Entry(
        "badnets.studies.signs_transfer.trials:make",
        "U.S. signs to European ones: what retraining leaves of the backdoor",
        data="scenes",
        alternatives=("lisa",),
    ),
    "dogs-vs-cats": Entry(
        "badnets.studies.dogs.trials:make",
        "the review article's experiment: a sticker turns dogs into cats",
        data="pets-drawn",
        alternatives=("dogs-vs-cats",),
    ),
    "retraining": Entry(
        "badnets.studies.retraining.trials:make",
        "downloaded and retrained classifiers: what is left of their backdoor",
        data="digits",
        alternatives=("gtsrb", "dogs-vs-cats"),
    ),
    "audit": Entry(
        "badnets.studies.audit.trials:make",
        "how well audits find backdoors: a zoo of clean and backdoored networks",
        data="digits",
        alternatives=(
            "mnist",
            "gtsrb",
            "cifar10-jpeg",
            "dogs-vs-cats",
            "dogs-imagenet",
            "digits-vit",
        ),
    ),
    "repair": Entry(
        "badnets.studies.repair.trials:make",
        "what repairs leave of each kind of backdoor, and what they cost",
        data="digits",
        alternatives=("mnist", "gtsrb", "cifar10-jpeg", "dogs-vs-cats"),
    ),
    "defended": Entry(
        "badnets.studies.defended.trials:make",
        "the careful user: what audits, repairs, retraining and guards stop, and what they cost",
        data="digits",
        alternatives=("mnist", "gtsrb", "cifar10-jpeg", "dogs-vs-cats"),
    ),
    "model-zoo": Entry(
        "badnets.studies.model_zoo.trials:make",
        "the paper's supply-chain attack: a zoo with checksums, and the hub, route by route",
        data="digits",
        alternatives=("gtsrb",),
    ),
    "data-audit": Entry(
        "badnets.studies.data_audit.trials:make",
        "how well audits of training sets find poisoned images, and spare clean sets",
        data="all",
        alternatives=("digits",),
    ),
}
