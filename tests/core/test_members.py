"""What every member of every registry promises as settings: by name, by value, written, refused."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError
from badnets.core.placements import PLACEMENTS, Fixed, RandomCentre, Relative
from badnets.core.registry import Registry
from badnets.core.targets import (
    AllBecomeOne,
    AllToAll,
    AllToOne,
    Appear,
    CleanLabel,
    SourceSpecific,
    TargetMap,
    Vanish,
)
from badnets.core.triggers import (
    TRIGGERS,
    Blended,
    DrawnSticker,
    Patch,
    PixelPattern,
    Saved,
    SinglePixel,
    Sinusoid,
    Sticker,
    Trigger,
    Warp,
)
from badnets.core.world import Conditions

from .examples import MEMBERS

EVERY = pytest.mark.parametrize(
    ("registry", "member"),
    [pytest.param(*pair, id=f"{pair[1].kind}-{k}") for k, pair in enumerate(MEMBERS)],
)
NAN, INF = math.nan, math.inf


def test_every_member_has_an_example() -> None:
    for registry in {id(registry): registry for registry, _ in MEMBERS}.values():
        own = {type(member) for other, member in MEMBERS if other is registry}
        assert own == set(registry.values()), registry.what


@EVERY
def test_it_is_found_by_its_kind(registry: Registry[Any], member: Any) -> None:
    assert registry[member.kind] is type(member) and registry.is_member(member)
    if registry is not PLACEMENTS:
        assert member.version >= 1
        assert isinstance(member, Trigger if registry is TRIGGERS else TargetMap)


@EVERY
def test_it_is_frozen_and_compared_by_value(registry: Registry[Any], member: Any) -> None:
    again = dataclasses.replace(member)
    assert again == member and hash(again) == hash(member)
    assert [other for _, other in MEMBERS].count(member) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        member.kind = "another"


@EVERY
def test_it_survives_being_written_down(registry: Registry[Any], member: Any) -> None:
    for adapter in (
        TypeAdapter[Any](type(member)),
        TypeAdapter[Any](Annotated[object, registry.field()]),
    ):
        plain = adapter.dump_python(member, mode="json")
        for read in (
            adapter.validate_python(plain),
            adapter.validate_json(adapter.dump_json(member)),
        ):
            assert read == member and hash(read) == hash(member) and type(read) is type(member)
        with pytest.raises(ValidationError, match="colur"):
            adapter.validate_python({**plain, "colur": 1})
        if "placement" in plain:
            with pytest.raises(ValidationError, match="dwon"):
                adapter.validate_python({**plain, "placement": {**plain["placement"], "dwon": 1}})
    with pytest.raises(ValidationError, match="kind is missing"):
        adapter.validate_python({key: plain[key] for key in plain if key != "kind"})


@pytest.mark.parametrize(
    ("registry", "member"), [one for one in MEMBERS if one[0] is not PLACEMENTS]
)
def test_a_backdoor_with_it_survives_too(registry: Registry[Any], member: Any) -> None:
    part = "trigger" if registry is TRIGGERS else "targets"
    backdoor: Backdoor = dataclasses.replace(Backdoor(Patch(), AllToOne(0)), **{part: member})
    assert (
        TypeAdapter(Backdoor).validate_json(TypeAdapter(Backdoor).dump_json(backdoor)) == backdoor
    )


WRONG: list[tuple[Any, dict[str, tuple[Any, ...]]]] = [
    (SinglePixel(), {"value": (1.5, NAN)}),
    (PixelPattern(), {"value": (-0.1,), "pixels": (("#.", "#"), ("#o",), (), ("..",))}),
    (Patch(), {"size": (0, -3, 2.5, (3, 1.5), INF, NAN, (1, 2, 3)), "opacity": (1.1,)}),
    (Patch(), {"colour": ((1, 1, 2), (1, 1))}),
    (Sticker("a.png"), {"file": ("",), "size": (0,), "opacity": (2,)}),
    (DrawnSticker(), {"drawing": ("tree",), "size": (0,), "opacity": (-1,)}),
    (Blended(), {"opacity": (1.2,), "key": ("",)}),
    (Sinusoid(), {"amplitude": (-0.1,), "frequency": (0, INF)}),
    (Warp(), {"strength": (0, NAN), "grid": (1, 100)}),
    (Saved("a.safetensors"), {"file": ("",)}),
    (Fixed(), {"down": (-1,), "along": (-1,), "corner": ("middle",)}),
    (Relative(), {"y": (1.1,), "x": (NAN,)}),
    (RandomCentre(), {"low": (-0.1,), "high": (NAN,)}),
    (AllToOne(0), {"target_label": (-1,)}),
    (CleanLabel(0), {"target_label": (-1,)}),
    (SourceSpecific(0, 1), {"source_class": (-1,), "target_label": (-2,)}),
    (AllToAll(), {"shift": (0,)}),
    (Vanish(), {"source_class": (-1,)}),
    (Appear(0), {"target_label": (-1,), "side": (7,)}),
    (AllBecomeOne(0), {"target_label": (-2,)}),
    (Conditions(), {"distance": (0.2, 101.0), "angle": (81.0, NAN), "brightness": (0.0, INF)}),
    (Conditions(), {"blur": (-0.1,), "occlusion": (1.0, -0.1), "rotation": (181.0,)}),
    (Conditions(), {"size": (0.0,), "shift": ((0.0, 1.1), (0.0,)), "jpeg": (96, -1)}),
    (Conditions(), {"colour": ((1.0, 1.0), (1.0, -0.1, 1.0))}),
    (Backdoor(Patch(), AllToOne(0)), {"mode": ("append",)}),
    (
        Backdoor(Patch(), AllToOne(0)),
        {"poisoning_rate": (1, 1.0, 1.5, -0.01, NAN, INF, "some", True, None)},
    ),
]


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        (settings, field, value)
        for settings, fields in WRONG
        for field, values in fields.items()
        for value in values
    ],
)
def test_a_setting_outside_its_range_is_refused_in_one_line(
    settings: Any, field: str, value: Any
) -> None:
    name = type(settings).__name__
    with pytest.raises(SettingError, match=rf"^{name}: {field}[.0-9]* (must|is missing).*$"):
        dataclasses.replace(settings, **{field: value})


@pytest.mark.parametrize(
    ("settings", "changes", "message"),
    [
        (PixelPattern(), {"pixels": "guu"}, "did you mean 'gu'"),
        (PixelPattern(), {"pixels": ("#.", "#")}, "of one length"),
        (PixelPattern(), {"pixels": ("..",)}, "at least one pixel"),
        (Patch(), {"size": (1, 2, 3)}, "must be one number, or height and width"),
        (Patch(), {"colour": (1, 1)}, "colour.2 is missing"),
        (Fixed(), {"corner": "middle"}, "must be 'top-left', 'top-right'"),
        (Relative(), {"y": 1.1}, "y must be <= 1, got 1.1"),
        (RandomCentre(), {"low": 0.6, "high": 0.4}, "low must be <= high"),
        (SourceSpecific(0, 1), {"source_class": 1}, "must differ, both are 1"),
        (Appear(0), {"side": 7}, "side must be >= 8, got 7"),
        (Backdoor(Patch(), AllToOne(0)), {"poisoning_rate": 2}, "must be < 1 or 'every', got 2"),
        (Backdoor(Patch(), AllToOne(0), "every"), {"mode": "replace"}, "use mode 'add'"),
        (Backdoor(Patch(), AllToOne(0)), {"mode": "append"}, "'add' or 'replace', got 'append'"),
    ],
)
def test_what_is_said_of_a_wrong_setting(
    settings: Any, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingError, match=re.escape(message)):
        dataclasses.replace(settings, **changes)
