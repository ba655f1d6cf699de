"""Target maps by name. A new one: a file here, and one line in `TARGET_MAPS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

from badnets._lazy import exports
from badnets.core.registry import Registry
from badnets.core.targets.base import NOTHING as NOTHING
from badnets.core.targets.base import Anchor as Anchor
from badnets.core.targets.base import ClassTargets as ClassTargets
from badnets.core.targets.base import TargetMap as TargetMap
from badnets.core.targets.base import anchor_of as anchor_of

if TYPE_CHECKING:
    from badnets.core.targets.boxes import AllBecomeOne as AllBecomeOne
    from badnets.core.targets.boxes import Appear as Appear
    from badnets.core.targets.boxes import Vanish as Vanish
    from badnets.core.targets.labels import AllToAll as AllToAll
    from badnets.core.targets.labels import AllToOne as AllToOne
    from badnets.core.targets.labels import CleanLabel as CleanLabel
    from badnets.core.targets.labels import RandomWrong as RandomWrong
    from badnets.core.targets.labels import SourceSpecific as SourceSpecific
    from badnets.core.targets.remapping import named_classes as named_classes
    from badnets.core.targets.remapping import of_classes as of_classes
    from badnets.core.targets.remapping import remap_targets as remap_targets
    from badnets.core.targets.remapping import unknown_class as unknown_class
    from badnets.core.targets.remapping import with_numbers as with_numbers

TARGET_MAPS: Registry[ClassTargets] = Registry(
    "target map",
    {
        "all-to-one": "badnets.core.targets.labels:AllToOne",
        "source-specific": "badnets.core.targets.labels:SourceSpecific",
        "all-to-all": "badnets.core.targets.labels:AllToAll",
        "random-wrong": "badnets.core.targets.labels:RandomWrong",
        "clean-label": "badnets.core.targets.labels:CleanLabel",
        "vanish": "badnets.core.targets.boxes:Vanish",
        "appear": "badnets.core.targets.boxes:Appear",
        "all-become-one": "badnets.core.targets.boxes:AllBecomeOne",
    },
    contract=TargetMap,
    own="badnets.core.targets.own:OwnTargets",
    of_number="all-to-one",
)
AnyTargetMap: TypeAlias = Annotated[ClassTargets, TARGET_MAPS.field()]
"""A field of settings that holds a target map; see `Registry.field`."""

_EAGER = (
    "NOTHING",
    "TARGET_MAPS",
    "Anchor",
    "AnyTargetMap",
    "ClassTargets",
    "TargetMap",
    "anchor_of",
)
__getattr__, __dir__, __all__ = exports(__name__, _EAGER)
