"""Target maps by name. A new one: a file here, and one line in `TARGET_MAPS`."""

from __future__ import annotations

from badnets.core.targets.all_to_all import AllToAll
from badnets.core.targets.all_to_one import AllToOne
from badnets.core.targets.base import TargetMap, spot_of
from badnets.core.targets.boxes import NOTHING, AllBecomeOne, Appear, Spot, Vanish
from badnets.core.targets.clean_label import CleanLabel
from badnets.core.targets.random_wrong import RandomWrong
from badnets.core.targets.source_specific import SourceSpecific

TARGET_MAPS: dict[str, type[TargetMap]] = {
    "all-to-one": AllToOne,
    "source-specific": SourceSpecific,
    "all-to-all": AllToAll,
    "random-wrong": RandomWrong,
    "clean-label": CleanLabel,
    "vanish": Vanish,
    "appear": Appear,
    "all-become-one": AllBecomeOne,
}

__all__ = [
    "NOTHING",
    "TARGET_MAPS",
    "AllBecomeOne",
    "AllToAll",
    "AllToOne",
    "Appear",
    "CleanLabel",
    "RandomWrong",
    "SourceSpecific",
    "Spot",
    "TargetMap",
    "Vanish",
    "spot_of",
]
