"""Records that were changed or damaged where they are held: found by their digests."""

from __future__ import annotations

from typing import NamedTuple

from badnets.core.errors import LedgerError
from badnets.ledger.columns import digest_of


class Held(NamedTuple):
    """A document as it is held.

    Attributes:
        where: which ledger holds it, for messages.
        name: under which name.
        text: the document, or what is left of it.
        digest: of the document that was written; None: the ledger is of a schema without.
    """

    where: str
    name: str
    text: object
    digest: str | None = None

    @property
    def document(self) -> str:
        """The document as it was written.

        Raises:
            LedgerError: it was changed.
        """
        if not isinstance(self.text, str) or self.digest not in (None, digest_of(self.text)):
            raise damaged(self.name, self.where)
        return self.text


def damaged(name: object, where: str) -> LedgerError:
    """Return the error of a record that is not as it was written."""
    return LedgerError(
        f"record {name} in {where} was changed or is damaged: bring the ledger back from a copy or "
        "an export"
    )
