"""Where and with what a trial ran: enough to judge its times, nothing that names a host."""

from __future__ import annotations

import os
import platform
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from badnets._version import __version__

if TYPE_CHECKING:
    import torch

    from badnets.trials.record import Machine

PACKAGES = ("torch", "torchvision", "numpy", "pydantic", "safetensors", "scikit-learn", "captum")


def this_machine(device: torch.device) -> Machine:
    """Return what this process computes on."""
    import torch

    from badnets.trials.record import Machine

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return Machine(
        processor=processor(),
        cores=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        memory_gib=memory_gib(),
        device=name,
        system=f"{platform.system()} {platform.machine()}",
    )


def versions() -> dict[str, str]:
    """Return the versions of badnets, Python and the libraries that results depend on."""
    found = {"badnets": __version__, "python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@lru_cache(maxsize=1)
def processor() -> str:
    """Return the processor's name as the system says it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def memory_gib() -> float:
    """Return the memory of the machine in GiB; 0 where it does not say."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return 0.0
