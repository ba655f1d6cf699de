"""One integer seed per run, and an independent generator for each purpose within it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def seed_of(seed: int, purpose: str) -> int:
    """Return a seed, ``0 <= s < 2**63``, that depends on ``seed`` and ``purpose`` alone."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator that depends on ``seed`` and ``purpose`` alone.

    Drawing more numbers for one purpose (poisoning) then leaves the others (batch order) as
    they were.
    """
    import torch

    made = torch.Generator(device=device)
    made.manual_seed(seed_of(seed, purpose))
    return made
