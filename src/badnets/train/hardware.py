"""What the machine does fast: its device, its arithmetic, and memory that is used again."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Literal

import torch

from badnets.core.devices import best_device as best_device

# mallopt's parameters, from glibc's malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGE = 1 << 30
_OLDER_LIMIT = 32 << 20  # what older glibc takes at most


def fastest_precision(device: torch.device) -> Literal["float32", "bfloat16"]:
    """Return ``"bfloat16"`` where the hardware multiplies it natively, else ``"float32"``.

    On CPUs that is AVX512-BF16 or AMX; without them bfloat16 was measured five to eight times
    slower than float32, with them about 1.4 times faster.
    """
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    ask = getattr(torch.cpu, "get_capabilities", None)
    able = ask() if ask is not None else {}
    native = able.get("avx512_bf16") or able.get("amx_bf16")
    return "bfloat16" if device.type == "cpu" and native else "float32"


@cache
def keep_freed_memory() -> bool:
    """Tell the C library once to reuse freed blocks up to 1 GiB, and return whether it will.

    Training frees and asks for the same activations at every step. By default glibc hands blocks
    of some MiB back to the system each time; the page faults cost 10 to 20 % of a step on a CPU
    (batches of 128 through the MNIST network). Other C libraries are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    raised = any(mallopt(_MMAP_THRESHOLD, size) for size in (_LARGE, _OLDER_LIMIT))
    return bool(raised and mallopt(_TRIM_THRESHOLD, _LARGE))
