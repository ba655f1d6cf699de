"""Where a trial ran: enough to judge its times, nothing that names a host."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import torch

from badnets import __version__
from badnets.trials.machine import this_machine, versions

CPU = torch.device("cpu")


def test_the_machine_is_described_without_its_name_or_any_path() -> None:
    machine = this_machine(CPU)
    assert machine.device == "cpu" and machine.processor
    assert machine.cores == os.cpu_count() and machine.threads == torch.get_num_threads()
    assert machine.memory_gib > 0
    assert machine.system == f"{platform.system()} {platform.machine()}"
    said = machine.model_dump_json()
    host = platform.node()
    assert not host or not re.search(rf"\b{re.escape(host)}\b", said)
    for place in (str(Path.home()), str(Path.cwd())):
        assert place == "/" or place not in said


def test_versions_of_what_results_depend_on_are_there() -> None:
    found = versions()
    assert found["badnets"] == __version__
    assert found["python"] == platform.python_version()
    assert re.match(r"\d+\.\d+", found["torch"])
    assert found.keys() >= {"numpy", "torchvision", "safetensors", "scikit-learn", "pydantic"}
