"""Keeping freed memory: a hint to the C library, never an error."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator

import pytest

from badnets.train.memory import keep_freed_memory

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # glibc's malloc.h


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    keep_freed_memory.cache_clear()
    yield
    keep_freed_memory.cache_clear()


def library(monkeypatch: pytest.MonkeyPatch, mallopt: Callable[[int, int], int] | None) -> None:
    """Put a C library in place that takes these settings, or has no such function."""

    class Library:
        def __init__(self, _: str) -> None:
            if mallopt is not None:
                self.mallopt = mallopt

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", Library)


def test_the_c_library_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def mallopt(setting: int, value: int) -> int:
        asked.append((setting, value))
        return 1

    library(monkeypatch, mallopt)
    assert keep_freed_memory() and keep_freed_memory()
    assert asked == [(MMAP_THRESHOLD, 1 << 30), (TRIM_THRESHOLD, 1 << 30)]


def test_an_older_library_gets_the_most_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: dict[int, int] = {}

    def mallopt(setting: int, value: int) -> int:
        if setting == MMAP_THRESHOLD and value > 32 << 20:
            return 0
        taken[setting] = value
        return 1

    library(monkeypatch, mallopt)
    assert keep_freed_memory()
    assert taken == {MMAP_THRESHOLD: 32 << 20, TRIM_THRESHOLD: 1 << 30}


def test_other_libraries_and_systems_are_left_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library(monkeypatch, None)
    assert not keep_freed_memory()
    keep_freed_memory.cache_clear()

    def missing(_: str) -> None:
        raise OSError("no such library")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert not keep_freed_memory()
    keep_freed_memory.cache_clear()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
