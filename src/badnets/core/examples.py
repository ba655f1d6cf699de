"""Sets of labelled images as data sets of torch's: by index, and ready for a ``DataLoader``."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from badnets.core.errors import SettingError
from badnets.core.pictures import as_float

if TYPE_CHECKING:
    Base = torch.utils.data.Dataset[tuple[Tensor, int]]
else:
    Base = object  # torch takes whatever has a length and gives items


class Examples(Base):
    """Labelled images, one by one: ``float (C, H, W)`` in [0, 1], and a label.

    ``torch.utils.data.DataLoader(images, batch_size=64, shuffle=True)`` makes batches of them.
    """

    labels: Tensor

    @abstractmethod
    def images_at(self, rows: Tensor) -> Tensor:
        """Return the images at ``rows``, ``(n,)`` int64, as they are stored."""

    def __len__(self) -> int:
        """Return the number of images ``N``."""
        return len(self.labels)

    def __getitem__(self, index: Any) -> tuple[Tensor, int]:
        """Return one image, float ``(C, H, W)`` in [0, 1], and its label; -1 is the last one.

        Raises:
            IndexError: there is none.
            SettingError: the index is no whole number.
        """
        (one,) = self.__getitems__([index])
        return one

    def __getitems__(self, indices: Sequence[Any]) -> list[tuple[Tensor, int]]:
        """Return several of them, read at once: what a ``DataLoader`` asks for."""
        rows = torch.tensor([_row(index, len(self)) for index in indices], dtype=torch.int64)
        images = as_float(self.images_at(rows))
        return list(zip(images, self.labels[rows.to(self.labels.device)].tolist(), strict=True))


def _row(index: Any, count: int) -> int:
    try:
        row = operator.index(index)
    except TypeError:
        raise SettingError(
            f"an index is a whole number, got {type(index).__name__}: take(rows) gives several"
        ) from None
    if not -count <= row < count:
        raise IndexError(f"index {row} lies outside of {count} images")
    return row % count


def sizes(shape: Sequence[int]) -> str:
    """Return a shape as people write it: ``3 x 32 x 32``."""
    return " x ".join(map(str, shape))
