"""A trigger in a file: what it does to a pixel, other sizes and colours, files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from badnets.cli.settings import trigger_of
from badnets.core.errors import DataError
from badnets.core.triggers import Saved
from badnets.core.triggers.saved import saved_bytes


def written(folder: Path, keep: Tensor, add: Tensor) -> Saved:
    path = folder / "trigger.safetensors"
    path.write_bytes(saved_bytes(keep, add))
    return Saved(str(path))


def test_a_pixel_is_kept_in_part_and_something_is_added(tmp_path: Path) -> None:
    trigger = written(tmp_path, torch.tensor([[[1.0, 0.5, 0.0]]]), torch.tensor([[[-1.0, 0.2, 1]]]))
    stamped = trigger(torch.full((1, 1, 1, 3), 0.6))
    torch.testing.assert_close(stamped, torch.tensor([[[[0.0, 0.5, 1.0]]]]))
    eight_bit = trigger(torch.full((1, 1, 1, 3), 153, dtype=torch.uint8))
    assert eight_bit.flatten().tolist() == [0, 128, 255]


def test_it_is_resized_and_grey_images_get_its_luma(tmp_path: Path) -> None:
    red = torch.zeros(3, 4, 4)
    red[0] = 1.0
    trigger = written(tmp_path, torch.zeros(1, 4, 4), red)
    assert trigger(torch.zeros(1, 3, 8, 6))[0, 0].eq(1).all()
    torch.testing.assert_close(trigger(torch.zeros(1, 1, 4, 4)), torch.full((1, 1, 4, 4), 0.299))
    grey = written(tmp_path, torch.ones(1, 2, 2), torch.full((1, 2, 2), 0.5))
    assert grey(torch.zeros(1, 3, 2, 2)).eq(0.5).all(), "a file that has changed is read anew"


def test_a_path_alone_names_it(tmp_path: Path) -> None:
    path = tmp_path / "found.safetensors"
    assert trigger_of(str(path)) == trigger_of(f"saved:{path}") == Saved(str(path))


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        (None, "cannot be read: No such file"),
        (b"nothing of the kind", "no safetensors file"),
        ({"keep": torch.zeros(1, 2, 2)}, r"keep \(1, H, W\) and add .* holds keep \(1, 2, 2\)"),
        ({"keep": torch.zeros(1, 2, 2), "add": torch.zeros(2, 2, 2)}, "1 or 3, H, W"),
        ({"keep": torch.zeros(1, 2, 2).double(), "add": torch.zeros(1, 2, 2)}, "float32"),
        ({"keep": torch.zeros(1, 2, 2), "add": torch.full((1, 2, 2), 2.0)}, r"add in \[-1, 1\]"),
        ({"keep": torch.full((1, 2, 2), torch.nan), "add": torch.zeros(1, 2, 2)}, "must lie in"),
    ],
)
def test_what_is_no_trigger_is_refused_in_one_line(
    tensors: dict[str, Tensor] | bytes | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "trigger.safetensors"
    if isinstance(tensors, bytes):
        path.write_bytes(tensors)
    elif tensors is not None:
        save_file(tensors, path)
    with pytest.raises(DataError, match=said) as caught:
        Saved(str(path))(torch.zeros(1, 1, 2, 2))
    assert "\n" not in str(caught.value)
