"""A repaired download: a careful user takes a backdoor out, and judges what is left."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from badnets.core.progress import Listener
from badnets.repair.base import FEWEST, REPAIRS, Repair, RepairResult
from badnets.scenarios.downloads import FromDownload

if TYPE_CHECKING:
    from badnets.evaluate.classification import Attack
    from badnets.scenarios.outsourced import Deal
    from badnets.scenarios.user import User
    from badnets.train.checkpoint import Checkpoint


@dataclass(frozen=True, eq=False)
class RepairedDownload(FromDownload):
    """A user downloads a classifier, repairs it with clean images, and accepts it or not.

    Args:
        user: who downloads; the user's data is clean, and of the network's classes.
        downloaded: the network, backdoored or clean, or the folder of its bundle.
        method: a repair, its name in `badnets.repair.REPAIRS`, or its name with settings.
        share: of the user's training set that the repair may use, in (0, 1]; at least two images of
            each class, where there are so many.
        attack: what the attacker hid in the network, for the one who knows; None: nothing is
            measured. The repair never sees it.
        control: a clean network, asked about the same triggered images.
        audit: whether the network is audited before and after a repair that does not do so itself.

    Raises:
        SettingError: share is outside its range, or the method's settings are wrong.
        UnknownNameError: there is no such repair.
    """

    user: User
    downloaded: Any
    method: Repair | str = "auto"
    share: float = 1.0
    attack: Attack | None = None
    control: Any = None
    audit: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "method", REPAIRS.parse(self.method))

    def run(
        self,
        seed: int = 0,
        *,
        progress: Listener | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Deal:
        """Return how it ended: the user judges the repaired network as any other.

        Args:
            seed: everything random follows from it.
            progress: told every few steps of training and of measuring.
            checkpoint: not used: a repair is short.

        Raises:
            SettingError, ShapeError: network and data do not fit together, or the network cannot
                do what the repair needs.
            DataError: there are too few clean images.
            TrialError: training diverged.
        """
        from badnets.repair.repairing import repair
        from badnets.scenarios.outsourced import Deal
        from badnets.scenarios.trainers import Delivery
        from badnets.tasks import Attacked

        user, task = self.user, self.user.task
        clean = task.share(user.order.train, self.share, seed, least=FEWEST)
        started = time.perf_counter()
        repaired = repair(
            self.downloaded, clean, self.method, audit=self.audit, seed=seed, progress=progress
        )
        spent = time.perf_counter() - started
        judgement = user.judge(repaired.subject, progress=progress)
        before = task.measure(self.downloaded, user.validation, threshold=user.threshold)
        attacked = was = Attacked()
        if self.attack is not None:
            attacked, was = (
                task.measure_attack(
                    subject,
                    user.validation,
                    self.attack,
                    measured,
                    control=self.control,
                    seed=seed,
                    progress=progress,
                )
                for subject, measured in (
                    (repaired.subject, judgement.measured),
                    (self.downloaded, before),
                )
            )
        return Deal(
            judgement.decision,
            judgement.reason,
            judgement.measured,
            Delivery(repaired.subject, (), "float32", spent),
            attacked,
            repair=RepairResult(
                clean=before.clean, attack=was.attack, images=len(clean), steps=repaired.steps
            ),
        )
