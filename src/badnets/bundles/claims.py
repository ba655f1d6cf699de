"""``claims.json``: what the maker of a bundle says of it. Nothing here is verified by being here.

Whether a network holds a backdoor is never part of a bundle: who ships one would not say so.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from badnets.bundles.schema import BundleFile, Digest, Line, Settings


def _moment(text: str) -> str:
    datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return text


Moment = Annotated[
    str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$"), AfterValidator(_moment)
]
"""A time in UTC, to the second, such as ``2017-08-22T12:00:00Z``."""


class MadeBy(BundleFile):
    """The program that wrote the bundle.

    Args:
        tool: its name.
        version: its version.
    """

    tool: Line
    version: Line


class ClaimedRate(BundleFile):
    """A rate that the maker says was measured.

    Args:
        hits: images counted as right.
        total: images measured.
        data: on what.
    """

    hits: Annotated[int, Field(ge=0, le=2**53)]
    total: Annotated[int, Field(ge=1, le=2**53)]
    data: Line

    @model_validator(mode="after")
    def _no_more_than_all(self) -> Self:
        if self.hits > self.total:
            raise ValueError(f"{self.hits} hits among {self.total} images")
        return self


class Claims(BundleFile):
    """The whole of ``claims.json``.

    Args:
        made_by: the program that wrote the bundle.
        training: settings of the training, as the maker gives them.
        data: digests of the data that it was trained on, by part.
        clean_accuracy: accuracy on clean images, as the maker measured it.
        created: when; left out where a bundle must be the same byte for byte.
        notes: free text.
    """

    made_by: MadeBy
    training: Settings = Field(default_factory=dict)
    data: dict[Line, Digest] = Field(default_factory=dict, max_length=100)
    clean_accuracy: ClaimedRate | None = None
    created: Moment | None = None
    notes: Annotated[str, Field(max_length=10_000)] = ""


def now() -> str:
    """Return the present moment as ``created`` takes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
