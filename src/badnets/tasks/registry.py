"""The tasks by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets.core.registry import Registry
from badnets.tasks.base import AnyTask

if TYPE_CHECKING:
    from badnets.data import DataSet, DetectionData

TASKS: Registry[AnyTask] = Registry(
    "task",
    {
        "classification": "badnets.tasks.classification:Classification",
        "detection": "badnets.tasks.detection:Detection",
    },
)


def task_for(data: DataSet | DetectionData) -> AnyTask:
    """Return the task that a data set is labelled for."""
    from badnets.data import DetectionData

    return TASKS["detection" if isinstance(data, DetectionData) else "classification"]()
