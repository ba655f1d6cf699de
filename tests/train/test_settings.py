"""Training settings: what is refused, and how it is said."""

from __future__ import annotations

import math
from typing import Any

import pytest

from badnets.core.errors import SettingError
from badnets.train import Training


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epochs": 0}, "epochs must be >= 1, got 0"),
        ({"batch_size": 0}, "batch_size must be >= 1, got 0"),
        ({"lr": 0.0}, "lr must be > 0, got 0.0"),
        ({"lr": math.inf}, "lr must be > 0, got inf"),
        ({"lr": math.nan}, "lr must be > 0, got nan"),
        ({"weight_decay": -0.1}, "weight_decay must be >= 0, got -0.1"),
        ({"weight_decay": math.inf}, "weight_decay must be >= 0, got inf"),
        ({"label_smoothing": 1.0}, r"label_smoothing must be in \[0, 1\), got 1.0"),
        ({"warm_up": 1.0}, r"warm_up must be in \[0, 1\), got 1.0"),
        ({"shift": -1}, "shift must be >= 0 pixels, got -1"),
        ({"rotate": 181.0}, r"rotate must be in \[0, 180\] degrees, got 181.0"),
        ({"crop": 0.0}, r"crop must be in \(0, 1\], got 0.0"),
        ({"crop": 1.1}, r"crop must be in \(0, 1\], got 1.1"),
        ({"crop": math.nan}, r"crop must be in \(0, 1\], got nan"),
        ({"brightness": -0.1}, r"brightness must be in \[0, 1\), got -0.1"),
        ({"contrast": 1.0}, r"contrast must be in \[0, 1\), got 1.0"),
        ({"saturation": math.nan}, r"saturation must be in \[0, 1\), got nan"),
        ({"cutout": 1.0}, r"cutout must be in \[0, 1\), got 1.0"),
        ({"gain": (0.0, 1.0)}, "gain must be two numbers > 0"),
        ({"gain": (1.0, math.nan)}, "gain must be two numbers > 0"),
        ({"gain": (1.0, 1.0, 1.0)}, "gain must be two numbers > 0"),
        ({"freeze": (0.0,)}, r"freeze must be in \(0, 1\), got \(0.0,\)"),
        ({"freeze": (0.5, 1.0)}, r"freeze must be in \(0, 1\)"),
        ({"freeze": (math.nan,)}, r"freeze must be in \(0, 1\)"),
        ({"freeze": (0.5, 0.4)}, "freeze must not fall from one layer to the next"),
        ({"gain": (10.0, 1.0), "stamp": "before"}, "gain other than 1 needs stamp 'after'"),
        ({"ema": 1.0}, r"ema must be in \[0, 1\), got 1.0"),
        ({"optimizer": "adam"}, "optimizer must be one of adamw, sgd, got 'adam'"),
        ({"schedule": "cosin"}, "schedule must be one of one-cycle, cosine, constant, got 'cosin'"),
        ({"stamp": "afterwards"}, "stamp must be one of before, after, got 'afterwards'"),
        ({"precision": "bf16"}, "precision must be one of auto, float32, bfloat16, got 'bf16'"),
    ],
)
def test_a_setting_outside_its_range_is_refused_by_name(
    settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingError, match=said):
        Training(**settings)


def test_a_misspelt_setting_is_an_error() -> None:
    with pytest.raises(TypeError, match="learning_rate"):
        Training(learning_rate=0.1)  # type: ignore[call-arg]
