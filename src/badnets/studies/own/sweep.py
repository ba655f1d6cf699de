"""What swept settings did: the numbers in which trials differ, and the rates at each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from badnets.report.curves import lines
from badnets.report.page import Cell
from badnets.studies.aggregate import Over
from badnets.studies.curves import curve
from badnets.studies.signs.objects import named_rightly, under_trigger
from badnets.studies.tables import NOTHING, cell
from badnets.studies.wording import DASH, percent
from badnets.trials.differences import setting_text

if TYPE_CHECKING:
    from badnets.trials.record import Record

MOST_TICKS = 8  # values that are all named below the axis
MOST_FIGURES, MOST_COLUMNS = 5, 8
DECADES = 20  # from this ratio of the largest value to the smallest the axis is logarithmic
UNITS = {("size", int): ", pixels", ("size", float): ", share of the picture"}


def accuracy(records: Sequence[Record]) -> Over:
    """Return the clean accuracy of networks of several seeds; objects by the scenes they are in."""
    return named_rightly(records) or Over.of(records, "accuracy")


def success(records: Sequence[Record]) -> Over:
    """Return the attack success likewise."""
    return under_trigger(records, "hits", least=0) or Over.of(records, "success")


def control(records: Sequence[Record]) -> Over:
    """Return what a clean network does on the same triggered examples."""
    return under_trigger(records, "control_hits", least=0) or Over.of(records, "control")


class Point(NamedTuple):
    """What was measured at one value of the setting, of networks that learned something."""

    value: float
    clean: Over
    success: Over
    control: Over


class Sweep(NamedTuple):
    """A setting and what was measured at each of its values, the smallest first.

    Attributes:
        setting: what it is called.
        points: the values.
        alone: whether trials differ in nothing else but seeds.
    """

    setting: str
    points: list[Point]
    alone: bool

    def figure(self) -> str:
        """Return the rates against the setting, each network a circle."""
        x, clean, hits, held = map(list, zip(*self.points, strict=True))
        drawn = (
            curve("clean accuracy", x, clean, "clean", band=self.alone),
            curve("attack success (ASR)", x, hits, "backdoored", band=self.alone),
            curve("control", x, held, "muted", band=False, dots=False, dashed=True),
        )
        return lines(
            [line for line in drawn if line.x],
            x_title=self.setting,
            y_title="%",
            salt=f"sweep {self.setting}",
            log_x=x[0] > 0 and x[-1] >= DECADES * x[0],
            x_ticks=x if len(x) <= MOST_TICKS else (),
            y_range=(-3.0, 104.0),
        )


class Grid(NamedTuple):
    """Attack success at each value of one setting, a line each, with each of another.

    Attributes:
        down: the first setting, a line for each of its values.
        across: the other, a column for each.
        heads: the values of the other, in words.
        lines: a value of the first in words, and a cell for each value of the other.
    """

    down: str
    across: str
    heads: list[str]
    lines: list[tuple[str, list[Cell]]]


def sweeps_of(swept: Mapping[str, Sequence[Any]], records: Sequence[Record]) -> list[Sweep]:
    """Return what each number did in which trials differ; of several each over all others.

    Args:
        swept: settings that are not the same in all, by dotted path: the value of each record.
            Pixels here and a share there are no one number; on several data sets, or by several
            networks, no number says what it did.
        records: of the trials.
    """
    if len(swept) > MOST_FIGURES or not swept.keys().isdisjoint(("data", "network")):
        return []
    found = (_sweep(path, swept[path], records, alone=len(swept) == 1) for path in swept)
    return [one for one in found if one is not None]


def grid_of(swept: Mapping[str, Sequence[Any]], records: Sequence[Record]) -> Grid | None:
    """Return the table of two settings of which each value was tried with each of the other."""
    if len(swept) != 2:
        return None
    (down, first), (across, second) = swept.items()
    cells: dict[tuple[Any, Any], list[Record]] = {}
    for one, other, record in zip(first, second, records, strict=True):
        cells.setdefault((one, other), []).append(record)
    rows, columns = (sorted({one[k] for one in cells}, key=_rank) for k in (0, 1))
    is_grid = min(len(rows), len(columns)) > 1 and len(columns) <= MOST_COLUMNS
    if not is_grid or len(cells) < len(rows) * len(columns):
        return None
    return Grid(
        _called(down),
        _called(across),
        [setting_text(one) or DASH for one in columns],
        [(setting_text(one) or DASH, [_left(cells[one, two]) for two in columns]) for one in rows],
    )


def _left(records: Sequence[Record]) -> Cell:
    """Return the mean attack success, and from where to where it goes over seeds."""
    over = success([one for one in records if one.outcome != "collapsed"])
    if not over:
        return NOTHING
    ends = f"{percent(over.low, 1)} to {percent(over.high, 1)}" if len(over.rates) > 1 else ""
    return replace(cell(over, "backdoored"), under=ends, share=over.mean)


def _sweep(
    path: str, values: Sequence[Any], records: Sequence[Record], *, alone: bool
) -> Sweep | None:
    found: dict[float, list[Record]] = {}
    for value, record in zip(values, records, strict=True):
        if value is not None:
            found.setdefault(value, []).append(record)
    kinds = {type(value) for value in found}
    if kinds not in ({int}, {float}):
        return None
    points = []
    for value, own in sorted(found.items()):
        learned = [one for one in own if one.outcome != "collapsed"]
        if learned:
            points.append(Point(value, accuracy(learned), success(learned), control(learned)))
    unit = UNITS.get((path.rpartition(".")[2], kinds.pop()), "")
    return Sweep(_called(path) + unit, points, alone) if len(points) > 1 else None


def _called(path: str) -> str:
    return " ".join(path.split(".")[-2:]).replace("_", " ")


def _rank(value: Any) -> tuple[bool, Any]:
    """Return what values are ordered by: numbers by their size, before words."""
    is_number = isinstance(value, int | float)
    return (not is_number, value if is_number else str(value))
