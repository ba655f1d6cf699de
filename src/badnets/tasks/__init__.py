"""Classification and detection behind one contract: scenarios and trials are written once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.tasks.base import AnyTask as AnyTask
    from badnets.tasks.base import Attacked as Attacked
    from badnets.tasks.base import Measured as Measured
    from badnets.tasks.base import Order as Order
    from badnets.tasks.base import Poisoned as Poisoned
    from badnets.tasks.base import Task as Task
    from badnets.tasks.registry import TASKS as TASKS
    from badnets.tasks.registry import task_for as task_for

__getattr__, __dir__, __all__ = exports(__name__)
