"""The bundle format: a model as a folder that needs no code to trust. Imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.bundles.card import model_card
    from badnets.bundles.claims import ClaimedRate, Claims, MadeBy
    from badnets.bundles.config import Architecture, BundleConfig, InputSpec
    from badnets.bundles.folder import Bundle, read_bundle, verify_bundle, write_bundle
    from badnets.bundles.tensors import TensorInfo, TensorsHeader, read_tensors_header

__all__ = [
    "Architecture",
    "Bundle",
    "BundleConfig",
    "ClaimedRate",
    "Claims",
    "InputSpec",
    "MadeBy",
    "TensorInfo",
    "TensorsHeader",
    "model_card",
    "read_bundle",
    "read_tensors_header",
    "verify_bundle",
    "write_bundle",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "Architecture": ".config",
        "Bundle": ".folder",
        "BundleConfig": ".config",
        "ClaimedRate": ".claims",
        "Claims": ".claims",
        "InputSpec": ".config",
        "MadeBy": ".claims",
        "TensorInfo": ".tensors",
        "TensorsHeader": ".tensors",
        "model_card": ".card",
        "read_bundle": ".folder",
        "read_tensors_header": ".tensors",
        "verify_bundle": ".folder",
        "write_bundle": ".folder",
    },
)
