"""A recovered trigger in a file: it does to an image what the optimisation did."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from badnets.audit.methods.inversion import AdditiveInversion, MaskInversion, PairInversion
from badnets.audit.recovery import recover
from badnets.core.triggers import Saved
from badnets.core.triggers.saved import saved_bytes
from badnets.data import DataSet
from tests.audit.small_models import tiny


@pytest.mark.parametrize("family", [AdditiveInversion(), MaskInversion()])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_kept_and_added_is_what_was_painted(
    family: PairInversion, channels: int, tmp_path: Path
) -> None:
    drawn = torch.Generator().manual_seed(0)
    parameters = [
        3 * one for one in family.starts(1, (channels, 6, 5), drawn)
    ]  # strong enough to be clipped
    images = torch.rand(4, channels, 6, 5, generator=drawn)
    path = tmp_path / "trigger.safetensors"
    path.write_bytes(saved_bytes(*family.as_file(parameters, images.shape[1:])))
    wanted = family.painted(images[None], parameters)[0]
    torch.testing.assert_close(Saved(str(path))(images), wanted, atol=1e-5, rtol=0)


def test_a_recovered_trigger_is_as_it_was_measured(toys: DataSet, tmp_path: Path) -> None:
    found = recover(tiny(toys, 5), toys.test, 1)
    assert found is not None
    path = tmp_path / "trigger.safetensors"
    path.write_bytes(saved_bytes(found.keep, found.add))
    torch.testing.assert_close(Saved(str(path))(found.images), found.triggered, atol=1e-5, rtol=0)
