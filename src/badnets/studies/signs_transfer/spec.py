"""The transfer study's quantities and figure; tables and words stand in ``page.md.j2``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets.report.curves import Line, lines
from badnets.studies.aggregate import Over, Runs, difference
from badnets.studies.curves import curve
from badnets.studies.rendering import Spec
from badnets.studies.signs import published
from badnets.studies.signs.objects import LEAST, named_rightly, still_right
from badnets.studies.signs.spec import against, common
from badnets.studies.signs.trials import STRENGTHS
from badnets.studies.signs_transfer.trials import TransferStudy
from badnets.studies.wording import points

if TYPE_CHECKING:
    from badnets.trials.record import Record

__all__ = [
    "LEAST",
    "against",
    "named_rightly",
    "published",
    "published_apart",
    "spec",
    "still_right",
]
RUNS = {
    "choice of the threshold": "detectors that a threshold is chosen with",
    "choice of the user's threshold": "detectors that a threshold is chosen with",
    "clean": "retrained clean detectors",
    "layers": "retrainings of other layers",
    "learning rate": "retrainings at other rates",
    "data": "retrainings on fewer scenes",
    **{f"k {k:g}": f"retrainings at k = {k:g}" for k in STRENGTHS},
    "k 1": "retrained BadNets",
}
BEHIND = 0.05  # how far the sticker must put the BadNet behind, for a backdoor that survives


def spec(study: TransferStudy, runs: Runs) -> Spec:
    """Return what the page is made of."""
    first = study.signs.threshold(runs.by_name)
    second = None if first is None else study.threshold(runs.by_name, first)
    strengthened = [Strength(runs, k) for k in study.signs.scale.strengths if runs.of(f"k {k:g}")]
    worst = min(strengthened, key=lambda one: one.triggered.mean, default=None)
    return Spec(
        {
            **common(study.signs, runs, study.target, second),
            "study": study,
            "strengthened": strengthened,
            "plain": next((one for one in strengthened if one.k == 1), None),
            "worst": worst,
        },
        {"strength": _curve(strengthened) if len(strengthened) > 1 else None},
    )


class Strength:
    """The BadNet with its units' inputs times k, retrained, beside the clean network.

    Args:
        runs: the study's records.
        k: the factor.
    """

    def __init__(self, runs: Runs, k: float) -> None:
        self.k = k
        self.records: list[Record] = runs.of(f"k {k:g}")
        self.clean, self.triggered = named_rightly(self.records), still_right(self.records)
        honest = runs.of("clean")
        self.apart = difference(self.clean, named_rightly(honest))
        self.fall = difference(self.triggered, still_right(honest))
        self.published = published.strength(k, 0), published.strength(k, 1)

    @property
    def survives(self) -> bool:
        """Whether the sticker still costs the BadNet what it does not cost the clean net.

        That is: with the sticker it falls at least 5 points behind the clean net, surely so, and
        at least 5 points further than it is behind on clean signs.
        """
        fall, apart = self.fall, self.apart
        if fall is None or apart is None:
            return False
        behind = fall.mean <= -BEHIND and fall.mean - apart.mean <= -BEHIND
        return behind and fall.interval.high < 0


def published_apart(what: str) -> str:
    """Return the published difference of BadNet and clean net, all signs, in points."""
    ours, theirs = (published.TRANSFER[f"{net} {what}"][-1] for net in ("badnet", "clean net"))
    return points((ours - theirs) / 100, 1)


def _curve(strengthened: list[Strength]) -> str:
    x = [one.k for one in strengthened]
    clean: list[Over] = [one.clean for one in strengthened]
    triggered = [one.triggered for one in strengthened]
    known = [(one.k, *one.published) for one in strengthened]
    paper = [(k, first.value, second.value) for k, first, second in known if first and second]
    return lines(
        [
            curve("clean signs", x, clean, "clean", band=False, dots=False),
            curve("with the sticker", x, triggered, "backdoored", band=False, dots=False),
            *(
                Line(name, [one[0] for one in paper], [one[column] for one in paper], "published",
                     dashed=column == 2)
                for name, column in (("paper, clean", 1), ("paper, with the sticker", 2))
            ),
        ],
        x_title="k", y_title="%", salt="strength", log_x=True, x_ticks=x, y_range=(0, 102),
    )  # fmt: skip
