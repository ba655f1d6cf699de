"""Poisoning on disk: a folder of pictures in, a poisoned one with a manifest out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.data.on_disk.encoding import Encoding as Encoding
    from badnets.data.on_disk.manifest import Manifest as Manifest
    from badnets.data.on_disk.manifest import read_manifest as read_manifest
    from badnets.data.on_disk.verifying import Verification as Verification
    from badnets.data.on_disk.verifying import verify_folder as verify_folder
    from badnets.data.on_disk.writing import Written as Written
    from badnets.data.on_disk.writing import class_names as class_names
    from badnets.data.on_disk.writing import poison_folder as poison_folder

__getattr__, __dir__, __all__ = exports(__name__)
