"""Keeping freed memory in the process, so that every training step does not fault it in anew."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

# mallopt's parameters, from glibc's malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGE = 1 << 30
_OLDER_LIMIT = 32 << 20  # what older glibc takes at most


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
