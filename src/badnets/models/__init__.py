"""Networks by name; subjects; bundles to networks and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.models.catalogue import NETWORKS, build
    from badnets.models.io import load_subject, save_subject
    from badnets.models.subject import Subject, untrained

__getattr__, __dir__ = exports(
    __name__,
    {
        "NETWORKS": ".catalogue",
        "Subject": ".subject",
        "build": ".catalogue",
        "load_subject": ".io",
        "save_subject": ".io",
        "untrained": ".subject",
    },
)

__all__ = ["NETWORKS", "Subject", "build", "load_subject", "save_subject", "untrained"]
