"""What an audit of a training set says. This module imports neither torch nor numpy.

It never says that a set is clean: at best nothing was found by what was looked at.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from badnets.core.rates import Rate
from badnets.core.results import Measured, Result
from badnets.core.verdicts import NotCovered

Conclusion = Literal["poisoning likely", "nothing found", "not checked"]
EXIT_CODES: dict[Conclusion, int] = {"nothing found": 0, "poisoning likely": 1, "not checked": 3}


class Share(BaseModel):
    """An estimated share of poisoned images in [0, 1], with a 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    low: float
    high: float

    @classmethod
    def of(
        cls, flagged: Rate, expected: Rate, finds: float, apart: tuple[float, float] = (1.0, 0.0)
    ) -> Share:
        """Return the estimate.

        What is flagged beyond what is flagged of clean images, by the share of poisoned images
        that a method flags: all of them for the value and the low end, the least that was measured
        for the high end. The difference's interval is Newcombe's, from Wilson's of both rates, or
        the bootstrap's where that reaches further.

        Args:
            flagged: images that are flagged, of all that were scored.
            expected: clean images that are, of all that were held out.
            finds: the least share of poisoned images that the method flags; 0: it may miss all.
            apart: the bootstrap's interval of the difference.

        References:
            Newcombe, "Interval estimation for the difference between independent proportions",
            Statistics in Medicine 17, 1998, method 10.
        """
        value = flagged.value - expected.value
        own, theirs = flagged.interval, expected.interval
        low = value - math.hypot(flagged.value - own.low, theirs.high - expected.value)
        high = value + math.hypot(own.high - flagged.value, expected.value - theirs.low)
        low, high = min(low, apart[0]), max(high, apart[1])
        most = min(1.0, max(0.0, high) / finds) if finds else 1.0
        return cls(value=max(0.0, value), low=max(0.0, low), high=most)

    def __str__(self) -> str:
        """Return it in per cent."""
        value, low, high = (100 * one for one in (self.value, self.low, self.high))
        return f"{value:.2f} % [{low:.2f}, {high:.2f}]"


class SetScore(Result):
    """What one method makes of a set: images that it flags where clean ones give a threshold."""

    method: str = Field(title="method")
    version: int
    threshold: float | None = Field(default=None, title="threshold")
    flagged: Measured | None = Field(default=None, title="flagged")
    decides: bool = Field(title="decides")
    seconds: float = Field(title="seconds")


class ClassCount(Result):
    """A class, its images, and those that are flagged."""

    name: str = Field(title="class")
    images: int = Field(title="images")
    flagged: int = Field(title="flagged")


class Repetition(Result):
    """The same few pixels at the same place in many images of a class."""

    name: str = Field(title="class")
    images: int = Field(title="images with the same patch")
    row: int = Field(title="row")
    column: int = Field(title="column")
    elsewhere: int = Field(title="others at another place, most")


class TwoLabels(Result):
    """Images that are the same, or nearly, under two labels."""

    paths: tuple[str, ...]
    where: str = Field(title="under two labels", exclude=True)
    why: str = Field(title="why")


class Suspicious(Result):
    """One image, by rank."""

    rank: int = Field(title="rank")
    image: str = Field(title="most suspicious")
    name: str = Field(title="class")
    score: float = Field(title="score")
    flagged: bool = Field(title="flagged")


class DataVerdict(Result):
    """The answer of an audit of a training set, with what it rests on.

    Attributes:
        conclusion: poisoning likely, nothing found, or not checked.
        data: what was audited.
        images: how many images.
        network: whose features were looked at, in words.
        method: the method that decides, or that images are ranked by.
        max_fpr: share of clean images that may be flagged.
        flagged: images that are flagged, of those that were scored.
        clean_flagged: held-out clean images above the threshold, of all of them.
        poisoned_share: estimated from both.
        named_as_labelled: images that the network names as they are labelled.
        methods: what each method says.
        classes: images and flagged ones by class.
        repetitions: patches that repeat.
        two_labels: images under two labels.
        suspicious: the most suspicious ones.
        flagged_images: names of all that are flagged, most suspicious first.
        coverage: what was not looked at, and why.
        notes: what else a reader has to know.
        noted: the same as one text.
        seconds: how long it all took.
    """

    conclusion: Conclusion = Field(title="conclusion")
    data: str = Field(title="data")
    images: int = Field(title="images")
    poisoned_share: Share | None = Field(default=None, title="estimated poisoned share")
    flagged: Measured | None = Field(default=None, title="flagged")
    clean_flagged: Measured | None = Field(default=None, title="  of held-out clean images")
    max_fpr: float = Field(title="clean images flagged, at most")
    method: str | None = Field(default=None, title="ranked by")
    network: str | None = Field(default=None, title="network")
    named_as_labelled: Measured | None = Field(default=None, title="named as labelled")
    list_file: str | None = Field(default=None, title="list written to")
    sheet: str | None = Field(default=None, title="sheet written to")
    cleaned: str | None = Field(default=None, title="cleaned set written to")
    seconds: float = Field(default=0.0, title="seconds")
    notes: tuple[str, ...] = ()
    noted: str | None = Field(default=None, title="note", exclude=True)
    methods: tuple[SetScore, ...] = Field(default=(), title="methods")
    classes: tuple[ClassCount, ...] = Field(default=(), title="classes")
    repetitions: tuple[Repetition, ...] = Field(default=(), title="repetitions")
    two_labels: tuple[TwoLabels, ...] = Field(default=(), title="under two labels")
    suspicious: tuple[Suspicious, ...] = Field(default=(), title="suspicious")
    flagged_images: tuple[str, ...] = ()
    coverage: tuple[NotCovered, ...] = Field(default=(), title="coverage")

    @property
    def exit_code(self) -> int:
        """0: nothing found; 1: poisoning is likely; 3: it could not be checked."""
        return EXIT_CODES[self.conclusion]
