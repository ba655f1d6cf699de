"""Where networks compute."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from badnets.core.errors import SettingError

if TYPE_CHECKING:
    import torch

VARIABLE = "BADNETS_DEVICE"
GPUS = "nvidia[0-9]*"  # in /dev
_NAME = re.compile(r"cpu|mps|cuda(:(?P<number>\d{1,3}))?", re.ASCII)


def may_be_gpu() -> bool:
    """Return whether `best_device` is a GPU, as far as is seen without importing torch."""
    name = os.environ.get(VARIABLE)
    return not name.startswith("cpu") if name else any(Path("/dev").glob(GPUS))


def best_device() -> torch.device:
    """Return the device that ``$BADNETS_DEVICE`` names; without it a CUDA GPU, else the CPU.

    Raises:
        SettingError: it names no device, or one that is not there.
    """
    import torch

    name = os.environ.get(VARIABLE) or ("cuda" if torch.cuda.is_available() else "cpu")
    match = _NAME.fullmatch(name)
    if match is None:
        raise SettingError(f"unknown device {name!r}: take cpu, cuda, cuda:NUMBER or mps")
    gpus = torch.cuda.device_count()
    if name.startswith("cuda") and int(match["number"] or 0) >= gpus:
        why = f"{gpus} CUDA GPUs are found" if gpus else "no CUDA GPU is found"
        if not torch.version.cuda:
            why = f"torch {torch.__version__} is built without CUDA"
        raise SettingError(f"there is no device {name}, as {why}: take cpu")
    if name == "mps" and not torch.backends.mps.is_available():
        raise SettingError("there is no device mps, which is Apple's GPU: take cpu")
    return torch.device(name)
