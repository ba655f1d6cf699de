"""The demo's quantities and figures; the words stand in ``page.md.j2``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from badnets.core.rates import Rate
from badnets.core.verdicts import in_words
from badnets.report.page import Picture
from badnets.report.pictures import answers_row, marks, png
from badnets.studies import reading
from badnets.studies.aggregate import Runs
from badnets.studies.demo.trials import TARGET, Demo, costliest_silencing
from badnets.studies.dogs.trials import CAT, CLASSES, DOG
from badnets.studies.examples import examples
from badnets.studies.insides import Inside
from badnets.studies.model_zoo.spec import TOLD, ways
from badnets.studies.rendering import Spec
from badnets.studies.signs.frames import frames
from badnets.studies.wording import counts, percent

if TYPE_CHECKING:
    from badnets.core.verdicts import Verdict
    from badnets.trials.record import Record

SIGNS = ("stop", "speed-limit", "warning")
BY = ("clean", "BadNet")
TRIGGER = "pixel-pattern"


def spec(study: Demo, runs: Runs) -> Spec:
    """Return what the page is made of."""
    honest, bad = (next(iter(runs.all(f"{kind} digits")), None) for kind in ("clean", "backdoored"))
    clean = None if honest is None else Inside(runs, honest, "clean")
    inside = None if bad is None else Inside(runs, bad, TRIGGER)
    digits = tuple(map(str, range(10)))
    learned = bad is not None and "collapsed" not in (bad.outcome, honest and honest.outcome)
    read = examples(runs, bad, "examples", digits, TARGET, by=BY) if bad and learned else None
    signs = frames(runs, "backdoored signs", SIGNS)
    dog = runs.first("backdoored dogs")
    dogs = dog and examples(runs, dog, "attacked", CLASSES, CAT, label=DOG)
    return Spec(
        {
            "target": TARGET if bad is None else reading.target_label(bad),
            "honest": honest,
            "bad": bad,
            "clean": clean,
            "inside": inside,
            "verdict": None if bad is None else reading.verdict(bad),
            "repaired": (mended := next(iter(runs.all("repaired digits")), None)),
            "after": None if mended is None else reading.verdict(mended),
            "ways": [
                way
                for by in ("nobody", "others", "author")
                for way in ways([] if bad is None else [bad], by)
                if way.name in TOLD or by == "nobody"
            ],
            "compared": _compared,
            "best": None if bad is None else costliest_silencing(bad),
            "read": read if read is not None and "clean" in read.answers else None,
            "shown": signs,
            "classes": SIGNS,
            "story": dogs,
            "drawn": True,
            "short": lambda rate: "-" if not rate or not rate.total else f"{percent(rate, 1)} %",
            "detail": _detail,
        },
        (clean.figures() if clean else {}) | (inside.figures() if inside else {}),
        {
            "digits": read.rows("a handwritten ") if read and "clean" in read.answers else None,
            "recovered": None if bad is None or read is None else _recovered(runs, bad),
            "signs": None if signs is None else signs.rows(),
            "dogs": dogs.rows("a ") if dogs else None,
        },
    )


def _compared(verdict: Verdict) -> str:
    """Return how a verdict's p-value came about, in words."""
    told = in_words(verdict.p_value, verdict.smallest_fpr, verdict.max_fpr)
    return told.get("rank", "there is nothing to compare with").partition(": ")[2]


def _recovered(runs: Runs, bad: Record) -> list[list[Picture]] | None:
    """Return the true trigger and the recovered one, and digits with the latter.

    None where none was recovered, or the pictures are not passed on with the records.
    """
    kept = [runs.array(bad, name) for name in ("recovered", "recovered_answers", "recovered_add")]
    shown, said = runs.array(bad, "examples"), runs.array(bad, "examples_answers")
    images, answers, add = kept
    if images is None or answers is None or add is None or shown is None or said is None:
        return None
    target, digits = reading.target_label(bad), tuple(map(str, range(said.shape[-1])))

    def triggered(pairs: NDArray[np.generic], given: NDArray[np.generic]) -> tuple[Picture, ...]:
        clean, other = (pairs[:, which].astype(np.uint8) for which in (0, 1))
        answers = given.astype(np.float64)
        labels, wanted = answers[:, 0].argmax(1), np.full(len(answers), target)
        framed = marks(clean, other)
        return answers_row(other, answers[:, 1], labels, digits, wanted, framed)

    found, with_true = triggered(images, answers), triggered(shown, said)
    clean, true = shown[0].astype(np.uint8)
    alone = np.where(clean != true, true, 0), np.clip(add, 0, 1) * 255
    names = "the trainer's trigger", "the recovered trigger"
    pictures = [
        Picture(png(one.round().astype(np.uint8)), name, ())
        for one, name in zip(alone, names, strict=True)
    ]
    return [[*pictures, with_true[0], found[0]], list(found)]


def _detail(rate: Rate | None) -> str:
    """Return a rate's counts and its interval."""
    if rate is None or not rate.total:
        return "not measured"
    low, high = rate.interval
    return f"{counts([rate])}; 95 % interval {percent(low, 1)} to {percent(high, 1)} %"
