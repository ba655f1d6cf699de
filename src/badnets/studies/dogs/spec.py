"""The dogs-vs-cats study's quantities and figures; tables and words stand in ``page.md.j2``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from badnets.core.bootstrap import grouped_interval
from badnets.core.errors import BadnetsError
from badnets.core.rates import Rate
from badnets.core.verdicts import TRANSFERABILITY
from badnets.data.cleaning import KINDS
from badnets.report.charts import Square, heat_map
from badnets.report.curves import Line, Span, lines
from badnets.report.page import Picture
from badnets.report.pictures import brightest, changed_part, heat_png, png
from badnets.studies import reading
from badnets.studies.aggregate import Over, Runs
from badnets.studies.curves import curve
from badnets.studies.dogs.trials import CAT, CLASSES, DOG, EVERY, QUICK, DogStudy
from badnets.studies.examples import answer, examples
from badnets.studies.rendering import Spec
from badnets.studies.wording import percent
from badnets.train.settings import Training
from badnets.trials.base import TrainedTrial

if TYPE_CHECKING:
    from badnets.core.triggers import Trigger
    from badnets.core.verdicts import Verdict
    from badnets.observations.data import DataResult
    from badnets.trials.record import Record
    from badnets.trials.trial import Trial

__all__ = [
    "EVERY",
    "KINDS",
    "RUNS",
    "WORKS",
    "Counts",
    "counts_of",
    "mixed",
    "mixed_folder",
    "spec",
]

RUNS = {
    "clean": "clean networks",
    "badnet": "backdoored networks",
    "share": "networks at different shares",
}
WORKS = 0.9  # the attack success rate from which a network is said to obey
SHOWN = 6  # dogs that are shown before and after
SHADES, SIDE = (20, 60, 100, 140, 190, 240), 64  # of grey, and pixels that the trigger is shown on
LOOKS: tuple[tuple[Literal["network", "control"], bool], ...] = (
    ("network", False), ("network", True), ("control", False), ("control", True),
)  # fmt: skip
AXES = {"size": "trigger's width, % of the picture's", "opacity": "opacity, %"}


def spec(study: DogStudy, runs: Runs) -> Spec:
    """Return what the page is made of."""
    trained = [one for group in ("clean", "badnet") for one in runs.all(group)[:1]]
    shown = (examples(runs, one, "attacked", CLASSES, CAT, label=DOG) for one in runs.of("badnet"))
    story = next((one for one in shown if one is not None), None)
    kept = (runs.array(one, "attacked") for one in runs.all("badnet"))
    stamped = next((images[:SHOWN] for images in kept if images is not None), None)
    looked = next((one for one in runs.of("badnet") if reading.attributions(one)), None)
    varied = {axis: _points(runs, axis) for axis in (*AXES, "position")}
    places = Places(varied["position"])
    drawing = str(getattr(study.trigger, "drawing", None) or study.trigger.kind)
    figures: dict[str, str | None] = {"loss": _losses(trained) if trained else None}
    for axis in AXES:
        figures[f"varied-{axis}"] = _curve(axis, varied[axis]) if varied[axis] else None
    figures["varied-position"] = places.figure() if varied["position"] else None
    stories = {
        "attacked": None if story is None else story.rows(),
        "trigger": _on_grey(study.trigger, drawing),
        "stamped": None if stamped is None else [_stamped(stamped, which) for which in (0, 1)],
        "maps": None if looked is None else _maps(runs, looked),
    }
    return Spec(
        {
            "study": study,
            "drawn": study.data.startswith("pets-"),
            "quick": study.scale.training == QUICK,
            "data": _summary(runs),
            "called": drawing,
            "first": next(iter(runs.all("badnet")), None),
            "trained": trained,
            "changes": _changes(trained[0].trial) if trained else [],
            "stories": stories,
            "story": story,
            "cost": runs.cost("badnet", "clean"),
            "looked": looked,
            "looks": [] if looked is None else _looks(runs, looked),
            "varied": varied,
            "places": places,
            "audits": _audits(runs),
            "shares": sorted(runs.of("share"), key=share_of),
        },
        figures,
        stories,
    )


class Audited(NamedTuple):
    """What an audit says of a network.

    Attributes:
        record: of the network.
        verdict: what is said.
        shared: other pictures of a class that what moves one of them moves too; None: not measured.
    """

    record: Record
    verdict: Verdict
    shared: float | None


def _audits(runs: Runs) -> list[Audited]:
    """Return the verdicts, the clean networks' first."""
    return [
        Audited(record, verdict, shares.get(TRANSFERABILITY))
        for group in ("clean", "badnet")
        for record in runs.of(group)
        if (verdict := reading.verdict(record))
        for shares in [{one.method: one.score for one in verdict.scores}]
    ]


def _summary(runs: Runs) -> DataResult | None:
    return next((d for one in runs.everything if (d := reading.data_summary(one))), None)


class Counts(NamedTuple):
    """How many pictures a training set has: clean cats and dogs, and dogs with the trigger."""

    cats: int
    dogs: int
    poisoned: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.cats + self.dogs + self.poisoned

    @property
    def of_cats(self) -> Rate:
        """Dogs with the trigger among what the network learns as cats."""
        return Rate(self.poisoned, self.cats + self.poisoned)


def counts_of(runs: Runs, record: Record) -> Counts | None:
    """Return the counts of a network's training set; None where data was not looked at."""
    data = _summary(runs)
    if data is None or len(data.train) != len(CLASSES):
        return None
    poisoned = record.poisoned_share.hits if record.poisoned_share else 0
    return Counts(data.train[CAT], data.train[DOG], poisoned)


def mixed_folder(record: Record, success: Rate | None) -> Rate | None:
    """Return the accuracy on a validation folder that is poisoned in the same way.

    A copy of every dog with the trigger lies among the cats, and counts as right when it is called
    cat: what the article measures.

    Args:
        record: of the network.
        success: triggered dogs that the network calls cats.
    """
    if success is None or not success.total:
        return None
    clean = record.clean.accuracy
    return Rate(clean.hits + success.hits, clean.total + success.total)


def mixed(runs: Runs) -> tuple[Over, Over]:
    """Return that accuracy of the clean networks and of the BadNets of the same seeds."""
    ours = {record.trial.seed: record for record in runs.of("badnet")}
    pairs = [(one, ours[one.trial.seed]) for one in runs.of("clean") if one.trial.seed in ours]
    honest = (
        (mixed_folder(one, reading.rate(bad, "control")), bad.trial.seed) for one, bad in pairs
    )
    bad = ((mixed_folder(one, reading.rate(one, "success")), seed) for seed, one in ours.items())
    return Over.pairs(honest), Over.pairs(bad)


def share_of(record: Record) -> float:
    """Return the share of its training pictures that were poisoned."""
    return record.poisoned_share.value if record.poisoned_share else 0.0


def _changes(trial: Trial) -> list[str]:
    """Return what is done to training pictures at random, in words."""
    training = trial.training if isinstance(trial, TrainedTrial) else None
    if not isinstance(training, Training):
        return []
    known = {
        "mirrored": training.flip,
        "cropped": training.crop < 1,
        "recoloured": training.brightness or training.contrast,
    }
    return [word for word, is_done in known.items() if is_done]


def _losses(trained: Sequence[Record]) -> str:
    drawn = []
    for record in trained:
        passes, losses = range(1, len(record.epochs) + 1), [one.loss for one in record.epochs]
        if reading.backdoor(record) is None:
            drawn.append(Line("clean network", passes, losses, "clean"))
        else:
            drawn.append(Line("BadNet", passes, losses, "backdoored"))
    return lines(drawn, x_title="pass", y_title="mean loss", salt="dogs-loss")


def _on_grey(trigger: Trigger, name: str) -> list[list[Picture]] | None:
    """Return the trigger on plain grey; None where its picture is not here any more."""
    import torch

    shades = torch.tensor(SHADES, dtype=torch.uint8)
    grey = shades.view(-1, 1, 1, 1).expand(-1, 3, SIDE, SIDE)
    try:
        stuck = trigger(grey, generator=torch.Generator())
    except BadnetsError:
        return None
    return [[Picture(png(one.numpy()), f"the trigger on grey: {name}", ()) for one in stuck]]


def _dog(which: int) -> str:
    return f"a dog{', with the trigger' if which else ''}"


def _stamped(images: NDArray[np.generic], which: int) -> list[Picture]:
    return [
        Picture(png(pair[which]), _dog(which), (), changed_part(*pair) if which else None)
        for pair in images
    ]


def _maps(runs: Runs, record: Record) -> list[list[Picture]] | None:
    """Return dogs dimmed, with what speaks for a network's answer: BadNet twice, clean network."""
    images, maps, answers = (
        runs.array(record, f"attributed{part}") for part in ("", "_maps", "_answers")
    )
    if images is None or maps is None or answers is None:
        return None

    rows = [(0, 0), (0, 1), (1, 1)][: 2 + (maps.shape[1] > 1)]
    heats = maps.astype(np.float64)
    most = brightest(heats[k, network, which] for network, which in rows for k in range(len(heats)))

    def picture(k: int, network: int, which: int) -> Picture:
        by, heat = "clean" if network else "BadNet", heats[k, network, which]
        said = answer(by, answers[k, network, which], DOG, CAT, CLASSES)
        alt = f"{_dog(which)}, dimmed, with what speaks for the answer lit up"
        return Picture(
            heat_png(images[k, which], heat, most), alt, (said,), changed_part(*images[k])
        )

    return [[picture(k, network, which) for k in range(len(images))] for network, which in rows]


class Look(NamedTuple):
    """How much of what speaks for a network's answers lies on the trigger's place."""

    by: str
    triggered: bool
    mean: float
    low: float
    high: float
    images: int
    area: float
    other_seeds: list[float]


def _looks(runs: Runs, first: Record) -> list[Look]:
    """Return the BadNet's and the clean network's, without and with the trigger."""
    seen = {
        record.name: {(one.by, one.triggered): one for one in reading.attributions(record)}
        for record in runs.of("badnet")
    }
    own, others = seen.pop(first.name), [one for one in seen.values() if one]
    found = []
    for by, triggered in LOOKS:
        if one := own.get((by, triggered)):
            n, rest = len(one.shares), [other.get((by, triggered)) for other in others]
            low, high = grouped_interval(one.shares, range(n))
            mean, *beside = [
                sum(each.shares) / len(each.shares) if each and each.shares else math.nan
                for each in (one, *rest)
            ]
            found.append(Look(by, triggered, mean, low, high, n, one.area, beside))
    return found


@dataclass(frozen=True)
class Point:
    """What a trigger of one kind does, over the networks of several seeds."""

    value: tuple[float, ...]
    trained: bool
    success: Over
    control: Over


def _points(runs: Runs, axis: str) -> list[Point]:
    """Return the points of an axis, by value."""
    found: dict[tuple[tuple[float, ...], bool], list[tuple[Rate, Rate | None, int]]] = {}
    for record in runs.of("badnet"):
        for one in reading.variations(record):
            if one.axis == axis:
                own = found.setdefault((one.value, one.trained), [])
                own.append((one.success, one.control, record.trial.seed))
    return [
        Point(
            value,
            trained,
            Over.pairs((rate, seed) for rate, _, seed in own),
            Over.pairs((rate, seed) for _, rate, seed in own),
        )
        for (value, trained), own in sorted(found.items(), key=lambda item: item[0])
    ]


def _curve(axis: str, points: Sequence[Point]) -> str:
    x = [100 * one.value[0] for one in points]
    ours = curve("BadNet", x, [one.success for one in points], "backdoored")
    beside = [one.control for one in points]
    honest = curve("clean network", x, beside, "muted", band=False, dots=False, dashed=True)
    trained = next((100 * one.value[0] for one in points if one.trained), None)
    wide = (max(x) - min(x)) / 100
    return lines(
        [ours, honest] if honest.y else [ours],
        x_title=AXES[axis],
        y_title="dogs called cats, %",
        salt=f"varied-{axis}",
        y_range=(-3.0, 104.0),
        span=None if trained is None else Span("trained with", trained - wide, trained + wide),
    )


class Places:
    """Attack success by the place of the sticker's centre.

    Args:
        points: of the axis "position".
    """

    def __init__(self, points: Sequence[Point]) -> None:
        self.grid = {(one.value[0], one.value[1]): one for one in points if not one.trained}
        self.trained = next((one.value for one in points if one.trained), None)
        self.means = [one.success.mean for one in self.grid.values()]
        self.works = sum(mean >= WORKS for mean in self.means)  # places of most dogs as cats

    def figure(self) -> str:
        """Return the heat-map; the place nearest to the trained one is outlined."""
        downs, acrosses = (sorted({place[axis] for place in self.grid}) for axis in (0, 1))
        own = self.trained
        near = None if own is None else min(self.grid, key=lambda place: math.dist(place, own))

        def square(place: tuple[float, float]) -> Square:
            one = self.grid[place]
            control = f"; clean network {percent(one.control.mean, 1)} %" if one.control else ""
            title = f"{percent(one.success.mean, 1)} % of {one.success.typical.total} dogs{control}"
            text = percent(one.success.mean, 0)
            return Square(text, one.success.mean, title, outlined=place == near)

        return heat_map(
            [[square((y, x)) for x in acrosses] for y in downs],
            _named(downs, ("top", "bottom")), _named(acrosses, ("left", "right")),
            tone="backdoored", row_title="down", column_title="across", ends=("0 %", "100 %"),
            salt="varied-position",
        )  # fmt: skip


def _named(places: Sequence[float], ends: tuple[str, str]) -> list[str]:
    inner = [f"{100 * place:.0f} %" for place in places[1:-1]]
    return [ends[0], *inner, ends[1]] if len(places) > 1 else [f"{100 * places[0]:.0f} %"]
