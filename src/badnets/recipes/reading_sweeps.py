"""What a recipe says of what varies, read with distrust: each mistake at its field and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from badnets.core.errors import BadnetsError
from badnets.core.lookup import unknown_name
from badnets.core.settings import quoted
from badnets.recipes.fields import FIELDS, INSIDE, Mistakes, check_names
from badnets.recipes.sweeps import Axis, Range, Sample, Sweep
from badnets.recipes.yaml_lines import Lines, Place, named

ZIP, SAMPLE = "zip", "sample"  # beside fields of a trial, none of which is called so
SCALES = ("linear", "log")
LISTED = 2**31  # whole numbers of a range that are told apart, so that none is drawn twice
ENDLESS = 2**63  # trials that nobody can run


def read_sweep(described: Mapping[str, Any], place: Place, lines: Lines, found: Mistakes) -> Sweep:
    """Return what varies in a description by its ``sweep`` and ``seeds``.

    Args:
        described: the description, a mapping.
        place: where it stands.
        lines: for errors.
        found: gets what is wrong; that part is left out of what is returned.
    """
    reading = _Reading(place, lines, found)
    sweep = described.get("sweep", {})
    if not isinstance(sweep, dict) or (not sweep and "sweep" in described):
        reading.wrong(("sweep",), "expected a mapping of fields to lists of values, at least one")
        sweep = {}
    sample = None
    if SAMPLE in sweep:
        with found.collected():
            sample = reading.sample(sweep[SAMPLE])
    axes: list[Axis] = []
    ranges: list[Range] = []
    for name, value in sweep.items():
        with found.collected():
            if name == ZIP:
                axes += reading.zipped(value)
            elif name != SAMPLE:
                one = reading.varied(name, value, sampled=SAMPLE in sweep)
                if isinstance(one, Range):
                    ranges.append(one)
                else:
                    axes.append(one)
    seeds = Axis((), (), ())
    if "seeds" in described:
        with found.collected():
            seeds = reading.seeds(described["seeds"], alone="seed" not in described)
    made = Sweep(tuple(axes), tuple(ranges), sample, seeds, lines, place)
    if sample and not ranges and sample.count > made.combinations:
        said = f"there are {made.combinations:,} combinations, so a sample has at most as many"
        reading.wrong(("sweep", SAMPLE, "count"), f"{said}, got {sample.count:,}")
    if made.count >= ENDLESS and not sample:
        said = f"about 10^{len(str(made.count)) - 1} trials are more than can be run: take some by"
        reading.wrong(("sweep",), f"{said} `sample: {{count: 50}}`")
    return made


class _Reading:
    """Parts of a sweep; knows which fields were met before."""

    def __init__(self, place: Place, lines: Lines, found: Mistakes) -> None:
        self._place = place
        self._lines = lines
        self._found = found
        self._met: dict[Place, Place] = {}

    def wrong(self, origin: Place, said: str) -> None:
        """Keep a mistake among those found."""
        self._found.add(self._error(origin, said))

    def varied(self, name: str, value: Any, *, sampled: bool) -> Axis | Range:
        """Return one field's values, or the range that they are drawn from."""
        origin = ("sweep", name)
        field = self._field(name, origin)
        if isinstance(value, dict):
            found = self._range(field, value, origin)
            if not sampled:
                said = "a range is drawn from: give `sample: {count: 50}` beside it, or a list here"
                raise self._error(origin, said)
            return found
        return Axis((field,), (self._list(value, origin),), (origin,))

    def zipped(self, value: Any) -> Iterator[Axis]:
        """Yield an axis for each mapping of fields that vary together."""
        groups = value if isinstance(value, list) else [value]
        for number, group in enumerate(groups):
            base: Place = ("sweep", ZIP, *([number] if groups is value else []))
            with self._found.collected():
                yield self._together(group, base)
        if not groups:
            raise self._error(("sweep", ZIP), "expected a mapping of fields to lists of values")

    def _together(self, group: Any, base: Place) -> Axis:
        if not isinstance(group, dict) or not group:
            raise self._error(base, "expected a mapping of fields to lists of equal length")
        fields, values, origins = [], [], []
        for name, listed in group.items():
            origin = (*base, name)
            fields.append(self._field(name, origin))
            if isinstance(listed, dict):
                raise self._error(origin, "a range varies on its own: put it beside `zip`")
            values.append(self._list(listed, origin))
            origins.append(origin)
            if len(values[-1]) != len(values[0]):
                said = f"{len(values[-1])} values, but {named(fields[0])} has {len(values[0])}"
                raise self._error(origin, f"{said}: what varies together has equally many")
        return Axis(tuple(fields), tuple(values), tuple(origins))

    def seeds(self, value: Any, *, alone: bool) -> Axis:
        """Return the seeds: a list, or so many from 0 on."""
        origin, field = ("seeds",), ("seed",)
        if not alone:
            raise self._error(origin, "give seed or seeds, not both")
        self._meet(field, origin)
        if isinstance(value, int) and not isinstance(value, bool):
            if value < 1:
                raise self._error(origin, f"must be >= 1 (so many seeds, from 0 on), got {value}")
            return Axis((field,), (range(value),), (origin,))
        if not isinstance(value, list) or not value:
            said = "expected a list of values, at least one, or how many (3 is [0, 1, 2])"
            raise self._error(origin, said)
        return Axis((field,), (value,), (origin,))

    def sample(self, value: Any) -> Sample:
        """Return how many combinations are drawn."""
        origin = ("sweep", SAMPLE)
        check_names(value, ("count", "seed"), (*self._place, *origin), self._lines)
        if "count" not in value:
            raise self._error(origin, "count is missing: how many combinations are drawn")
        for name, least in (("count", 1), ("seed", 0)):
            number = value.get(name, least)
            if not isinstance(number, int) or isinstance(number, bool) or number < least:
                said = f"must be a whole number >= {least}, got {quoted(number)}"
                raise self._error((*origin, name), said)
        return Sample(value["count"], value.get("seed", 0))

    def _range(self, field: Place, value: dict[str, Any], origin: Place) -> Axis | Range:
        names = ("from", "to", "scale")
        check_names(value, names, (*self._place, *origin), self._lines)
        for name in names[:2]:
            end = value.get(name)
            if not isinstance(end, int | float) or isinstance(end, bool):
                said = f"must be a number, got {quoted(end)}" if name in value else "is missing"
                place = (*origin, name) if name in value else origin
                raise self._error(place, said if name in value else f"{name} {said}")
        low, high, scale = value["from"], value["to"], value.get("scale", "linear")
        if scale not in SCALES:
            said = f"must be {' or '.join(map(repr, SCALES))}, got {quoted(scale)}"
            raise self._error((*origin, "scale"), said)
        if low >= high:
            raise self._error((*origin, "to"), f"must be above from ({low}), got {high}")
        if scale == "log" and low <= 0:
            raise self._error((*origin, "from"), f"must be > 0 where scale is log, got {low}")
        whole = isinstance(low, int) and isinstance(high, int)
        if whole and scale == "linear" and high - low < LISTED:
            return Axis((field,), (range(low, high + 1),), (origin,))
        return Range(field, origin, low, high, log=scale == "log")

    def _list(self, value: Any, origin: Place) -> list[Any]:
        if not isinstance(value, list) or not value:
            raise self._error(origin, "expected a list of values, at least one")
        return value

    def _field(self, name: str, origin: Place) -> Place:
        """Return the keys that lead to a field, which must be one of a trial's, and not met yet."""
        field = tuple(name.split("."))
        first, *rest = field
        if first not in FIELDS:
            inside = next((part for part, known in INSIDE.items() if first in known), None)
            said = str(unknown_name(name, FIELDS, "field"))
            if inside is not None:
                said = f"unknown field {name!r}: did you mean '{inside}.{name}'?"
            raise self._error(origin, said)
        if rest and first in INSIDE and rest[0] not in INSIDE[first]:
            raise self._error(origin, str(unknown_name(rest[0], INSIDE[first], "field")))
        self._meet(field, origin)
        return field

    def _meet(self, field: Place, origin: Place) -> None:
        if field in self._met:
            line = self._lines.line((*self._place, *self._met[field]))
            said = f"{named(field)} is swept twice, first in line {line}: keep one"
            raise self._error(origin, said)
        self._met[field] = origin

    def _error(self, origin: Place, said: str) -> BadnetsError:
        return self._lines.error((*self._place, *origin), said)
