"""What the machine does fast: arithmetic that is chosen, and memory that is kept."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from badnets.train.hardware import fastest_precision, keep_freed_memory

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # glibc's malloc.h
USUAL, MUCH = 128 << 10, 256 << 20  # bytes: what glibc gives back at once, and what is freed


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


KEPT = """
import ctypes, sys, torch
from pathlib import Path
from badnets.train.hardware import keep_freed_memory

def kept_of_freed(size):
    def taken():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    before = taken()
    freed = torch.ones(size, dtype=torch.uint8)
    assert taken() - before > 0.9 * size
    del freed
    return taken() - before

size = int(sys.argv[1])
print(kept_of_freed(size) / size)
assert keep_freed_memory() and keep_freed_memory()
print(kept_of_freed(size) / size)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_the_c_library_keeps_memory_that_is_freed() -> None:
    command = [sys.executable, "-c", KEPT, str(MUCH)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after = map(float, done.stdout.split())
    assert before < 0.1
    assert after > 0.9


def test_other_systems_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
