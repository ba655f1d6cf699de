"""Networks by name; subjects and what they can do; bundles to subjects and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from badnets._lazy import exports

if TYPE_CHECKING:
    from badnets.models.answering import CallableSubject as CallableSubject
    from badnets.models.catalogue import NETWORKS as NETWORKS
    from badnets.models.catalogue import build as build
    from badnets.models.classifier import Classifier as Classifier
    from badnets.models.classifier import untrained as untrained
    from badnets.models.detector import Detections as Detections
    from badnets.models.detector import Detector as Detector
    from badnets.models.detector import build_detector as build_detector
    from badnets.models.detector import untrained_detector as untrained_detector
    from badnets.models.downloads import classifier_of_weights as classifier_of_weights
    from badnets.models.hub_export import export_hub as export_hub
    from badnets.models.io import load as load
    from badnets.models.io import load_detector as load_detector
    from badnets.models.io import load_subject as load_subject
    from badnets.models.io import save_detector as save_detector
    from badnets.models.io import save_subject as save_subject
    from badnets.models.onnx_export import export_onnx as export_onnx
    from badnets.models.onnx_subject import OnnxSubject as OnnxSubject
    from badnets.models.onnx_subject import load_onnx as load_onnx
    from badnets.models.subject import CAPABILITIES as CAPABILITIES
    from badnets.models.subject import Subject as Subject
    from badnets.models.subject import capabilities as capabilities

__getattr__, __dir__, __all__ = exports(__name__)
