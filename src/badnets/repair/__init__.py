"""Taking backdoors out of models: the contract of repairs, and the repairs by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.repair.base import REPAIRS as REPAIRS
    from badnets.repair.base import Parts as Parts
    from badnets.repair.base import Repair as Repair
    from badnets.repair.base import Repaired as Repaired
    from badnets.repair.base import RepairResult as RepairResult
    from badnets.repair.base import Step as Step
    from badnets.repair.repairing import auto as auto
    from badnets.repair.repairing import repair as repair

__getattr__, __dir__, __all__ = exports(__name__)
