"""What the machine does fast: arithmetic that is chosen, and memory that is kept."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator

import pytest
import torch

from badnets.train.hardware import fastest_precision, keep_freed_memory

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # glibc's malloc.h


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({}, "float32"),
        ({"avx512_f": True, "avx512_bf16": False}, "float32"),
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True, "avx512_bf16": False}, "bfloat16"),
        (None, "float32"),  # an older torch cannot tell
    ],
)
def test_low_precision_is_taken_where_the_processor_has_it(
    able: dict[str, bool] | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if able is None:
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    else:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    assert fastest_precision(torch.device("cpu")) == expected


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
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


@pytest.mark.parametrize("most", [1 << 30, 32 << 20], ids=["newer", "older"])
def test_the_c_library_gets_the_most_that_it_takes_once(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[int, int]] = []

    def mallopt(setting: int, value: int) -> int:
        if setting == MMAP_THRESHOLD and value > most:
            return 0
        taken.append((setting, value))
        return 1

    library(monkeypatch, mallopt)
    assert keep_freed_memory() and keep_freed_memory()
    assert taken == [(MMAP_THRESHOLD, most), (TRIM_THRESHOLD, 1 << 30)]


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
