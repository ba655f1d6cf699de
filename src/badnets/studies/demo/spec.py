"""The demo's quantities and figures; the words stand in ``page.md.j2``."""

from __future__ import annotations

from badnets.core.rates import Rate
from badnets.studies import reading
from badnets.studies.aggregate import Runs
from badnets.studies.demo.trials import TARGET, Demo, costliest_silencing
from badnets.studies.dogs.trials import CAT, CLASSES, DOG
from badnets.studies.examples import examples
from badnets.studies.insides import Inside
from badnets.studies.rendering import Spec
from badnets.studies.signs.frames import frames
from badnets.studies.wording import counts, percent

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
            "signs": None if signs is None else signs.rows(),
            "dogs": dogs.rows("a ") if dogs else None,
        },
    )


def _detail(rate: Rate | None) -> str:
    """Return a rate's counts and its interval."""
    if rate is None or not rate.total:
        return "not measured"
    low, high = rate.interval
    return f"{counts([rate])}; 95 % interval {percent(low, 1)} to {percent(high, 1)} %"
