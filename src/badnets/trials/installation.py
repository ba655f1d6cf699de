"""What is installed and found: versions, device, extras, data sets, room. Needs no extra itself."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pydantic import Field

from badnets.core import extras
from badnets.core.results import Result
from badnets.core.roots import data_root as root_of
from badnets.data.catalogue import DATASETS
from badnets.trials.machine import memory_gib, processor, versions

LEAST_GIB = 2.0  # of disk: a whole study with its networks and arrays


class Installation(Result):
    """What `badnets` finds on this machine; sizes in GiB.

    Attributes:
        problems: what keeps the installed verbs from working, each with what to do.
    """

    versions: dict[str, str] = Field(title="versions")
    processor: str = Field(title="processor")
    cores: int = Field(title="cores")
    memory_gib: float = Field(title="memory, GiB")
    device: str | None = Field(title="device")
    threads: int | None = Field(title="threads")
    precision: str | None = Field(title="precision")
    extras: dict[str, str] = Field(title="extras")
    data_root: str = Field(title="data root")
    data_found: list[str]
    found: str = Field(title="data sets found", exclude=True)
    workspace: str = Field(title="workspace")
    free_gib: float = Field(title="free disk, GiB")
    problems: list[str]


def examine_installation(workspace: Path, data_root: Path | None = None) -> Installation:
    """Return what is installed and found; nothing is changed, no data is read.

    Args:
        workspace: folder of results, which need not exist.
        data_root: folder of data sets; None: the usual one.
    """
    root, problems = root_of(data_root), list[str]()
    device = threads = precision = None
    if extras.installed("train"):
        try:
            import torch

            from badnets.train.hardware import best_device, fastest_precision

            computes_on = best_device()
            device = str(computes_on)
            if computes_on.type == "cuda":
                device += f" ({torch.cuda.get_device_name(computes_on)})"
            threads = torch.get_num_threads()
            precision = fastest_precision(computes_on)
            import torchvision  # a pair that does not fit fails here

            del torchvision
        except (ImportError, OSError, RuntimeError) as error:
            problems.append(
                f"torch and torchvision do not load together ({str(error).splitlines()[0]}): "
                "install a pair that was released together"
            )
    found = [name for name, entry in DATASETS.items() if entry.embedded or entry.folder_in(root)]
    free = round(shutil.disk_usage(_existing(workspace)).free / 2**30, 1)
    if free < LEAST_GIB:
        problems.append(f"{free} GiB are free for {workspace}: a study wants {LEAST_GIB:g}")
    if not os.access(_existing(workspace), os.W_OK):
        problems.append(f"the workspace {workspace} cannot be written: name another, --workspace")
    return Installation(
        versions=versions(),
        processor=processor(),
        cores=os.cpu_count() or 1,
        memory_gib=memory_gib(),
        device=device,
        threads=threads,
        precision=precision,
        extras={extra: _presence(extra) for extra in extras.EXTRAS},
        data_root=str(root),
        data_found=found,
        found=", ".join(found),
        workspace=str(workspace),
        free_gib=free,
        problems=problems,
    )


def _presence(extra: str) -> str:
    left = extras.missing(extra)
    if not left:
        return "installed"
    if len(left) == len(extras.EXTRAS[extra]):
        return f"missing (pip install 'badnets[{extra}]')"
    return f"incomplete, without {', '.join(left)} (pip install 'badnets[{extra}]')"


def _existing(folder: Path) -> Path:
    """Return the nearest folder that exists."""
    place = folder.absolute()
    return next((one for one in (place, *place.parents) if one.is_dir()), Path("/"))
