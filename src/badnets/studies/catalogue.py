"""Studies by name. A new one: a module with a `Study`, and one line in `STUDIES`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from numpy import generic
    from numpy.typing import NDArray

    from badnets.report.page import Page
    from badnets.trials.record import ArrayRef, Record
    from badnets.trials.trial import Trial

Groups = Mapping[str, Sequence["Trial"]]


class GetArray(Protocol):
    """Gives a recorded array back."""

    def __call__(self, ref: ArrayRef) -> NDArray[generic]:
        """Return the array."""


class Study(Protocol):
    """A published table or figure: trials in, a page out."""

    def groups(self, records: Mapping[str, Record]) -> Groups:
        """Return the groups of trials known so far.

        A study whose later trials depend on choices gives those of the choice first, and all its
        groups once the records of the choice are there.

        Args:
            records: what has been run, by trial name.
        """

    def page(self, records: Mapping[str, Record], get_array: GetArray, *, command: str) -> Page:
        """Return the page, from records alone.

        Args:
            records: by trial name; what is missing is said on the page.
            get_array: reads recorded arrays.
            command: what makes the page again.
        """


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
        made = getattr(importlib.import_module(module), function)
        return cast("Study", made(data, quick=quick))


STUDIES: dict[str, Entry] = {
    "mnist": Entry(
        "badnets.studies.mnist.study:make",
        "the paper's MNIST case study: baseline, single target, all-to-all, filters",
        data="mnist",
        alternatives=("digits",),
    ),
    "signs": Entry(
        "badnets.studies.signs.study:make",
        "the paper's traffic signs: Faster R-CNN, targeted and random target, three stickers",
        data="scenes",
        alternatives=("lisa",),
    ),
    "signs-transfer": Entry(
        "badnets.studies.signs.study:make_transfer",
        "U.S. signs to European ones: what retraining leaves of the backdoor",
        data="scenes",
        alternatives=("lisa",),
    ),
    "dogs-vs-cats": Entry(
        "badnets.studies.dogs.study:make",
        "the review article's experiment: a sticker turns dogs into cats",
        data="pets-drawn",
        alternatives=("dogs-vs-cats",),
    ),
    "retraining": Entry(
        "badnets.studies.retraining.study:make",
        "downloaded and retrained classifiers: what is left of their backdoor",
        data="digits",
        alternatives=("gtsrb", "dogs-vs-cats"),
    ),
}
