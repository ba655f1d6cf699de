"""What a swept setting did: the one number in which trials differ, and the rates at each value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from badnets.report.curves import lines
from badnets.studies.aggregate import Over
from badnets.studies.curves import curve

if TYPE_CHECKING:
    from badnets.trials.record import Record

MEASURED = ("accuracy", "success", "control")
MOST_TICKS = 8  # values that are all named below the axis
DECADES = 20  # from this ratio of the largest value to the smallest the axis is logarithmic
UNITS = {("size", int): ", pixels", ("size", float): ", share of the picture"}


class Point(NamedTuple):
    """What was measured at one value of the setting, of networks that learned something."""

    value: float
    clean: Over
    success: Over
    control: Over


class Sweep(NamedTuple):
    """A setting and what was measured at each of its values, the smallest first."""

    setting: str
    points: list[Point]

    def figure(self, *, band: bool) -> str:
        """Return the rates against the setting, each network a circle.

        Args:
            band: whether intervals are drawn.
        """
        x = [one.value for one in self.points]
        clean, success, control = (
            [getattr(one, what) for one in self.points] for what in Point._fields[1:]
        )
        drawn = (
            curve("clean accuracy", x, clean, "clean", band=band),
            curve("attack success (ASR)", x, success, "backdoored", band=band),
            curve("control", x, control, "muted", band=False, dots=False, dashed=True),
        )
        return lines(
            [line for line in drawn if line.x],
            x_title=self.setting,
            y_title="%",
            salt="sweep",
            log_x=x[0] > 0 and x[-1] >= DECADES * x[0],
            x_ticks=x if len(x) <= MOST_TICKS else (),
            y_range=(-3.0, 104.0),
        )


def sweep_of(swept: Mapping[str, Sequence[Any]], records: Iterable[Record]) -> Sweep | None:
    """Return the sweep that some trials are; None where they differ otherwise.

    Args:
        swept: settings that are not the same in all, by dotted path: the value of each record. The
            one that there is must be a number, and not pixels here and a share there.
        records: of the trials.
    """
    if len(swept) != 1:
        return None
    ((path, values),) = swept.items()
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
        point = Point(value, *(Over.of(learned, what) for what in MEASURED))
        points += [point] if point.clean else []
    words = path.split(".")
    unit = UNITS.get((words[-1], kinds.pop()), "")
    return Sweep(" ".join(words[-2:]).replace("_", " ") + unit, points) if len(points) > 1 else None
