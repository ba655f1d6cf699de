"""The paper's sign detector: Faster R-CNN on the small network of Zeiler and Fergus (ZF)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from pydantic import TypeAdapter, ValidationError
from torch import nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FasterRCNN, FastRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import MultiScaleRoIAlign

from badnets.bundles.schema import Scalar, one_line
from badnets.core.errors import SettingError

Normalisation = Literal["batch", "lrn", "none"]
# pixels on a side, of the image that the network sees; the paper has three sizes, of larger frames
ANCHOR_SIZES = (20, 40, 80, 160)
ANCHOR_RATIOS = (0.8, 1.0, 1.25)  # height / width: signs are about as wide as high
POOLED = 6


@dataclass(frozen=True)
class ZfSettings:
    """How the network is cut to size.

    Args:
        width: factor on the channels of every convolution, in (0, 1]; 1 in the paper.
        head: factor on the 4,096 units of fc6 and fc7, in (0, 1]; 1 in the paper.
        norm: after each convolution: ``"batch"`` normalisation, which trains from scratch;
            ``"lrn"``: local response normalisation after the first two, as in the paper, whose
            network starts from ImageNet weights; ``"none"``.
        dropout: of fc6 and fc7, in [0, 1); 0.5 in the paper.
        rois: regions of a window that the head is trained on, ``>= 4``; 128 of a frame in the
            paper.

    Raises:
        SettingError: a setting is outside its range.
    """

    width: float = 1.0
    head: float = 1.0
    norm: Normalisation = "batch"
    dropout: float = 0.5
    rois: int = 32
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        for name in ("width", "head"):
            if not 0 < getattr(self, name) <= 1:
                raise SettingError(f"{name} must be in (0, 1], got {getattr(self, name)}")
        if self.norm not in get_args(Normalisation):
            raise SettingError(
                f"norm must be one of {', '.join(get_args(Normalisation))}, got {self.norm!r}"
            )
        if not 0 <= self.dropout < 1:
            raise SettingError(f"dropout must be in [0, 1), got {self.dropout}")
        if self.rois < 4:
            raise SettingError(f"rois must be >= 4, got {self.rois}")

    @classmethod
    def of(cls, settings: Mapping[str, Scalar]) -> ZfSettings:
        """Return the settings out of plain values.

        Raises:
            SettingError: one is unknown, not of its type, or outside its range.
        """
        try:
            return TypeAdapter(cls).validate_python(dict(settings))
        except ValidationError as error:
            raise SettingError(one_line(error, "settings of zf")) from None

    def channels(self) -> tuple[int, int, int, int, int]:
        """Return the channels of conv1 to conv5: 96, 256, 384, 384, 256 at width 1."""
        one, two, three, four, five = (
            max(8, round(self.width * full / 8) * 8) for full in (96, 256, 384, 384, 256)
        )
        return one, two, three, four, five

    def hidden(self) -> int:
        """Return the units of fc6 and of fc7."""
        return max(8, round(self.head * 4096 / 8) * 8)


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


class FullyConnected(nn.Sequential):
    """fc6 and fc7, each with ReLU and dropout: ``(R, C, 6, 6)`` to ``(R, hidden)``."""

    def __init__(self, channels: int, hidden: int, dropout: float) -> None:
        super().__init__(
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


class RoIPool6(MultiScaleRoIAlign):  # type: ignore[misc]
    """Regions of the one map that there is, pooled to 6 x 6: one sample in each cell."""

    def __init__(self) -> None:
        super().__init__(featmap_names=["0"], output_size=POOLED, sampling_ratio=1)


def build(num_classes: int, settings: Mapping[str, Scalar]) -> FasterRCNN:
    """Return the detector, untrained; its weights follow torch's global generator.

    Fewer proposals than the authors' are kept and sampled: the windows that it is trained on are
    far smaller than their frames.

    Args:
        num_classes: K, background not counted.
        settings: those of `ZfSettings`.

    Raises:
        SettingError: a setting is unknown or outside its range.
    """
    wanted = ZfSettings.of(settings)
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
        box_roi_pool=RoIPool6(),
        box_head=FullyConnected(channels, hidden, wanted.dropout),
        box_predictor=FastRCNNPredictor(hidden, num_classes + 1),
        box_batch_size_per_image=wanted.rois,
        box_score_thresh=0.02,
        box_nms_thresh=0.3,
        box_detections_per_img=50,
    )
