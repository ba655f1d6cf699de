"""Calibrations: what the audit methods say of clean models of one kind."""

from __future__ import annotations

import gzip
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import Field, ValidationError

from badnets.bundles.atomic import write_bytes
from badnets.bundles.schema import Scalar
from badnets.core.errors import SettingError
from badnets.core.files import regular_file, unpacked
from badnets.core.nulls import Derived, Null, NullKind, Table

PACKAGED = "calibrations"
GZIP = b"\x1f\x8b"  # how such a file begins
LARGEST = 2**27  # bytes of a file, compressed or not
FEWEST = 2  # models that another can be standardised against


MARGIN = "mean clean margin"  # a quantity: how sure a model is of clean images


class Tables(Protocol):
    """What an audit says of a model, fresh or from a record."""

    @property
    def tables(self) -> Mapping[str, Table]: ...
    @property
    def versions(self) -> Mapping[str, int]: ...
    @property
    def quantities(self) -> Mapping[str, float]: ...


class Calibration(Derived):
    """Nulls of all methods, from the same clean models in the same order.

    Attributes:
        kind: which clean models.
        data: name of the data set that they were trained on, and whose test part was looked at.
        architecture: their network.
        settings: of the architecture; None: not known, as in files of earlier versions.
        shape: of their images, ``(C, H, W)``; None: of any.
        num_classes: K.
        trials: the name of each one's trial.
        nulls: one for each method.
    """

    kind: NullKind
    data: str
    architecture: str
    settings: dict[str, Scalar] | None = None
    shape: tuple[int, int, int] | None
    num_classes: int = Field(ge=2)
    trials: tuple[str, ...]
    nulls: tuple[Null, ...] = Field(min_length=1)

    @property
    def title(self) -> str:
        """What it is of, in words."""
        return f"{len(self.trials)} clean models ({self.architecture} on {self.data})"

    def fits(self, subject: Any) -> bool:
        """Return whether a subject is of the kind of these models, as far as it shows."""
        own = (subject.architecture, subject.num_classes)
        same = own == (self.architecture, self.num_classes)
        same &= self.settings in (None, dict(getattr(subject, "settings", {})))
        return same and self.shape in (None, tuple(subject.input.shape))

    @cached_property
    def in_margins(self) -> tuple[Null, ...]:
        """The nulls with each model's tables divided by its mean clean margin."""
        return tuple(
            one.model_copy(update={"tables": tuple(map(in_margins, one.tables, margins))})
            for one in self.nulls
            for margins in [one.quantities[MARGIN]]
        )

    @classmethod
    def of(
        cls,
        found: Mapping[str, Tables],
        *,
        kind: NullKind,
        data: str,
        architecture: str,
        shape: tuple[int, int, int] | None,
        settings: Mapping[str, Scalar] | None = None,
    ) -> Self:
        """Return what the tables of some clean models make.

        Args:
            found: name of each one's trial -> its tables.
            kind: what they are to whom they are compared with.
            data: what they were trained on.
            architecture: their network.
            shape: of their images.
            settings: of the network.

        Raises:
            SettingError: there are none, or a method could not look at one of them.
        """
        tables = list(found.values())
        methods = {method for one in tables for method in one.tables}
        if len(tables) < FEWEST or any(set(one.tables) != methods for one in tables):
            raise SettingError(
                f"a calibration needs {FEWEST} clean models or more that every method could look "
                f"at, these are {len(tables)}"
            )
        return cls(
            kind=kind,
            data=data,
            architecture=architecture,
            settings=None if settings is None else dict(settings),
            shape=shape,
            num_classes=len(tables[0].tables[min(methods)][0]),
            trials=tuple(found),
            nulls=tuple(_null(method, tables, kind) for method in sorted(methods)),
        )

    def of_kind(self, kind: NullKind) -> Self:
        """Return the same models as what they are to another suspect."""
        nulls = tuple(one.model_copy(update={"kind": kind}) for one in self.nulls)
        return self.model_copy(update={"kind": kind, "nulls": nulls})

    def write(self, path: Path | str) -> Path:
        """Write it as JSON, compressed where the name ends in ``.gz``, and return the path.

        The same models give the same bytes.

        Raises:
            OutputError: the file cannot be written.
        """
        path, data = Path(path), f"{self.model_dump_json()}\n".encode()
        write_bytes(path, gzip.compress(data, 9, mtime=0) if path.suffix == ".gz" else data)
        return path

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Return what `write` wrote, compressed or not.

        Raises:
            SettingError: there is no such file, or it is no calibration.
        """
        try:
            with regular_file(Path(path), LARGEST, error=SettingError) as file:
                return cls.model_validate_json(_plain(file.read(), f"{path} is no calibration"))
        except OSError as error:
            raise SettingError(f"cannot read calibration {path}: {error.strerror}") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise SettingError(f"{path} is no calibration: {where}: {first['msg']}") from None


def _plain(data: bytes, what: object) -> bytes:
    """Return what a file holds, compressed or not."""
    return unpacked(data, LARGEST, what=what, error=SettingError) if data[:2] == GZIP else data


def in_margins(table: Table, margin: float) -> Table:
    """Return a table in units of a model's mean clean margin: how sure models are differs."""
    return tuple(tuple(None if cell is None else cell / margin for cell in row) for row in table)


def masked(table: Table, cells: Collection[tuple[int, int]]) -> Table:
    """Return a table with nothing in all but some cells, given by row and column."""
    return tuple(
        tuple(cell if (row, column) in cells else None for column, cell in enumerate(numbers))
        for row, numbers in enumerate(table)
    )


def _null(method: str, tables: Sequence[Tables], kind: NullKind) -> Null:
    names, own = tables[0].quantities, [one.tables[method] for one in tables]
    common = set.intersection(*map(_filled, own))  # a model may have lacked images of a source
    if not common:
        raise SettingError(
            f"{method} looked at no source of every model alike: give more clean images of each "
            "class"
        )
    return Null.model_validate(
        {
            "kind": kind,
            "method": method,
            "version": tables[0].versions[method],
            "tables": [masked(table, common) for table in own],
            "quantities": {name: [one.quantities[name] for one in tables] for name in names},
        }
    )


def _filled(table: Table) -> set[tuple[int, int]]:
    return {
        (row, column)
        for row, numbers in enumerate(table)
        for column, cell in enumerate(numbers)
        if cell is not None
    }


@lru_cache(maxsize=1)
def packaged() -> tuple[Calibration, ...]:
    """Return the calibrations that come with this package: references, whoever made them."""
    entries = sorted((files("badnets.audit") / PACKAGED).iterdir(), key=lambda entry: entry.name)
    return tuple(
        Calibration.model_validate_json(_plain(entry.read_bytes(), entry.name)).of_kind("reference")
        for entry in entries
    )


def fitting(subject: Any, data: str | None = None) -> tuple[Calibration, ...]:
    """Return the packaged calibrations of a subject's kind.

    Args:
        subject: the model.
        data: name of the data set that it is for; None: not known, so there may be several.
    """
    return tuple(one for one in packaged() if one.fits(subject) and data in (None, one.data))
