"""The database of records: a SQLite file, or a PostgreSQL database by URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.ledger.claims import Claims as Claims
    from badnets.ledger.claims import Taken as Taken
    from badnets.ledger.exports import FORMATS as FORMATS
    from badnets.ledger.exports import read_records as read_records
    from badnets.ledger.exports import write_records as write_records
    from badnets.ledger.failures import FailedTrial as FailedTrial
    from badnets.ledger.ledger import ImportCount as ImportCount
    from badnets.ledger.ledger import Ledger as Ledger
    from badnets.ledger.merging import MergeCount as MergeCount
    from badnets.ledger.merging import merge as merge
    from badnets.ledger.tracking import to_mlflow as to_mlflow
    from badnets.ledger.vacuuming import Vacuumed as Vacuumed
    from badnets.ledger.vacuuming import vacuum as vacuum

__getattr__, __dir__, __all__ = exports(__name__)
