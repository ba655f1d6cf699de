"""Pages without their pictures."""

from __future__ import annotations

import pytest

from badnets.report.drawing import SVG, Drawing
from badnets.report.pictures import png
from badnets.studies.signs import frames


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave drawings empty: they take long, and what is said here is in words and numbers."""
    import numpy as np

    empty, dot = f'<svg xmlns="{SVG}" viewBox="0 0 1 1"/>', png(np.zeros((1, 1, 1), np.uint8))
    monkeypatch.setattr(Drawing, "svg", lambda self, salt: empty)
    monkeypatch.setattr(frames, "_png", lambda picture: dot)
