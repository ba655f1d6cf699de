"""One integer seed per run, and an independent generator for each purpose within it."""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator that depends on ``seed`` and ``purpose`` alone.

    Drawing more numbers for one purpose (poisoning) then leaves the others (batch order) as
    they were.
    """
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    made = torch.Generator(device=device)
    made.manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    return made
