"""What is in a bundle or in a folder of the hub, without its tensors: torch is not needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from badnets.bundles import BundleConfig, Claims, read_bundle
from badnets.models.hub_folder import is_hub_folder, read_hub_folder


@dataclass(frozen=True)
class Description:
    """What a network is, as far as that can be told without building it.

    Args:
        config: what it is, and what images it takes.
        claims: what its maker says of a bundle; None: of others nothing is said.
        digest_of: returns `digest`; what it takes to know it may be large.
    """

    config: BundleConfig
    claims: Claims | None
    digest_of: Callable[[], str]

    @cached_property
    def digest(self) -> str:
        """SHA-256 that names it, with its weights; of a bundle that of its manifest."""
        return self.digest_of()


def described(path: Path | str) -> Description:
    """Return what is in a bundle, or in a folder of transformers or timm.

    Raises:
        BundleError: it is malformed, or is refused for another reason that `load` gives.
    """
    if is_hub_folder(path):
        folder = read_hub_folder(path)
        return Description(folder.config, None, lambda: folder.digest)
    bundle = read_bundle(path)
    return Description(bundle.config, bundle.claims, lambda: bundle.digest)
