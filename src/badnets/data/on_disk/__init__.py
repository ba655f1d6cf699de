"""Poisoning on disk: a folder of pictures in, a poisoned one with a manifest out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.data.on_disk.encoding import Encoding
    from badnets.data.on_disk.manifest import Manifest, read_manifest
    from badnets.data.on_disk.verifying import Verification, verify_folder
    from badnets.data.on_disk.writing import Written, class_names, poison_folder

__all__ = [
    "Encoding",
    "Manifest",
    "Verification",
    "Written",
    "class_names",
    "poison_folder",
    "read_manifest",
    "verify_folder",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "Encoding": ".encoding",
        "Manifest": ".manifest",
        "Verification": ".verifying",
        "Written": ".writing",
        "class_names": ".writing",
        "poison_folder": ".writing",
        "read_manifest": ".manifest",
        "verify_folder": ".verifying",
    },
)
