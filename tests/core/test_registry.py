"""Registries: members by name, fields that take them, and members that are added later."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from badnets.core.backdoor import Backdoor
from badnets.core.errors import SettingError, UnknownNameError
from badnets.core.placements import PLACEMENTS, FixedPlacement, RandomCentre, Relative
from badnets.core.registry import Registry
from badnets.core.settings import mistakes
from badnets.core.targets import TARGET_MAPS, AllToOne, AnyTargetMap, SourceSpecific, Vanish
from badnets.core.triggers import TRIGGERS, AnyTrigger, Blended, DrawnSticker, Patch

REGISTRIES: list[Registry[Any]] = [TRIGGERS, TARGET_MAPS, PLACEMENTS]
TOY = '''
from typing import Literal
from pydantic import Field
from badnets.core.settings import settings
from badnets.core.triggers.base import CoveringTrigger

@settings
class Bright(CoveringTrigger):
    """Everything a little brighter."""

    by: float = Field(default=0.1, gt=0, description="How much.")
    kind: Literal["bright"] = "bright"

    def paint(self, windows):
        return windows
'''


class Model(BaseModel):
    trigger: AnyTrigger
    targets: AnyTargetMap | None = None


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda one: one.what)
def test_a_registry_is_a_mapping_of_names_to_classes(registry: Registry[Any]) -> None:
    assert registry.names == tuple(registry) and len(registry) == len(registry.names) > 0
    for name, member in registry.items():
        assert name in registry and registry[name] is member
        assert TypeAdapter(member).json_schema()["properties"]["kind"]["const"] == name
        with pytest.raises(UnknownNameError, match=f"unknown {registry.what} .*mean '{name}'"):
            registry[name[:-1] + "_"]


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda one: one.what)
def test_every_setting_is_described(registry: Registry[Any]) -> None:
    for name, member in registry.items():
        fields = TypeAdapter(member).json_schema()["properties"]
        assert all("description" in fields[key] for key in fields if key != "kind"), name


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        ("all-to-one:7", AllToOne(7)),
        ("source-specific:1, 7", SourceSpecific(1, 7)),
        ("vanish", Vanish()),
        ("vanish:1", Vanish(1)),
        ("patch", Patch()),
        ("patch:0.125", Patch(0.125)),
        ("patch:8", Patch(8)),
        ("patch: 8px", Patch(8)),
        ("blended:0.5,noise,3", Blended(0.5, "noise", 3)),
        ({"kind": "patch", "size": [4, 8]}, Patch((4, 8))),
        ({"kind": "patch", "placement": "random:0.2"}, Patch(placement=RandomCentre(0.2))),
        ("yellow-square", Patch.yellow_square()),
        ("yellow-square:0.2", Patch.yellow_square(0.2)),
        ("bomb:0.3", DrawnSticker("bomb", 0.3)),
        ({"kind": "flower", "opacity": 0.5}, DrawnSticker("flower", opacity=0.5)),
        (Patch(2), Patch(2)),
    ],
    ids=str,
)
def test_plain_values_are_parsed(plain: Any, expected: Any) -> None:
    registry, part = (
        (TRIGGERS, "trigger") if TRIGGERS.is_member(expected) else (TARGET_MAPS, "targets")
    )
    assert registry.parse(plain) == expected
    read = Model.model_validate({"trigger": "patch", part: plain})
    assert getattr(read, part) == expected and type(getattr(read, part)) is type(expected)
    for dumped in (read.model_dump(mode="json"), read.model_dump(exclude_defaults=True)):
        assert dumped[part]["kind"] == expected.kind
        assert Model.model_validate(dumped) == read


@pytest.mark.parametrize(
    ("plain", "path", "text"),
    [
        ({"trigger": "pach"}, "trigger", "unknown trigger 'pach': did you mean 'patch'?"),
        ({"trigger": "yelow-square"}, "trigger", "did you mean 'yellow-square'?"),
        ({"trigger": {"kind": "pach"}}, "trigger.kind", "unknown trigger 'pach': did you mean"),
        ({"trigger": {"size": 3}}, "trigger", "kind is missing: one of single-pixel, "),
        ({"trigger": {"kind": 3}}, "trigger", "kind must be one of .*got 3"),
        ({"trigger": 3}, "trigger", "a number alone is no trigger: did you mean 'patch:3'"),
        ({"trigger": "patch:-2"}, "trigger.size", "must be whole pixels .*got '-2'"),
        ({"trigger": "sticker"}, "trigger.file", "is missing"),
        ({"trigger": "sinusoid:1,2,3"}, "trigger", "gives 3 values, sinusoid takes 2"),
        ({"trigger": {"kind": "patch", "colur": 1}}, "trigger.colur", "did you mean 'colour'"),
        ({"trigger": {"kind": "warp", "grid": 1}}, "trigger.grid", "must be >= 2, got 1"),
        (
            {"trigger": {"kind": "patch", "placement": {"kind": "fixed", "down": -1}}},
            "trigger.placement.down",
            "must be >= 0, got -1",
        ),
        ({"targets": "all-to-one:-1"}, "targets.target_label", "must be >= 0, got '-1'"),
        ({"targets": {"kind": "all-to-none"}}, "targets.kind", "did you mean 'all-to-one'"),
        ({"targets": {"target_label": 7}}, "targets", "kind is missing: one of all-to-one, "),
        ({"trigger": "pixel-pattern:g"}, "trigger", "did you mean 'gu'"),
        ({"rates": 0.1}, "rates", "unknown field 'rates'"),
    ],
    ids=str,
)
def test_what_is_wrong_is_placed_at_its_field(plain: Any, path: str, text: str) -> None:
    whole = {"trigger": "patch", "targets": "vanish", **plain}
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Backdoor).validate_python(whole)
    (mistake,) = mistakes(caught.value, whole)
    assert ".".join(str(part) for part in mistake.path) == path
    with pytest.raises(SettingError, match=text):
        raise SettingError(mistake.text)


def test_a_field_may_allow_only_some_members() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(FixedPlacement)
    assert adapter.validate_python("relative:0.2") == Relative(0.2)
    with pytest.raises(ValidationError, match="must be one of fixed, relative, got random"):
        adapter.validate_python("random")
    assert len(adapter.json_schema()["anyOf"]) == 3


def test_the_schema_is_the_union_of_the_members() -> None:
    schema = Model.model_json_schema()
    *members, own, text = schema["properties"]["trigger"]["anyOf"]
    definitions = [schema["$defs"][one["$ref"].rpartition("/")[2]] for one in members]
    kinds = [one["properties"]["kind"] for one in definitions]
    assert [one.get("const") or one["enum"][0] for one in kinds] == list(TRIGGERS.names)
    assert kinds[2]["enum"] == ["patch", "yellow-square"]
    assert all("kind" in one["required"] for one in definitions)
    assert own["properties"]["kind"]["pattern"].startswith("^[A-Za-z_]"), "code of one's own"
    assert text["pattern"].startswith("^((single-pixel|")


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "toy_trigger_module.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    TRIGGERS.add("bright", "toy_trigger_module:Bright")
    yield "bright"
    TRIGGERS.remove("bright")
    sys.modules.pop("toy_trigger_module", None)


def test_a_member_that_is_added_later_is_accepted_everywhere(toy: str) -> None:
    read = Model.model_validate({"trigger": "bright:0.3"})
    assert TRIGGERS.is_member(read.trigger) and read.trigger.kind == toy
    assert read.model_dump()["trigger"] == {"kind": toy, "by": 0.3}
    assert "Bright" in Model.model_json_schema()["$defs"]
    with pytest.raises(ValidationError, match="did you mean 'bright'"):
        Model.model_validate({"trigger": "brigt"})
    with pytest.raises(SettingError, match="there is a trigger 'bright' already"):
        TRIGGERS.add("bright", "elsewhere:Bright")


def test_a_member_that_was_taken_out_is_unknown() -> None:
    assert "bright" not in TRIGGERS
    with pytest.raises(ValidationError, match="unknown trigger 'bright'"):
        Model.model_validate({"trigger": "bright"})
