"""What scenarios have in common that begin with a downloaded network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from badnets.core.errors import SettingError


class FromDownload:
    """Networks may be given by the folders of their bundles; a share of the user's data is used."""

    downloaded: Any
    control: Any
    share: float

    def __post_init__(self) -> None:
        """Read the networks that are given by a folder.

        Raises:
            SettingError: share is outside (0, 1].
            BundleError: a bundle cannot be read.
        """
        from badnets.models.io import load

        for name in ("downloaded", "control"):
            if isinstance(path := getattr(self, name), str | Path):
                object.__setattr__(self, name, load(path))
        if not 0 < self.share <= 1:
            raise SettingError(f"share must be in (0, 1], got {self.share}")
