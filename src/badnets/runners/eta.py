"""How long is left, from how long others took."""

from __future__ import annotations

from statistics import fmean


class TimeLeft:
    """Estimates when the last of many trials will end.

    Args:
        total: trials to be run.
        workers: how many run at a time.
    """

    def __init__(self, total: int, workers: int) -> None:
        self._left = total
        self._workers = max(1, workers)
        self._took_s: list[float] = []

    def ended(self, seconds: float | None) -> None:
        """Count one more trial out.

        Args:
            seconds: how long it ran; None where it says nothing of the others (it failed).
        """
        self._left -= 1
        if seconds is not None:
            self._took_s.append(seconds)

    def seconds(self, running_s: list[float]) -> float | None:
        """Return the estimate; None before the first trial has ended.

        Args:
            running_s: how long each of those that run now has been running.
        """
        if self._left <= 0:
            return 0.0
        if not self._took_s:
            return None
        each = fmean(self._took_s)
        work = each * self._left - sum(min(each, spent) for spent in running_s)
        return max(0.0, work) / min(self._workers, self._left)


def spoken(seconds: float) -> str:
    """Return a duration as people say it: ``42 s``, ``3 min 05 s``, ``1 h 20 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
