"""How long is left, from how long others took."""

from __future__ import annotations

from collections.abc import Mapping

from badnets.core.errors import BadnetsError
from badnets.data.catalogue import entry_of
from badnets.trials.base import TrainedTrial
from badnets.trials.trial import OutsourcedTrial, Trial

REPAIRING = 20  # epochs that a repair costs about as much as
MEASURING = 10_000  # test images, where a data set's are not known
SILENCING = 20  # passes over the test images that cost as much as silencing units step by step


class TimeLeft:
    """Estimates when the last of many trials will end.

    Args:
        work: what each trial is expected to cost, in any unit, ``> 0``; by its name.
        workers: trials at a time.
    """

    def __init__(self, work: Mapping[str, float], workers: int) -> None:
        self._left, self._work_left = dict(work), sum(work.values())
        self._workers = max(1, workers)
        self._done = self._took_s = 0.0

    def ended(self, name: str, seconds: float | None) -> None:
        """Count one more trial out.

        Args:
            name: which.
            seconds: how long it ran; None where it says nothing of the others (it failed).
        """
        work = self._left.pop(name, 0.0)
        self._work_left -= work
        if seconds is not None:
            self._done += work
            self._took_s += seconds

    def seconds(self, running_s: Mapping[str, float]) -> float | None:
        """Return the estimate; None before the first trial has ended.

        Args:
            running_s: how long each of those that run now has been running, by its name.
        """
        if not self._left:
            return 0.0
        if not self._done:
            return None
        pace = self._took_s / self._done
        left = pace * self._work_left
        left -= sum(
            min(pace * self._left.get(name, 0.0), spent) for name, spent in running_s.items()
        )
        return max(0.0, left) / min(self._workers, len(self._left))


def expected_work(trial: Trial) -> float:
    """Return about how many images a trial trains on in all, measuring included.

    It needs no data: sizes are those of the table of data sets.
    """
    try:
        entry = entry_of(trial.data)
    except BadnetsError:  # the trial itself will say so
        return float(MEASURING)
    images = entry.train or 1
    if trial.train_limit is not None:
        images = min(images, trial.train_limit)
    poisoned = 0
    backdoor = trial.backdoor if isinstance(trial, OutsourcedTrial) else None
    if backdoor is not None and backdoor.mode == "add":
        eligible = images // (entry.classes or 1 if backdoor.poisoning_rate == "every" else 1)
        try:
            poisoned = backdoor.poisoned_count(images, eligible)
        except BadnetsError:  # the trial itself will say so
            poisoned = 0
    if trial.task == "detection":
        measuring = 3 * (entry.test or 1)
    else:
        measuring = (entry.test or MEASURING) * (
            1 + SILENCING * ("units" in trial.observe and backdoor is not None)
        )
    epochs = trial.training.epochs if isinstance(trial, TrainedTrial) else REPAIRING
    return float(epochs * (images + poisoned) + measuring)


def spoken(seconds: float) -> str:
    """Return a duration as people say it: ``42 s``, ``3 min 05 s``, ``1 h 20 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
