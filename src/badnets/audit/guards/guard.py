"""A guard at a model's input: flags images that look triggered, at a stated false-rejection rate.

The clean images are split in three: one part fits the methods, one says how often clean images
score so high, and one sets the threshold. None is used twice, and no image that is judged is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from badnets.audit.cells import parts
from badnets.audit.deadline import Deadline
from badnets.audit.guards.base import INPUT_METHODS, Answered, InputMethod
from badnets.audit.suspects import Suspect, unfit
from badnets.core.errors import SettingError, ShapeError
from badnets.core.pictures import check_range
from badnets.core.rates import Rate
from badnets.data.splitting import shuffled
from badnets.models.inputs import check_images

USUAL, ANSWERS_ALONE = ("nearest-neighbours", "mahalanobis"), ("strip", "scale-up")
FEWEST, MOST = 8, 4000  # clean images: so that each part has some, and as many as are used
OF_A_CLASS = 50  # clean scores that a class needs for a tail of its own
BEYOND = 0.1  # share of clean scores beyond which the tail is taken for exponential
_ROUNDING = 1e-9  # of 1 / 0.01, say


class Guarded(NamedTuple):
    """What a guard says of N inputs, on the CPU.

    Attributes:
        labels: ``(N,)`` int64, as the model names them.
        scores: ``(N,)`` float32: minus the decimal logarithm of the share of clean images that
            score as high by the method that finds the input strangest; NaN: not judged.
        by_method: ``(N, M)`` float32: the same by each method.
        threshold: inputs that score higher are flagged; None: there were too few clean images.
        why_not: why there is no threshold.
    """

    labels: Tensor
    scores: Tensor
    by_method: Tensor
    threshold: float | None
    why_not: str | None = None

    @property
    def judged(self) -> Tensor:
        """``(N,)`` bool: whether any method could say something of the input."""
        return ~self.scores.isnan()

    @property
    def flagged(self) -> Tensor:
        """``(N,)`` bool: whether the input looks triggered; False where it is not judged.

        Raises:
            SettingError: there were too few clean images for the false-rejection rate.
        """
        if self.threshold is None:
            raise SettingError(f"no input can be flagged: {self.why_not}")
        return self.scores > self.threshold


@dataclass(frozen=True, eq=False)
class Tail:
    """How often clean images score as high by one method.

    Args:
        levels: ``(K,)``: what is taken from the scores of images that are named so: the median of
            the clean ones, of its own class where they are 50 or more.
        ordered: ``(n,)``: what is left of the clean images' scores, ascending.
        start: from here on the tail is taken for exponential.
        mean_excess: of the scores above it.
    """

    levels: Tensor
    ordered: Tensor
    start: float
    mean_excess: float

    @classmethod
    def of(cls, scores: Tensor, labels: Tensor, num_classes: int) -> Self:
        """Return the tail of ``(n,)`` scores of images that are named so; NaN does not count."""
        labels, scores = labels[~scores.isnan()], scores[~scores.isnan()]
        levels = scores.quantile(0.5).expand(num_classes).clone() if len(scores) else scores
        for k, count in enumerate(labels.bincount().tolist()):
            if count >= OF_A_CLASS:
                levels[k] = scores[labels == k].quantile(0.5)
        ordered = (scores - levels[labels]).sort().values
        start = float(ordered[int((1 - BEYOND) * len(ordered))]) if len(ordered) else math.inf
        above = ordered[ordered > start]
        mean_excess = float((above - start).mean()) if len(above) else 0.0
        return cls(levels, ordered, start, mean_excess)

    def surprise(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return minus the decimal logarithm of the share that scores as high; NaN stays NaN."""
        most = len(self.ordered)
        if not most:  # the method said nothing of any clean image
            return torch.full_like(scores, torch.nan)
        scores = scores - self.levels[labels]
        as_high = most - torch.searchsorted(self.ordered, scores)
        found = -torch.log10((1.0 + as_high) / (1.0 + most))
        if self.mean_excess > 0:
            as_start = 1.0 + int((self.ordered >= self.start).sum())
            excess = (scores - self.start) / (self.mean_excess * math.log(10))
            beyond = excess - math.log10(as_start / (1.0 + most))
            found = torch.where(scores > self.start, beyond, found)
        return found.masked_fill(scores.isnan(), torch.nan)


class Guard:
    """A classifier that also says which inputs look triggered: `predict`, or a call.

    Attributes:
        subject: the model.
        methods: the names of the methods that look.
        max_false_rejections: the share of clean inputs that may be flagged.
        threshold: inputs that score higher are flagged; None where there were too few clean images.
        why_not: why there is no threshold.
        rulers: how many clean images set the threshold.
    """

    def __init__(
        self,
        suspect: Any,
        clean: Any,
        max_false_rejections: float = 0.01,
        *,
        methods: Sequence[str] | None = None,
        allow_code: bool = False,
        data_root: Path | str | None = None,
        seed: int = 0,
    ) -> None:
        """Fit the methods and set the threshold.

        Args:
            suspect: a subject, or a bundle or ONNX file.
            clean: an `ImageSet` of clean images that the model was not trained on; or the name of a
                data set, whose test part is taken, or a folder as a path or ``folder:PATH``. Of
                many, 4000 are taken at random.
            max_false_rejections: in (0, 1); the smaller, the more clean images it needs.
            methods: names out of `INPUT_METHODS`; None: those that need no further pass through the
                model; where it has no features, those that need its answers alone, and are slow.
            allow_code: whether code that a bundle names may be run.
            data_root: where data sets lie; None: the usual place.
            seed: which clean images are for what.

        Raises:
            BundleError, DataError, SettingError, ShapeError: a file cannot be read, or does not fit
                the others; the model cannot do what a method needs, or cannot be guarded at all.
        """
        if not 0 < max_false_rejections < 1:
            raise SettingError(
                f"max_false_rejections must be in (0, 1), got {max_false_rejections}"
            )
        given = Suspect.of(suspect, clean, None, data_root, allow_code=allow_code)
        self.subject, self.max_false_rejections = given.subject, max_false_rejections
        if why := unfit(self.subject, given.clean, Deadline()):
            raise SettingError(f"the model cannot be guarded: {why}")
        usual = ANSWERS_ALONE if INPUT_METHODS[USUAL[0]].lacking(self.subject) else USUAL
        kinds = [INPUT_METHODS[name] for name in methods or usual]
        for kind in kinds:
            if lacking := kind.lacking(self.subject):
                raise SettingError(f"{kind.kind} needs {lacking}, which the model does not give")
        self.methods = tuple(kind.kind for kind in kinds)
        held = 0 if given.clean is None else min(MOST, len(given.clean))
        wanted = math.ceil(1 / max_false_rejections - _ROUNDING) - 1
        if held < FEWEST:
            raise SettingError(
                f"clean must hold {FEWEST} images or more, and {2 * wanted} for a false-rejection "
                f"rate of {max_false_rejections:g}, got {held}"
            )
        ruling = max(held // 4, min(wanted, held // 2))
        fitting, order = (held - ruling) * 2 // 3, shuffled(len(given.clean), seed)[:held]
        self._fit(kinds, given, order[:fitting])
        self._calibrate(given.clean.images_at(order[fitting:-ruling]))
        self.threshold: float | None = None
        self.why_not: str | None = None
        clean_scores = self._looked_at(given.clean.images_at(order[-ruling:])).scores
        self._set_threshold(clean_scores[~clean_scores.isnan()].sort().values)

    def __call__(self, images: Any) -> Guarded:
        """Return what `predict` returns."""
        return self.predict(images)

    def predict(self, images: Any) -> Guarded:
        """Return what the model says of images, and which look triggered.

        Args:
            images: ``(N, C, H, W)``, uint8 or float in [0, 1].

        Raises:
            ShapeError: they are of another shape than the model takes, not in [0, 1], or hold NaN.
        """
        images = check_images(images, self.subject.input.shape)
        if not bool(images.isfinite().all()):
            first = int((~images.isfinite()).flatten(1).any(1).nonzero()[0])
            raise ShapeError(
                f"image {first} of {len(images)} holds NaN or infinity: give numbers in [0, 1]"
            )
        check_range(images)
        return self._looked_at(images)

    def p_value(self, flagged: int, judged: int) -> float:
        """Return the chance that so many or more of so many clean inputs are flagged.

        The share of clean inputs above the threshold is not known exactly: of few clean images it
        follows a beta distribution, so that the count follows a beta-binomial one.

        Raises:
            SettingError: there is no threshold.
        """
        if self.threshold is None:
            raise SettingError(f"no input can be flagged: {self.why_not}")
        above = math.floor(self.max_false_rejections * (self.rulers + 1) + _ROUNDING)
        a, b = (torch.tensor(float(n)).double() for n in (above, self.rulers + 1 - above))
        hits = torch.arange(flagged, judged + 1).double()
        rest = judged - hits
        whole = torch.tensor(float(judged)).double()
        chances = (
            (whole + 1).lgamma() - (hits + 1).lgamma() - (rest + 1).lgamma()
            + (hits + a).lgamma() + (rest + b).lgamma() - (whole + a + b).lgamma()
            + (a + b).lgamma() - a.lgamma() - b.lgamma()
        )  # fmt: skip
        return min(1.0, float(chances.logsumexp(0).exp()))

    def _fit(self, kinds: Sequence[type[InputMethod]], given: Suspect, rows: Tensor) -> None:
        images = given.clean.images_at(rows)
        seen = [Answered.of(self.subject, images[part]) for part in self._parts(images)]
        whole = Answered(*(torch.cat(each) for each in zip(*seen, strict=True)))
        named = given.clean.labels[rows].to(whole.labels.device)
        right = Rate(int((whole.labels == named).sum()), len(rows))
        if given.is_labelled and right.interval.high < 0.5:  # of few images chance may do that
            raise SettingError(
                f"the model names {right.hits} of {right.total} clean images as their labels do: "
                "give images of its classes, or pictures without labels, in one folder"
            )
        self._fitted = [kind.fitted(self.subject, whole) for kind in kinds]

    def _calibrate(self, images: Tensor) -> None:
        labels, raw = self._raw(images)
        count = self.subject.num_classes
        self._tails = [Tail.of(scores, labels, count) for scores in raw.unbind(1)]

    def _set_threshold(self, ordered: Tensor) -> None:
        self.rulers = len(ordered)
        above = math.floor(self.max_false_rejections * (self.rulers + 1) + _ROUNDING)
        self.threshold = float(ordered[-above]) if 0 < above <= self.rulers else None
        self.why_not = (
            None
            if self.threshold is not None
            else f"a false-rejection rate of {self.max_false_rejections:g} needs "
            f"{math.ceil(1 / self.max_false_rejections - _ROUNDING) - 1} clean images to set the "
            f"threshold, and as many to fit the methods: there are {self.rulers}"
        )

    def _parts(self, images: Tensor) -> list[slice]:
        return parts(len(images), 1, images.shape[1:])

    def _raw(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(N,)`` labels and ``(N, M)`` scores as the methods give them."""
        device = self.subject.device
        labels = [torch.empty(0, dtype=torch.int64, device=device)]
        scores = [torch.empty(0, len(self.methods), device=device)]
        for part in self._parts(images):
            answered = Answered.of(self.subject, images[part])
            labels.append(answered.labels)
            own = [method.scores(self.subject, answered) for method in self._fitted]
            scores.append(torch.stack(own, 1))
        return torch.cat(labels), torch.cat(scores)

    def _looked_at(self, images: Tensor) -> Guarded:
        labels, raw = self._raw(images)
        columns = zip(self._tails, raw.unbind(1), strict=True)
        found = torch.stack([tail.surprise(scores, labels) for tail, scores in columns], 1)
        highest = found.nan_to_num(-torch.inf).amax(1)
        scores = highest.masked_fill(highest == -torch.inf, torch.nan)
        return Guarded(labels.cpu(), scores.cpu(), found.cpu(), self.threshold, self.why_not)
