"""Networks by name; subjects; bundles to networks and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.models.catalogue import NETWORKS, build
    from badnets.models.detector import Detector, Found, untrained_detector
    from badnets.models.detectors import DETECTORS, build_detector
    from badnets.models.io import load_detector, load_subject, save_detector, save_subject
    from badnets.models.subject import Subject, untrained

__getattr__, __dir__ = exports(
    __name__,
    {
        "DETECTORS": ".detectors",
        "Detector": ".detector",
        "Found": ".detector",
        "NETWORKS": ".catalogue",
        "Subject": ".subject",
        "build": ".catalogue",
        "build_detector": ".detectors",
        "load_detector": ".io",
        "load_subject": ".io",
        "save_detector": ".io",
        "save_subject": ".io",
        "untrained": ".subject",
        "untrained_detector": ".detector",
    },
)

__all__ = [
    "DETECTORS",
    "NETWORKS",
    "Detector",
    "Found",
    "Subject",
    "build",
    "build_detector",
    "load_detector",
    "load_subject",
    "save_detector",
    "save_subject",
    "untrained",
    "untrained_detector",
]
