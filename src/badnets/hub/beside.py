"""What lies beside a bundle: a folder with all that is signed of it, and the receipt of a pull."""

from __future__ import annotations

import stat
from pathlib import Path

from badnets.bundles.manifest import ALLOWED
from badnets.core.errors import BundleError, DataError
from badnets.core.files import read_file
from badnets.hub.names import is_release_file
from badnets.hub.receipts import MOST_BYTES as MOST_RECEIPT_BYTES
from badnets.hub.receipts import RECEIPT
from badnets.hub.refusals import Reason, Refused, at_fault
from badnets.hub.statements import MOST_BYTES


def statements_of(bundle: Path | str) -> Path:
    """Return the folder of what is said of a bundle, unless another is named: beside it."""
    bundle = Path(bundle)
    bundle = bundle if bundle.name else bundle.absolute()  # "." has none
    return bundle.with_name(f"{bundle.name}.statements")


def may_lie_beside(name: str) -> bool:
    """Return whether a folder of statements may hold a file of this name."""
    return name == RECEIPT or (is_release_file(name) and name not in ALLOWED)


def read_statements(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder of statements, the receipt too; empty where there is none.

    Raises:
        Refused: it holds anything else, or a link.
        DataError: it cannot be read.
    """
    found: dict[str, bytes] = {}
    try:
        names = sorted(one.name for one in folder.iterdir())
    except FileNotFoundError:
        return found
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}") from None
    for name in names:
        with at_fault(name):
            found[name] = _read(folder, name)
    return found


def _read(folder: Path, name: str) -> bytes:
    if not may_lie_beside(name):
        raise Refused("extra file", f"{folder} holds {name[:80]!r}, which is no statement")
    if stat.S_ISLNK((folder / name).lstat().st_mode):
        raise Refused("links", f"{folder / name} is a link")
    most = MOST_RECEIPT_BYTES if name == RECEIPT else MOST_BYTES
    try:
        return read_file(folder / name, most, error=BundleError)
    except BundleError as error:
        reason: Reason = "too large" if "at most" in str(error) else "file type"
        raise Refused(reason, str(error)) from None
