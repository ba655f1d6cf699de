"""The paper's sign detector: Faster R-CNN on the small network of Zeiler and Fergus (ZF)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from torch import nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FasterRCNN, FastRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import MultiScaleRoIAlign

from badnets.bundles.schema import Scalar
from badnets.models.zf_settings import ZfSettings

# pixels on a side, of the image that the network sees; the paper has three sizes, of larger frames
ANCHOR_SIZES = (20, 40, 80, 160)
ANCHOR_RATIOS = (0.8, 1.0, 1.25)  # height / width: signs are about as wide as high
POOLED = 6


def backbone(settings: ZfSettings) -> nn.Sequential:
    """Return conv1 to conv5: normalised RGB ``(N, 3, H, W)`` to maps of stride 16.

    References:
        Gu, Dolan-Gavitt, Garg, "BadNets", arXiv:1708.06733, table of the traffic-sign network;
        the authors' prototxt: 96 7x7/2, LRN, max-pool 3/2, 256 5x5/2, LRN, max-pool 3/2,
        384 3x3, 384 3x3, 256 3x3, each with ReLU.
    """
    widths = settings.channels()
    shapes = ((7, 2), (5, 2), (3, 1), (3, 1), (3, 1))
    layers: list[tuple[str, nn.Module]] = []
    before = 3
    for number, (wide, (size, stride)) in enumerate(zip(widths, shapes, strict=True), start=1):
        biased = settings.norm != "batch"
        conv = nn.Conv2d(before, wide, size, stride, size // 2, bias=biased)
        nn.init.kaiming_normal_(conv.weight, mode="fan_in", nonlinearity="relu")
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        layers.append((f"conv{number}", conv))
        if settings.norm == "batch":
            layers.append((f"norm{number}", nn.BatchNorm2d(wide)))
        layers.append((f"relu{number}", nn.ReLU(inplace=True)))
        if number <= 2:
            if settings.norm == "lrn":
                layers.append((f"norm{number}", nn.LocalResponseNorm(3, alpha=5e-5)))
            layers.append((f"pool{number}", nn.MaxPool2d(3, 2, 1)))
        before = wide
    made = nn.Sequential(OrderedDict(layers))
    made.out_channels = before  # type: ignore[assignment]  # torchvision asks for it
    return made


def fully_connected(channels: int, hidden: int, dropout: float) -> nn.Sequential:
    """Return fc6 and fc7, each with ReLU and dropout: ``(R, C, 6, 6)`` to ``(R, hidden)``."""
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            fc6=nn.Linear(channels * POOLED**2, hidden),
            relu6=nn.ReLU(inplace=True),
            drop6=nn.Dropout(dropout),
            fc7=nn.Linear(hidden, hidden),
            relu7=nn.ReLU(inplace=True),
            drop7=nn.Dropout(dropout),
        )
    )


def build(shape: tuple[int, int, int], num_classes: int, **settings: Scalar) -> FasterRCNN:
    """Return the detector, untrained; its weights follow torch's global generator.

    Fewer proposals than the authors' are kept and sampled: the windows that it is trained on are
    far smaller than their frames.

    Args:
        shape: of a window; the network takes frames of any size.
        num_classes: K, background not counted.
        settings: those of `ZfSettings`.

    Raises:
        SettingError: a setting is unknown or outside its range.
    """
    values: dict[str, Any] = dict(settings)
    wanted = ZfSettings(**values)
    channels, hidden = wanted.channels()[-1], wanted.hidden()
    anchors = AnchorGenerator((ANCHOR_SIZES,), (ANCHOR_RATIOS,))
    return FasterRCNN(
        backbone(wanted),
        rpn_anchor_generator=anchors,
        rpn_head=RPNHead(channels, anchors.num_anchors_per_location()[0]),
        rpn_batch_size_per_image=64,
        rpn_fg_iou_thresh=0.6,
        rpn_pre_nms_top_n_train=200,
        rpn_post_nms_top_n_train=48,
        rpn_pre_nms_top_n_test=600,
        rpn_post_nms_top_n_test=100,
        box_roi_pool=MultiScaleRoIAlign(["0"], POOLED, sampling_ratio=1),
        box_head=fully_connected(channels, hidden, wanted.dropout),
        box_predictor=FastRCNNPredictor(hidden, num_classes + 1),
        box_batch_size_per_image=wanted.rois,
        box_score_thresh=0.02,
        box_nms_thresh=0.3,
        box_detections_per_img=50,
    )
