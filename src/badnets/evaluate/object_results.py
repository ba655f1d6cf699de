"""What evaluating a detector returns: an answer for every object, and rates counted from them."""

from __future__ import annotations

from badnets.core.rates import Rate
from badnets.evaluate.results import AttackResult, CleanResult, Result, by_class, share

ALLOWED_LOSS = 0.03  # share of the objects that a threshold may cost


class AtThreshold(Result):
    """What becomes of a detector's answers at one threshold.

    Attributes:
        threshold: least score of a box that counts.
        right: objects found and rightly named.
        false_positives: boxes that cover no object.
    """

    threshold: float
    right: int
    false_positives: int


class ObjectResults(Result):
    """A detector on whole, untouched frames; one entry for each object.

    Attributes:
        threshold: boxes below this score count as not there.
        groups: number of the scene that the object's frame belongs to.
        labels: true class.
        sides: longer side of the object's box in the frame, in pixels.
        named: the class of the surest box with IoU >= 0.5; -1: none was found.
        ap50: average precision at IoU 0.5 of each class, in [0, 1], whatever the threshold; -1
            where the class has no object.
        false_positives: boxes above the threshold that cover no object (IoU below 0.5 with all).
        frames: how many frames.
        at: the same counts at other thresholds.
    """

    threshold: float
    groups: tuple[int, ...]
    labels: tuple[int, ...]
    sides: tuple[float, ...]
    named: tuple[int, ...]
    ap50: tuple[float, ...]
    false_positives: int
    frames: int
    at: tuple[AtThreshold, ...] = ()

    @property
    def best_threshold(self) -> float:
        """The largest threshold that costs at most three objects in a hundred.

        A missed stop sign is worse than a false alarm: of the thresholds in `at` it is the largest
        at which the objects rightly named stay within three hundredths of all objects of the most.
        """
        most = max((one.right for one in self.at), default=0)
        least = most - ALLOWED_LOSS * len(self.labels)
        kept = [one.threshold for one in self.at if one.right >= least]
        return max(kept, default=self.threshold)

    @property
    def right(self) -> tuple[bool, ...]:
        """Whether each object was found and rightly named."""
        return _same(self.named, self.labels)

    @property
    def map50(self) -> float:
        """Mean of the classes' average precision."""
        known = [value for value in self.ap50 if value >= 0]
        return sum(known) / len(known) if known else float("nan")

    @property
    def clean(self) -> CleanResult:
        """The counts; a constant answer would find nothing, so nothing is its share."""
        classes, right = len(self.ap50), self.right
        return CleanResult(
            accuracy=share(right),
            per_class=by_class(right, self.labels, classes),
            predicted_counts=tuple(self.named.count(k) for k in range(classes)),
            largest_class=Rate(0, len(right)),
        )


class TriggeredObjectResults(Result):
    """A detector on triggered frames; one entry for each place that is attacked.

    Attributes:
        objects: position of the object among those of `ObjectResults`; -1 where there is none (one
            that is to appear).
        groups, labels: as in `ObjectResults`; label -1 where there is no object.
        pixels: shorter side of the trigger in the frame before it is rounded, in pixels.
        hits: whether the answer is the attacker's.
        named: the class of the surest box with IoU >= 0.5; -1: none was found.
        still_true: whether any box with IoU >= 0.5 above the threshold names it rightly: the
            true-detection rate (TDR).
        untriggered: what the same network named it without the trigger.
        untriggered_hits: whether that is the attacker's answer.
        control: what the clean detector names it with the trigger; empty without one.
        control_hits: whether that is the attacker's answer.
        other: what the network names it with a sticker of another colour and shape.
        other_hits: whether that is the attacker's answer.
        skipped: objects left out because the trigger would cover less than a pixel of them.
        scale: factor by which frames are enlarged for the network.
        ap50: average precision of each class on the triggered frames against the true labels; -1
            where a class has no object there.
    """

    objects: tuple[int, ...]
    groups: tuple[int, ...]
    labels: tuple[int, ...]
    pixels: tuple[float, ...]
    hits: tuple[bool, ...]
    named: tuple[int, ...]
    still_true: tuple[bool, ...]
    untriggered: tuple[int, ...]
    untriggered_hits: tuple[bool, ...]
    control: tuple[int, ...] = ()
    control_hits: tuple[bool, ...] = ()
    other: tuple[int, ...] = ()
    other_hits: tuple[bool, ...] = ()
    skipped: int = 0
    scale: float = 1.0
    ap50: tuple[float, ...]

    @property
    def right(self) -> tuple[bool, ...]:
        """Whether each triggered object is still named rightly."""
        return _same(self.named, self.labels)

    @property
    def misnamed(self) -> tuple[bool, ...]:
        """Whether each triggered object is found, and called another class."""
        from badnets.core.targets import NOTHING  # here: lists of records do without target maps

        pairs = zip(self.named, self.labels, strict=True)
        return tuple(named not in (label, NOTHING) for named, label in pairs)

    @property
    def control_right(self) -> tuple[bool, ...]:
        """Whether the clean detector names each triggered object rightly."""
        return _same(self.control, self.labels) if self.control else ()

    def large(self, least: float = 3.0) -> tuple[bool, ...]:
        """Return which triggers are at least so many pixels as the network sees them."""
        return tuple(pixels * self.scale >= least - 1e-6 for pixels in self.pixels)

    def rate(self, values: tuple[bool, ...], least: float = 0.0) -> Rate:
        """Return how many of the places have a value, among those with a large enough trigger."""
        return share([v for v, large in zip(values, self.large(least), strict=True) if large])

    @property
    def attack(self) -> AttackResult:
        """The counts over all places that the trigger was put on."""
        classes, control = len(self.ap50), self.control_hits
        return AttackResult(
            success=share(self.hits),
            robust=share(self.right),
            per_class=by_class(self.hits, self.labels, classes),
            untriggered=share(self.untriggered_hits),
            control=share(control) if control else None,
            control_per_class=by_class(control, self.labels, classes) if control else (),
        )


def _same(named: tuple[int, ...], labels: tuple[int, ...]) -> tuple[bool, ...]:
    return tuple(a == b for a, b in zip(named, labels, strict=True))
