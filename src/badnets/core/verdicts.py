"""What an audit says of a model. This module imports neither torch nor numpy.

A verdict never says that a model is clean: at best nothing was found by what was looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from badnets.core.conclusions import EXIT_CODES as EXIT_CODES
from badnets.core.conclusions import Conclusion as Conclusion
from badnets.core.conclusions import conclusion_from as conclusion_from
from badnets.core.nulls import NullKind
from badnets.core.results import Measured, Result
from badnets.core.settings import Share

TRANSFERABILITY = "expected-transferability"  # a share, where others have deviations
REACH = "trigger-reach"  # see `badnets.audit.combining.reach`


class _Said(Result):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NotCovered(_Said):
    """Something that was not looked at.

    Attributes:
        what: which kind of backdoor or which check.
        why: what was missing for it.
    """

    what: str = Field(title="not looked at")
    why: str = Field(title="why")


class MethodScore(_Said):
    """What one method says; not a verdict of its own.

    Attributes:
        method: its name.
        version: its version.
        score: higher is more suspicious; None where it was no finite number.
        p_value: from this method alone; None without a null.
        targets: the classes that it points at.
        points_at: their names.
        seconds: how long it took.
    """

    method: str = Field(title="method")
    version: int = Field(default=1, ge=1)
    score: float | None = Field(default=None, title="score")
    p_value: Share | None = Field(default=None, title="p-value alone")
    targets: tuple[int, ...] = ()
    points_at: str | None = Field(default=None, title="highest for", exclude=True)
    seconds: float = Field(default=0.0, ge=0, title="seconds")


class Verdict(_Said):
    """The answer of an audit, with what it rests on.

    Attributes:
        conclusion: backdoor likely, nothing found, or not checked.
        max_fpr: the false-positive rate that was asked for, in (0, 1).
        p_value: share of clean models, the suspect among them, that score as high; None without
            a null.
        smallest_fpr: the smallest rate that the null supports: 1 / (n + 1); None without a null.
        null: which clean models it was compared with; None: uncalibrated.
        compared_with: the same in words.
        rank: the p-value in words.
        asked: both rates in words.
        scale: what the methods' scores are, in words.
        null_digests: digests of the nulls.
        targets: suspected target classes.
        suspected: their names.
        suspected_source: name of the class whose images alone are attacked; None: several, or any.
        scores: what each method says.
        recovered_trigger: path of the file that the recovered trigger was written to, as
            `badnets.triggers.Saved` takes it; None: none was written.
        sought: how that trigger was found and measured, in words.
        effect: held-out images that this trigger turns into the target, of those of other classes.
        before: those that are named so without it.
        coverage: what was not looked at, and why.
        notes: what else a reader has to know, such as a quantity outside the null's range.
        noted: the same as one text.
        seconds: how long it all took.
        bundle: SHA-256 that names the model; None: it was no bundle.
        clean_images: how many it was looked at with.
        made: when, in UTC, as ``2026-01-31T12:00:00Z``.
    """

    conclusion: Conclusion = Field(title="conclusion")
    suspected: str | None = Field(default=None, title="suspected target")
    suspected_source: str | None = Field(default=None, title="  from images of")
    p_value: Share | None = None
    max_fpr: float = Field(default=0.05, gt=0, lt=1)
    smallest_fpr: Share | None = None
    null: NullKind | None = None
    compared_with: str | None = Field(default=None, title="compared with")
    rank: str | None = Field(default=None, title="p-value", exclude=True)
    asked: str | None = Field(default=None, title="asked for", exclude=True)
    null_digests: tuple[str, ...] = ()
    targets: tuple[int, ...] = ()
    sought: str | None = Field(default=None, title="trigger", exclude=True)
    effect: Measured | None = Field(default=None, title="called the target with it")
    before: Measured | None = Field(default=None, title="called the target without it")
    recovered_trigger: str | None = Field(default=None, title="trigger written to")
    seconds: float = Field(default=0.0, ge=0, title="seconds")
    notes: tuple[str, ...] = ()
    noted: str | None = Field(default=None, title="note", exclude=True)
    scale: str | None = Field(default=None, title="scores", exclude=True)
    scores: tuple[MethodScore, ...] = Field(default=(), title="methods")
    coverage: tuple[NotCovered, ...] = Field(default=(), title="coverage")
    bundle: str | None = None
    clean_images: int | None = Field(default=None, ge=0)
    made: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")] | None = None

    @model_validator(mode="after")
    def _follows_from_its_numbers(self) -> Self:
        follows = conclusion_from(self.p_value, self.smallest_fpr, self.max_fpr)
        if self.conclusion == follows:
            return self
        if self.conclusion != "not checked":
            raise ValueError(
                f"p-value {self.p_value} at a false-positive rate of {self.max_fpr} (the null's "
                f"smallest is {self.smallest_fpr}) means {follows}, not {self.conclusion}"
            )
        if not (self.coverage or self.notes):
            raise ValueError("not checked: say in coverage or notes what was not, and why")
        return self

    @property
    def exit_code(self) -> int:
        """0: nothing found; 1: a backdoor is likely; 3: it could not be checked."""
        return EXIT_CODES[self.conclusion]


def in_words(
    p_value: float | None,
    smallest_fpr: float | None,
    max_fpr: float,
    scores: Sequence[MethodScore] = (),
) -> dict[str, str]:
    """Return what text says of a verdict's numbers: its fields ``rank``, ``asked``, ``scale``."""
    asked = f"at most {100 * max_fpr:g} % of clean models called backdoored"
    scored = any(one.score is not None for one in scores)
    if p_value is None or smallest_fpr is None:
        scale = (
            "how far one class lies above the model's others, in their robust deviations; clean "
            "models have such classes too, and how often is not known here"
        )
        if any(one.method == REACH for one in scores):
            scale += f"; {REACH}: how far shared triggers reach, in the model's mean clean margins"
        if any(one.method == TRANSFERABILITY for one in scores):
            scale = (
                "the share of a class's other images that what moves one of them moves too: above "
                "1/2 its authors suspect a backdoor; how often clean models lie above it is not "
                "known here"
            )
        return {"asked": asked} | ({"scale": scale} if scored else {})
    clean = round(1 / smallest_fpr) - 1
    above = round(p_value * (clean + 1)) - 1
    said = {
        "rank": f"{p_value:.3f}: {above or 'none'} of {clean} clean models "
        f"{'score' if above > 1 else 'scores'} as high",
        "asked": f"{asked}; {clean} models can vouch for {100 * smallest_fpr:.2g} % or more",
    }
    scale = (
        "how far the model stands out among the clean ones, in their deviations; a low p-value "
        "alone is no verdict: of several methods one is often low by chance"
    )
    return said | ({"scale": scale} if scored else {})
