"""The bundle format: a model as a folder that needs no code to trust. Imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.bundles.card import model_card as model_card
    from badnets.bundles.claims import ClaimedRate as ClaimedRate
    from badnets.bundles.claims import Claims as Claims
    from badnets.bundles.claims import MadeBy as MadeBy
    from badnets.bundles.config import Architecture as Architecture
    from badnets.bundles.config import BundleConfig as BundleConfig
    from badnets.bundles.config import InputSpec as InputSpec
    from badnets.bundles.folder import Bundle as Bundle
    from badnets.bundles.folder import read_bundle as read_bundle
    from badnets.bundles.folder import verify as verify
    from badnets.bundles.folder import write_bundle as write_bundle
    from badnets.bundles.tensors import TensorInfo as TensorInfo
    from badnets.bundles.tensors import TensorsHeader as TensorsHeader
    from badnets.bundles.tensors import read_tensors_header as read_tensors_header

__getattr__, __dir__, __all__ = exports(__name__)
