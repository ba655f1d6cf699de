"""Nulls: raw tables of clean models, and where a suspect stands among them.

A method gives a table of raw numbers for a model: one row with a number for each class, or a row
for each source class with a number for each target. Higher is more suspicious. Tables are stored,
not scores: a score means something only beside the others that it was standardised with.

References:
    Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World", 2005: conformal p-values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from badnets.core.errors import SettingError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]

NullKind = Literal["reference", "approximate", "within-model"]
"""Clean models of the same architecture and data; clean models trained on the user's own data; or
the other classes of the same model, and a method's proven threshold."""

Table = tuple[tuple[float | None, ...], ...]
"""Rows of equal length; None where nothing is measured, such as a class as its own source."""

Pool = Literal["cell", "target", "map", "source"]
"""What a table is searched for: one pair of classes; one target of all sources; a target for each
source; one source with any target."""


NOWHERE, FARTHEST = -float("inf"), 1e9
SLACK = 1.5  # by which a quantity may lie outside the clean models' range
WRONG_LABELS = 0.05  # of a user's clean images


class Derived(BaseModel):
    """A frozen model with cached properties, which a changed copy computes anew."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy; see pydantic."""
        made = super().model_copy(update=update, deep=deep)
        for name in made.__dict__.keys() - type(made).model_fields.keys():
            del made.__dict__[name]
        return made


class Null(Derived):
    """What a method says of clean models.

    Attributes:
        kind: which clean models.
        method: the method's name.
        version: the method's version.
        tables: the raw table of each model; all have the same cells.
        quantities: name -> one number for each model (clean accuracy, mean margin): what a suspect
            must have in common with them for the comparison to mean something.
    """

    kind: Literal["reference", "approximate"]
    method: str
    version: int = Field(ge=1)
    tables: tuple[Table, ...] = Field(min_length=1)
    quantities: dict[str, tuple[float, ...]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _as_before(cls, value: Any) -> Any:
        """Take what earlier versions wrote, with an empty mapping besides."""
        if isinstance(value, dict) and value.get("conditions") == {}:
            return {name: part for name, part in value.items() if name != "conditions"}
        return value

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        for table in self.tables:
            if _cells(table) != _cells(self.tables[0]) or not _cells(table):
                raise ValueError("all tables of a null must have the same cells, and some")
        for name, values in self.quantities.items():
            if len(values) != len(self.tables):
                raise ValueError(f"{name}: {len(values)} numbers for {len(self.tables)} models")
        return self

    @cached_property
    def cells(self) -> list[tuple[int, int]]:
        """Rows and columns at which its tables have a number."""
        return _cells(self.tables[0])

    @cached_property
    def numbers(self) -> Numbers:
        """Its tables as ``(n, cells)`` float64."""
        import numpy as np

        return np.array([_numbers(table, self.cells) for table in self.tables])

    @property
    def smallest_fpr(self) -> float:
        """The smallest false-positive rate that it can vouch for: 1 / (n + 1)."""
        return 1 / (len(self.tables) + 1)

    @property
    def digest(self) -> str:
        """SHA-256 of all that it holds, in hex digits."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def outside(self, quantities: Mapping[str, float]) -> tuple[str, ...]:
        """Return which of a suspect's quantities lie far outside the range of the clean models.

        Such a suspect is none of their kind, and its p-value would say nothing of a backdoor. A
        quantity may be half as large again as the largest, and smaller than the smallest by the
        same factor. An error may be as small as it likes, and `WRONG_LABELS` larger besides, as
        labels of a user's clean images may be wrong.

        Raises:
            SettingError: one that the null has is missing.
        """
        missing = [name for name in self.quantities if name not in quantities]
        if missing:
            raise SettingError(f"the null wants {', '.join(missing)} of the suspect too")
        return tuple(
            name
            for name, values in self.quantities.items()
            if not _least(name, values) <= quantities[name] <= _most(name, values)
        )


class MethodPlace(NamedTuple):
    """Where one method puts the suspect.

    Attributes:
        score: the largest of its standardised pools.
        p_value: from this method alone; only that of all together is the verdict's.
        pool: what the score was found in.
        targets: the suspected target classes there.
        source: the suspected source class; None: several, or any.
    """

    score: float
    p_value: float
    pool: Pool
    targets: tuple[int, ...]
    source: int | None = None


class Placing(NamedTuple):
    """Where a suspect stands among clean models.

    Attributes:
        score: the largest standardised pool over all methods.
        p_value: share of the n + 1 models that score as high, the suspect among them.
        smallest_fpr: ``1 / (n + 1)``.
        methods: the same by method, the one with the largest score first.
    """

    score: float
    p_value: float
    smallest_fpr: float
    methods: dict[str, MethodPlace]


def placed(suspect: Mapping[str, Table], nulls: Sequence[Null]) -> Placing:
    """Return where a suspect stands among the clean models of its nulls.

    It is put among them; each of the n + 1 is standardised against the other n by the same
    function, cell by cell and then pool by pool, and scores the largest of all its pools, over
    all methods. If the suspect is exchangeable with the clean models, ``P(p <= a) <= a``.

    Args:
        suspect: method -> raw table.
        nulls: one for each method, of the same clean models in the same order, two or more.

    Raises:
        SettingError: methods are missing, or the nulls differ in their number of models.
        ShapeError: a table has other cells than the null's.
    """
    import numpy as np

    if {null.method for null in nulls} != set(suspect) or len(suspect) != len(nulls) or not nulls:
        raise SettingError(
            f"there must be one null for each method: got nulls for "
            f"{', '.join(null.method for null in nulls) or 'none'}, tables of {', '.join(suspect)}"
        )
    if len({len(null.tables) for null in nulls}) > 1:
        raise SettingError("nulls must be of the same clean models, these differ in number")
    pools = {null.method: pooled(suspect[null.method], null) for null in nulls}
    best = {method: found.scores.max(1) for method, found in pools.items()}
    total = np.stack(list(best.values())).max(0)
    methods = {
        method: MethodPlace(
            float(best[method][-1]), p_value(best[method]), *pools[method].found_in_last()
        )
        for method in sorted(best, key=lambda method: -float(best[method][-1]))
    }
    return Placing(float(total[-1]), p_value(total), nulls[0].smallest_fpr, methods)


def _least(name: str, values: Sequence[float]) -> float:
    return 0.0 if name.endswith("error") else min(values) / SLACK


def _most(name: str, values: Sequence[float]) -> float:
    return SLACK * max(values) + (WRONG_LABELS if name.endswith("error") else 0.0)


def p_value(scores: Sequence[float] | Numbers) -> float:
    """Return the share of models that score as high as the last one, up to rounding."""
    import numpy as np

    least = scores[-1] - 1e-9 * max(1.0, abs(scores[-1]))
    return np.count_nonzero(np.asarray(scores) >= least) / len(scores)


def _cells(table: Table) -> list[tuple[int, int]]:
    return [
        (row, column)
        for row, numbers in enumerate(table)
        for column, number in enumerate(numbers)
        if number is not None
    ]


def measured(rows: Iterable[Iterable[float | None]]) -> list[list[float]]:
    """Return the numbers of each row of a table, or of each column of ``zip(*table)``."""
    return [[number for number in row if number is not None] for row in rows]


def _numbers(table: Table, cells: Sequence[tuple[int, int]]) -> list[float]:
    return [float(table[row][column] or 0) for row, column in cells]


class Pools(NamedTuple):
    """What the tables of n clean models and a suspect, the last, hold.

    Attributes:
        names: of the pools.
        scores: ``(n + 1, pools)`` float64, standardised.
        last: the suspect's cells, standardised; `NOWHERE` where nothing is measured.
    """

    names: tuple[Pool, ...]
    scores: Numbers
    last: Numbers

    def found_in_last(self) -> tuple[Pool, tuple[int, ...], int | None]:
        """Return the last one's largest pool, and the target and source that it points at."""
        pool = self.names[int(self.scores[-1].argmax())]
        if pool == "target":
            return pool, (int(_mean(self.last, 0).argmax()),), None
        rows = self.last.max(1)
        if pool == "map":
            best = self.last.argmax(1).tolist()
            return pool, _targets_of({k: best[k] for k in (rows > NOWHERE).nonzero()[0]}), None
        source = int((rows if pool == "cell" else _mean(self.last, 1)).argmax())
        target = int(self.last[source].argmax())
        return pool, (target,), source if len(self.last) == self.last.shape[1] else None


def _targets_of(reached: Mapping[int, int]) -> tuple[int, ...]:
    """Return the targets of a map: the one alone that all other classes go to, where there is one.

    Args:
        reached: source -> target; the images of an only target go elsewhere all the same.
    """
    for target in set(reached.values()):
        others = [own for source, own in reached.items() if source != target]
        if len(others) > 1 and set(others) == {target}:
            return (target,)
    return tuple(sorted(set(reached.values())))


def pooled(suspect: Table, null: Null) -> Pools:
    """Return what a suspect's table and those of the clean models hold.

    Raises:
        ShapeError: the table has other cells than the null's.
    """
    import numpy as np

    from badnets.core.outliers import each_against_others

    if _cells(suspect) != null.cells:
        raise ShapeError(f"{null.method}: the table's cells are not those of its null")
    flat = np.vstack([null.numbers, _numbers(suspect, null.cells)])
    z = np.full((len(flat), len(suspect), len(suspect[0])), NOWHERE)
    z[:, *np.transpose(null.cells)] = each_against_others(flat).clip(-FARTHEST, FARTHEST)
    pools: dict[Pool, Numbers] = {"cell": z.max((1, 2))}
    if len(z[0]) > 1:
        pools["target"] = _mean(z, 1).max(1)
        pools["map"] = _mean(z.max(2), 1)
        pools["source"] = _mean(z, 2).max(1)
    scores = each_against_others(np.stack(list(pools.values()), 1), apart=True)
    return Pools(tuple(pools), scores.clip(-FARTHEST, FARTHEST), z[-1])


def _mean(z: Numbers, axis: int) -> Numbers:
    """Return means over the cells that are measured; `NOWHERE` where none is."""
    import numpy as np

    measured = z > NOWHERE
    counts = measured.sum(axis)
    sums = np.where(measured, z, 0.0).sum(axis)
    return np.where(counts > 0, sums / np.maximum(counts, 1), NOWHERE)
