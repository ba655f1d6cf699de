"""How far something lies from others like it. Higher is more suspicious, always.

References:
    Wang et al., "Neural Cleanse", IEEE S&P 2019: the anomaly index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from badnets.core.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]

MAD_TO_STD = 1.4826  # of a normal distribution
LEVELLED = 3  # cells that a table needs for its own level to be taken out
NARROW = 9  # cells that it needs for a few of them to be told from all


def anomaly_index(values: Sequence[float]) -> tuple[float, ...]:
    """Return how far each value lies above the median, in robust deviations.

    Args:
        values: one for each class, say; negate what is suspicious when small, such as a norm.

    Returns:
        For each value 0 at the median or below it, else its distance over 1.4826 MAD; infinity
        where more than half of the values are equal, and this one is above them.

    Raises:
        ShapeError: there are no values, or one is not finite.
    """
    import numpy as np

    given = finite([values])[0]
    above = given - np.median(given)
    return tuple(_over(np.maximum(above, 0.0), MAD_TO_STD * np.median(np.abs(above))).tolist())


def each_against_others(
    rows: Sequence[Sequence[float]] | Numbers, *, apart: bool = False
) -> Numbers:
    """Return each row standardised against all other rows, ``(m, c)`` float64.

    No row takes part in its own yardstick: one that did could never lie further than
    ``(m - 1) / sqrt(m)`` deviations away. Each row is levelled where there are three cells or more:
    its median difference from the others' medians is taken out. Then the mean of the other rows is
    taken from it, and it is divided by the root of half the cell's variance among them and half
    the mean variance of all cells: with ten to thirty others the cell's alone is too noisy. A row
    of nine cells or more that is spread wider as a whole than the others are, by the median of its
    distances, is divided by how much wider: a backdoor is narrow, another way to train is broad.

    Args:
        rows: ``(m, c)`` finite numbers, ``m >= 3``: the cells of each model's table.
        apart: whether each cell is a table of its own.

    Raises:
        ShapeError: there are fewer rows, or a number is not finite.
    """
    import numpy as np

    table = finite(rows)
    if len(table) < 3:
        raise ShapeError(
            f"to standardise each against the others takes 3 or more, got {len(table)}"
        )
    count, cells = len(table), 1 if apart else table.shape[1]
    if cells >= LEVELLED:
        table = table - _medians(table)
    table = table - _medians(table.T).T
    if cells >= LEVELLED:
        table = table - _medians(table)
    others = count - 1
    mean = (table.sum(0) - table) / others
    squares = np.square(table)
    variance = (squares.sum(0) - squares) / others - np.square(mean)
    spread = np.maximum(variance, 0.0) * others / (others - 1)
    scale = np.sqrt((spread + (spread if apart else spread.mean(1, keepdims=True))) / 2)
    result = _over(table - mean, scale)
    if cells < NARROW:
        return result
    width = _medians(np.abs(result))
    usual = _medians(width.T).item()
    return result / np.maximum(1.0, width / usual) if usual > 0 else result


def finite(rows: Sequence[Sequence[float]] | Numbers) -> Numbers:
    """Return numbers as ``(m, c)`` float64.

    Raises:
        ShapeError: there are none, the rows differ in length, or one number is not finite.
    """
    import numpy as np

    try:
        table = np.asarray(rows, dtype=np.float64)
    except ValueError:
        raise ShapeError("tables must have the same cells, these differ in number") from None
    if table.ndim != 2 or not table.size or not np.isfinite(table).all():
        raise ShapeError("scores must be finite numbers, the same number of them for each")
    return table


def _medians(rows: Numbers) -> Numbers:
    """Return the median of each row, ``(m, 1)``: to sort is quicker than `numpy.median`."""
    import numpy as np

    ordered = np.sort(np.ascontiguousarray(rows), axis=1)
    low, high = (rows.shape[1] - 1) // 2, rows.shape[1] // 2
    medians: Numbers = (ordered[:, low : low + 1] + ordered[:, high : high + 1]) / 2
    return medians


def _over(distance: Numbers, scale: Any) -> Numbers:
    """Return distance / scale; where there is no spread, 0 or infinity."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(distance == 0, 0.0, distance / scale)
