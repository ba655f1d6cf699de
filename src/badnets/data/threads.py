"""Many files, one after the other, by several threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from badnets.core.progress import Listener, Progress

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int,
    at_a_time: int,
    listener: Listener | None = None,
    doing: str = "",
) -> list[Result]:
    """Return what ``work`` returns for each item, in their order, ``at_a_time`` of them at once.

    Threads, not processes: Pillow decodes pictures and encodes JPEG without holding the
    interpreter, and processes would each have to import torch first. When work or the listener
    fails, what waits is given up, and what runs is waited for.
    """
    parts = [items[start : start + at_a_time] for start in range(0, len(items), at_a_time)]
    pool = ThreadPoolExecutor(workers, "data")
    results: list[Result] = []
    try:
        for some in pool.map(lambda part: [work(item) for item in part], parts):
            results += some
            if listener is not None:
                listener(Progress(len(results), len(items), doing))
    finally:
        pool.shutdown(cancel_futures=True)
    return results
