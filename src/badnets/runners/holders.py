"""Who holds a claim: a process of a machine, so that others there know when it has ended."""

from __future__ import annotations

import hashlib
import os
import platform
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path


def new_holder() -> str:
    """Return a name for one run of this process: ``MACHINE:PROCESS:STARTED:RUN``."""
    process = os.getpid()
    return f"{_machine()}:{process}:{_started(process)}:{uuid.uuid4().hex[:8]}"


def is_gone(holder: str) -> bool:
    """Return whether that run's process was of this machine and has ended; False of others."""
    machine, process, started, *_ = (*holder.split(":"), "", "")
    if machine != _machine() or not process.isdecimal():
        return False
    return _started(int(process)) != started


@cache
def _machine() -> str:
    """Return what tells machines, and containers that number their processes anew, apart."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _started(process: int) -> str:
    """Return when a process began, as far as this system tells; "gone" where there is none."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "gone" if Path("/proc/self/stat").exists() else "unknown"
    return "gone" if fields[0] == "Z" else fields[19]
