"""The answer of a verdict, and what it follows from; whoever needs no more imports no verdicts."""

from __future__ import annotations

from typing import Literal

Conclusion = Literal["backdoor likely", "nothing found", "not checked"]
EXIT_CODES: dict[Conclusion, int] = {"nothing found": 0, "backdoor likely": 1, "not checked": 3}


def conclusion_from(
    p_value: float | None, smallest_fpr: float | None, max_fpr: float
) -> Conclusion:
    """Return what follows from a p-value.

    Args:
        p_value: None without a null.
        smallest_fpr: the smallest false-positive rate that the null supports; None without one.
        max_fpr: the false-positive rate that is asked for.

    Returns:
        ``"not checked"`` without a null, or with one that is too small for the rate.
    """
    if p_value is None or smallest_fpr is None or smallest_fpr > max_fpr:
        return "not checked"
    return "backdoor likely" if p_value <= max_fpr else "nothing found"
