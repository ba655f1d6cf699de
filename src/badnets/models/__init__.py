"""Networks by name; subjects; bundles to networks and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.models.catalogue import NETWORKS, build
    from badnets.models.detector import Detector, Found, untrained_detector
    from badnets.models.detectors import DETECTORS, build_detector
    from badnets.models.io import load_detector, load_subject, save_detector, save_subject
    from badnets.models.onnx_export import export_onnx
    from badnets.models.onnx_subject import OnnxSubject, load_onnx
    from badnets.models.subject import Subject, untrained

__getattr__, __dir__ = exports(
    __name__,
    {
        "DETECTORS": ".detectors",
        "Detector": ".detector",
        "Found": ".detector",
        "NETWORKS": ".catalogue",
        "OnnxSubject": ".onnx_subject",
        "Subject": ".subject",
        "build": ".catalogue",
        "build_detector": ".detectors",
        "export_onnx": ".onnx_export",
        "load_detector": ".io",
        "load_onnx": ".onnx_subject",
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
    "OnnxSubject",
    "Subject",
    "build",
    "build_detector",
    "export_onnx",
    "load_detector",
    "load_onnx",
    "load_subject",
    "save_detector",
    "save_subject",
    "untrained",
    "untrained_detector",
]
