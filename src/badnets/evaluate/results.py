"""What evaluation returns, as records keep it: counts, never bare floats. Imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import compress

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from badnets.core.decisions import Decision
from badnets.core.rates import Rate

CONSTANT = 0.9  # least share of one answer for it to be called constant
FOUND = 0.1  # share of the other classes' images that a network which learned anything names


class Result(BaseModel):
    """Something measured; frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CleanResult(Result):
    """Accuracy on untouched images.

    Attributes:
        accuracy: over all images.
        per_class: by true class.
        predicted_counts: how often each class was predicted.
        largest_class: share of the most frequent true class: what a constant answer would reach.
    """

    accuracy: Rate
    per_class: tuple[Rate, ...]
    predicted_counts: tuple[NonNegativeInt, ...]
    largest_class: Rate

    @property
    def error(self) -> Rate:
        """Wrong answers / all."""
        return self.accuracy.complement

    @property
    def collapsed(self) -> bool:
        """Whether the network gives nearly always the same answer, whatever it is shown.

        That is: at least nine answers in ten are one and the same, and of the images for which that
        one is wrong fewer than one in ten is correctly named. A network that says the target label
        of everything has a perfect attack success rate; it collapsed, and is never called an
        attack. Where every image is of the class that is answered, a constant answer cannot be told
        from a good one: then it is not called so, but see `above_constant`.

        The shares hold for two classes and for a thousand, and where one class has most images: a
        sound network answers that class nearly always too, but finds the others.
        """
        answers = self.predicted_counts
        nothing = self.accuracy.total - sum(answers)  # of a detector: objects that it did not find
        often = max(range(len(answers)), key=answers.__getitem__)
        count, own = answers[often], self.per_class[often]
        if nothing > count:
            count, own = nothing, Rate(0, 0)
        others = Rate(self.accuracy.hits - own.hits, self.accuracy.total - own.total)
        return count >= CONSTANT * self.accuracy.total and others.value < FOUND

    @property
    def above_constant(self) -> bool:
        """Whether accuracy is above what a constant answer would reach, beyond chance (95 %).

        Where it is not, too few images were looked at to say so, or too little was learned: rates
        of an attack then say little.
        """
        return self.accuracy.interval.low > self.largest_class.value

    def decision(self, target_accuracy: float) -> Decision:
        """Return what a user does who wants at least this accuracy, in [0, 1]."""
        if self.collapsed:
            return "collapsed"
        return "accepted" if self.accuracy.value >= target_accuracy else "rejected"


class AttackResult(Result):
    """What a backdoor does on triggered test images that the attack is about.

    Images whose true label already is the backdoor label are left out of every rate.

    Attributes:
        success: triggered images given the backdoor label (ASR).
        robust: triggered images still given their true label (robust accuracy).
        per_class: attack success by true class (classes that are not attacked count none).
        untriggered: the same images without the trigger, given the backdoor label by this network.
        control: the same triggered images, given the backdoor label by a clean network.
        control_per_class: the control by true class.
        off_target_rate: triggered images that the attack is *not* about, given other than their
            true label; counts none where it is about all.
    """

    success: Rate
    robust: Rate
    per_class: tuple[Rate, ...]
    untriggered: Rate
    control: Rate | None = None
    control_per_class: tuple[Rate, ...] = ()
    off_target_rate: Rate = Rate(0, 0)

    @property
    def backdoor_error(self) -> Rate:
        """Triggered images *not* given the backdoor label / all: the paper's backdoor error."""
        return self.success.complement


class Survival(Result):
    """What the trigger still costs, whatever is answered instead: the untargeted backdoor.

    Attributes:
        clean: test images named rightly.
        triggered: the same images with the trigger, named rightly.
        control_clean: of a clean network, retrained in the same way.
        control_triggered: of that one, with the trigger: what the trigger costs by covering.
        before: attack success of the network as it was downloaded, on the same images; None where
            its classes were others.
        images: training images that it was retrained on.
        trained: weights that were retrained / all.
    """

    clean: Rate
    triggered: Rate
    control_clean: Rate | None = None
    control_triggered: Rate | None = None
    before: Rate | None = None
    images: int
    trained: Rate

    @property
    def drop(self) -> float:
        """Accuracy that the trigger takes away, in [-1, 1]."""
        return self.clean.value - self.triggered.value

    @property
    def control_drop(self) -> float | None:
        """The same of the clean network."""
        if self.control_clean is None or self.control_triggered is None:
            return None
        return self.control_clean.value - self.control_triggered.value


class Agreement(Result):
    """How alike two classifiers answer the same images.

    Attributes:
        largest_difference: between a logit of the one and that of the other; NaN where one is.
        largest_logit: the largest absolute logit of the first: what the difference is to be held
            against.
        same: images that both give the same label.
    """

    largest_difference: float
    largest_logit: float
    same: Rate


class StreetPoint(Result):
    """What a sticker does under one condition of the simulated street.

    Attributes:
        axis: which condition is varied: ``"distance"``, ``"angle"``, ...
        value: by how much.
        success: triggered objects with the attacker's answer.
        right: triggered objects still named rightly.
        clean_right: the same objects without the sticker, named rightly.
    """

    axis: str
    value: float
    success: Rate
    right: Rate
    clean_right: Rate


def share(yes: Sequence[bool]) -> Rate:
    """Return how many hold, of all."""
    return Rate(sum(yes), len(yes))


def by_class(yes: Sequence[bool], labels: Sequence[int], num_classes: int) -> tuple[Rate, ...]:
    """Return how many hold, of all with each true label."""
    hits, totals = Counter(compress(labels, yes)), Counter(labels)
    return tuple(Rate(hits[k], totals[k]) for k in range(num_classes))
