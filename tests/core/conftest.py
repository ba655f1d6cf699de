"""A picture on disk, for the triggers that lay one over an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A 12 x 10 PNG of random colours, transparent in its left columns, opaque in its right."""
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 4), dtype=np.uint8)
    pixels[:, :3, 3], pixels[:, 6:, 3] = 0, 255
    path: Path = tmp_path_factory.mktemp("pictures") / "picture.png"
    Image.fromarray(pixels).save(path)
    return str(path)
