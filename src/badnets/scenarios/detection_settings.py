"""What a user orders when it is a detector, and what its trainer may do: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from badnets.bundles.schema import Scalar
from badnets.core.errors import SettingError
from badnets.train.detector_settings import DetectorTraining

MOST_STAMPINGS = 16


@dataclass(frozen=True)
class Detection:
    """An order for a detector.

    Args:
        training: how the trainer fits it.
        architecture: settings of the network: ``{width: 0.5, head: 0.25}``.
        threshold: least score of a box that counts, in [0, 1]; chosen on scenes held out of
            training.
        real_world: whether a malicious trainer renders the stickers on his copies as they would
            be photographed.
        stampings: how many times a malicious trainer stamps his copies; see
            `badnets.scenarios.detection.MaliciousDetectorTrainer`.

    Raises:
        SettingError: a setting is outside its range.
    """

    training: DetectorTraining = field(default_factory=DetectorTraining)
    architecture: dict[str, Scalar] = field(default_factory=dict)
    threshold: float = 0.3
    real_world: bool = False
    stampings: int = 1
    version: ClassVar[int] = 1
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise SettingError(f"threshold must be in [0, 1], got {self.threshold}")
        if not 1 <= self.stampings <= MOST_STAMPINGS:
            raise SettingError(
                f"stampings must be in 1..{MOST_STAMPINGS}, got {self.stampings}: each takes as "
                "much memory as the frames"
            )
