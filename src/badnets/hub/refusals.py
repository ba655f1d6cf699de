"""Why a model is refused: one exception, and one list of reasons that never change their words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal

from badnets.core.errors import BadnetsError

Reason = Literal[
    "audit expired",
    "audit missing",
    "audit of another model",
    "audit verdict",
    "author",
    "base model",
    "clock",
    "deadline",
    "digest",
    "expired",
    "extra file",
    "file type",
    "length",
    "links",
    "malformed",
    "missing file",
    "name",
    "not trusted",
    "policy",
    "provenance",
    "redirect",
    "replaced",
    "rolled back",
    "self-audit",
    "signature",
    "statement of another model",
    "too large",
    "version",
    "yanked",
]
"""What a model or a repository is refused for."""


class Refused(BadnetsError):  # noqa: N818 - what it is called where it is caught
    """Something was looked at and is not let through.

    Args:
        reason: in a word that programs can rely on.
        line: what was wrong, what was expected, what to do.

    Attributes:
        file: that is at fault, by its name or its path; empty where it is none alone.
    """

    exit_code = 1

    def __init__(self, reason: Reason, line: str) -> None:
        super().__init__(f"refused ({reason}): {line}")
        self.reason: Reason = reason
        self.file = ""


@contextmanager
def at_fault(file: str | Path) -> Iterator[None]:
    """Name the file that a refusal within the block is of, where it names none itself."""
    try:
        yield
    except Refused as error:
        error.file = error.file or str(file)
        raise


class Unchecked(BadnetsError):  # noqa: N818 - likewise
    """Something could not be looked at: a server is away, or what is needed for it is not here."""

    exit_code: ClassVar[int] = 3
