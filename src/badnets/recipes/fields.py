"""The fields of a recipe, and how mistakes about them are worded: by field, at their line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, Protocol

from badnets.core.errors import BadnetsError
from badnets.core.lookup import unknown_name
from badnets.core.settings import quoted
from badnets.recipes.yaml_lines import Place
from badnets.train.detector_settings import DetectorTraining
from badnets.train.settings import Training
from badnets.trials.trial import OutsourcedTrial, RepairedTrial, TransferTrial

FIELDS = tuple(
    dict.fromkeys(
        name
        for kind in (OutsourcedTrial, TransferTrial, RepairedTrial)
        for name in kind.model_fields
        if name != "contents"
    )
)
INSIDE = {
    "backdoor": ("trigger", "targets", "poisoning_rate", "mode"),
    "training": tuple(
        dict.fromkeys(f.name for kind in (Training, DetectorTraining) for f in fields(kind))
    ),
    "sweep": ("zip", "sample"),
}
"""What lies in some fields, and is now and then written beside them."""
_OTHERWISE = {"how": "mode", "rate": "poisoning_rate", "bs": "batch_size", "learning_rate": "lr"}
"""What options and other tools call a field."""


class Where(Protocol):
    """Knows where a plain value was written, and so how an error about it is worded."""

    def error(self, path: Place, message: str) -> BadnetsError:
        """Return the error about the value at ``path``."""


class Mistakes:
    """Lets several parts fail one by one; the first error is raised with the others beside it."""

    def __init__(self) -> None:
        self._errors: dict[str, BadnetsError] = {}

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Keep what the block raises, and what is beside that, each once."""
        try:
            yield
        except BadnetsError as error:
            self.add(error)

    def add(self, error: BadnetsError) -> None:
        """Keep an error, and those beside it."""
        for one in (error, *error.others):
            self._errors.setdefault(str(one), one)

    @property
    def all(self) -> tuple[BadnetsError, ...]:
        """What was kept, in order."""
        return tuple(self._errors.values())

    def complain(self) -> None:
        """Raise the first error that was kept, with the others beside it; nothing if there is none.

        Raises:
            BadnetsError: the first.
        """
        if self._errors:
            first, *others = self._errors.values()
            first.others = tuple(others)
            raise first


def check_names(value: Any, known: tuple[str, ...], place: Place, where: Where) -> dict[str, Any]:
    """Return ``value``, a mapping whose keys are all known.

    Raises:
        BadnetsError: it is not a mapping, or a field is unknown; the nearest is suggested.
    """
    if not isinstance(value, dict):
        raise where.error(place, f"expected a mapping ({', '.join(known)}), got {quoted(value)}")
    found = Mistakes()
    for name in value:
        if name not in known:
            said = meant(str(name), known) or str(unknown_name(str(name), known, "field"))
            found.add(where.error((*place, name), said))
    found.complain()
    return value


def meant(name: str, known: tuple[str, ...]) -> str:
    """Return what is said of a field under another's name, or in a wrong place; "" of others.

    Args:
        name: the field that is unknown.
        known: the fields that are known there.
    """
    field = _OTHERWISE.get(name, name)
    if field in known:
        return f"unknown field {name!r}: it is called {field!r} here"
    for part, inside in INSIDE.items():
        if field in inside and part in known:
            called = "" if field == name else f", where it is called {field!r}"
            return f"unknown field {name!r}: indent it below {part!r}{called}"
        if field in FIELDS and field not in known and inside == known:
            return f"unknown field {name!r}: it stands beside {part!r}, so indent it less"
    return ""
