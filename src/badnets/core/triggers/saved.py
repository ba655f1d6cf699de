"""A trigger from a file, such as one that an audit has recovered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from badnets.core.errors import DataError, SettingError
from badnets.core.settings import settings
from badnets.core.triggers.base import CoveringTrigger

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

SUFFIX = ".safetensors"
LARGEST = 2**28  # bytes of a file


@dataclass(frozen=True, eq=False)
class Affine(CoveringTrigger):
    """What keeps a share of each pixel, and adds something; see `Saved`.

    Args:
        keep: ``(1, H, W)`` float in [0, 1].
        add: ``(C, H, W)`` float in [-1, 1], of 1 or 3 channels.
    """

    keep: Tensor
    add: Tensor
    kind: ClassVar[str] = "affine"

    def paint(self, windows: Tensor) -> Tensor:
        """Return the windows with the trigger."""
        from torch.nn import functional

        from badnets.core.pictures import LUMA, as_float
        from badnets.core.triggers.painting import in_float

        keep, add, size = self.keep, self.add, tuple(windows.shape[2:])
        if len(add) == 1:
            add = add.expand(windows.shape[1], -1, -1)
        elif windows.shape[1] == 1:
            add = (add * add.new_tensor(LUMA).view(3, 1, 1)).sum(0, keepdim=True)
        if keep.shape[1:] != size:
            keep, add = (
                functional.interpolate(one[None], size, mode="bilinear", antialias=True)[0]
                for one in (keep, add)
            )
        kept = keep.to(windows.device) * as_float(windows)
        return in_float(windows, kept + add.to(windows.device))


@settings
class Saved(CoveringTrigger):
    """What a file says of each pixel: ``keep * image + add``, clipped to [0, 1].

    A pattern behind a mask keeps ``1 - mask`` and adds ``mask * pattern``; what is added to an
    image keeps all of it. A region of another size gets both resized (bilinear); a grey image gets
    the luma of what is added.

    Args:
        file: path of a safetensors file with float32 tensors ``keep``, ``(1, H, W)`` in [0, 1], and
            ``add``, ``(C, H, W)`` in [-1, 1] with 1 or 3 channels, as `saved_bytes` makes it. A
            path that leads nowhere from the working folder is tried from the data root.

    Raises:
        DataError: on first use, when the file is missing, or holds something else.
    """

    file: str = Field(min_length=1)
    kind: Literal["saved"] = "saved"

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of the files that it reads."""
        return (self.file,)

    def paint(self, windows: Tensor) -> Tensor:
        """Return the windows with the trigger."""
        from badnets.core.roots import from_data_root

        path = from_data_root(self.file)
        return Affine(*_read(path, _state(path))).paint(windows)


def saved_bytes(keep: Tensor, add: Tensor) -> bytes:
    """Return the content of a file that `Saved` reads.

    Args:
        keep: ``(1, H, W)`` float in [0, 1].
        add: ``(C, H, W)`` float in [-1, 1].
    """
    import torch
    from safetensors.torch import save

    tensors = {"keep": keep, "add": add}
    plain = {name: one.detach().to("cpu", torch.float32) for name, one in tensors.items()}
    return save({name: one.contiguous() for name, one in plain.items()})


def check_saved(path: Path | None, option: str) -> None:
    """Refuse a name that no trigger is written under.

    Raises:
        SettingError: it does not end in ``.safetensors``.
    """
    if path is not None and path.suffix != SUFFIX:
        raise SettingError(f"{option}: a trigger is written as NAME{SUFFIX}, got {path.name!r}")


def _state(path: Path) -> tuple[int, ...]:
    """Return what tells versions of a file apart."""
    try:
        now = path.stat()
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise DataError(f"trigger {path} cannot be read: {said}") from None
    return (now.st_mtime_ns, now.st_size, now.st_ino, now.st_dev)


@lru_cache(maxsize=8)
def _read(path: Path, state: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    from badnets.core.files import read_file

    what = f"trigger {path}"
    try:
        held = load(read_file(path, LARGEST, what=what))
    except (SafetensorError, ValueError, KeyError) as error:
        raise DataError(f"{what} is no safetensors file: {error}") from None
    nothing = torch.empty(0)
    keep, add = held.get("keep", nothing), held.get("add", nothing)
    fits = set(held) == {"keep", "add"} and keep.dtype == add.dtype == torch.float32
    fits = fits and keep.ndim == add.ndim == 3 and len(keep) == 1 and len(add) in (1, 3)
    if not fits or keep.shape[1:] != add.shape[1:] or not keep.numel():
        has = ", ".join(f"{name} {tuple(one.shape)}" for name, one in held.items())[:200]
        raise DataError(
            f"{what} must hold float32 tensors keep (1, H, W) and add (1 or 3, H, W), as badnets "
            f"audit --trigger-out writes them; it holds {has or 'none'}"
        )
    if not (bool(((keep >= 0) & (keep <= 1)).all()) and bool((add.abs() <= 1).all())):
        raise DataError(f"{what}: keep must lie in [0, 1] and add in [-1, 1]")
    return keep, add
