"""The JSON Schema of recipes: it takes what is a recipe, and refuses what editors should mark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from badnets.core.targets import TARGET_MAPS
from badnets.core.triggers import TRIGGERS
from badnets.observations import OBSERVATIONS
from badnets.recipes import recipe_schema, schema_text
from badnets.recipes.fields import FIELDS
from badnets.recipes.schema import ID, KINDS
from badnets.recipes.yaml_lines import parse_yaml, read_yaml
from badnets.trials import Trial
from tests.trials.test_naming import trials

RECIPES = Path(__file__).parents[2] / "recipes"
SCHEMA = recipe_schema()
VALID = Draft202012Validator(SCHEMA)
NAMES = [*TRIGGERS, *TRIGGERS.presets]


def wrong(value: Any) -> list[str]:
    return [error.message for error in VALID.iter_errors(value)]


def test_it_is_a_schema_with_a_meaning_for_every_field() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == ID
    definitions = SCHEMA["$defs"]
    kinds = [definitions[name]["properties"] for name in KINDS]
    assert {field for own in kinds for field in own} == {*FIELDS, "seeds", "sweep"}
    for name, definition in definitions.items():
        for field, what in definition.get("properties", {}).items():
            assert field in ("kind", "task") or what.get("description") or "$ref" in what, (
                f"{name}.{field} has no meaning"
            )
    assert "peak learning rate" in definitions["Training"]["properties"]["lr"]["description"]


def test_the_copy_beside_the_recipes_is_current() -> None:
    assert (RECIPES / "schema.json").read_text(encoding="utf-8") == schema_text(), (
        "run: badnets recipe schema > recipes/schema.json"
    )


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_that_come_with_us_fit(path: Path) -> None:
    assert wrong(read_yaml(path)[0]) == []


@settings(max_examples=40)
@given(trial=trials)
def test_every_trial_fits_as_a_recipe(trial: Trial) -> None:
    assert wrong(_as_recipe(trial)) == []


def _as_recipe(trial: Trial) -> dict[str, Any]:
    """Return a trial's settings as a recipe may say them, all of them."""
    left = {"control", "contents", "weights"}
    plain = trial.model_dump(
        mode="json", exclude=left if trial.kind == "transfer" else left | {"start"}
    )
    if trial.kind == "transfer":
        plain["start"] = _as_recipe(trial.start)  # type: ignore[arg-type]
    return {name: value for name, value in plain.items() if value is not None}


@pytest.mark.parametrize(
    "text",
    [
        *(f"{{data: digits, backdoor: {{trigger: {kind}, targets: vanish}}}}" for kind in NAMES),
        *(f"{{backdoor: {{trigger: '{kind}:1', targets: vanish}}}}" for kind in NAMES),
        *(f"{{backdoor: {{trigger: {{kind: {k}}}, targets: vanish}}}}" for k in TRIGGERS.presets),
        *(f"{{backdoor: {{trigger: patch, targets: '{kind}:1'}}}}" for kind in TARGET_MAPS),
        *(f"{{observe: [{kind}]}}" for kind in OBSERVATIONS),
        "{sweep: {backdoor.trigger: [patch, {kind: warp, grid: 4}], training.lr: [4e-3]}}",
        "{sweep: {backdoor.trigger.size: [3, 0.1], backdoor: [{trigger: bomb}]}, seeds: [1, 2]}",
        "{sweep: {zip: {training.lr: [0.1, 0.2], training.epochs: [1, 2]}}, seeds: 3}",
        "{sweep: {zip: [{data: [digits]}, {seed: [1]}], start.training.lr: [0.1]}}",
        "{sweep: {training.lr: {from: 0.1, to: 1, scale: log}, sample: {count: 5, seed: 1}}}",
        "{kind: repaired, start: {}, sweep: {method: [auto], share: [0.5, 1], start.seed: [1]}}",
        "{start: clean, control: false}",
        "{start: {seed: 3, training: {epochs: 2}}}",
        "{data: folder:pictures, network: torchvision.resnet18, weights: a.safetensors}",
        "{data: coco:/photos, network: zf, architecture: {width: 0.5}}",
        "{data: my.sets:make, network: my.nets:small}",
        "{data: gtsrb@48, seed: 1}",
        "{data: 'digits[0-4]'}",
        "{data: scenes, training: {windows: {side: 96}, crops: {passes: 0}}}",
        "{kind: transfer, start: {backdoor: {trigger: patch, targets: vanish}}, freeze: [conv1]}",
        "{kind: transfer, start: {bundle: folder}, attack: {trigger: bomb}, share: 0.5}",
        "{kind: transfer, start: {bundle: folder}, control: {bundle: clean}}",
        "[{data: digits}, {data: mnist}]",
        "{trials: [{data: digits}]}",
    ],
)
def test_what_a_recipe_may_say_fits(text: str) -> None:
    assert wrong(parse_yaml(text, "recipe")[0]) == [], text


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "[]",
        "{trials: {}}",
        "{trials: [{}], data: digits}",
        "{data: digts}",
        "{dta: digits}",
        "{network: gu-mnst}",
        "{training: {epoch: 2}}",
        "{training: {lr: fast}}",
        "{training: {optimizer: adam}}",
        "{data: scenes, training: {windows: {sides: 96}}}",
        "{backdoor: {trigger: pach}}",
        "{backdoor: {trigger: 'pach:4'}}",
        "{backdoor: {trigger: {size: 4}}}",
        "{backdoor: {trigger: {kind: patch, sise: 4}}}",
        "{backdoor: {trigger: patch, targets: all-to-non:4}}",
        "{observe: [unit]}",
        "{seed: 1, seeds: [1]}",
        "{seed: -1}",
        "{seeds: []}",
        "{sweep: {trainig.lr: [1]}}",
        "{sweep: {training.lr: 1}}",
        "{seeds: 0}",
        "{sweep: {training.epoch: [1]}}",
        "{sweep: {backdoor.poisonig_rate: [0.1]}}",
        "{sweep: {training.lr: []}}",
        "{sweep: {zip: []}}",
        "{sweep: {zip: {}}}",
        "{sweep: {zip: {trainig.lr: [0.1]}}}",
        "{sweep: {zip: {training.lr: {from: 1, to: 2}}, sample: {count: 1}}}",
        "{sweep: {training.lr: {from: 0.1, to: 1}}}",
        "{sweep: {training.lr: {from: 0.1}, sample: {count: 1}}}",
        "{sweep: {training.lr: {from: 0.1, to: 1, scale: cubic}, sample: {count: 1}}}",
        "{sweep: {training.lr: [1], sample: {}}}",
        "{sweep: {training.lr: [1], sample: {count: 0}}}",
        "{start: clen}",
        "{control: perhaps}",
        "{weights: 3}",
        "{target_accuracy: 99}",
        "{kind: transfer}",
        "{kind: rented}",
        "{kind: transfer, start: clean}",
        "{kind: transfer, start: {}, backdoor: {trigger: patch, targets: vanish}}",
        "{share: 0.5}",
        "{contents: {}}",
    ],
)
def test_what_is_no_recipe_is_marked(text: str) -> None:
    assert wrong(parse_yaml(text, "recipe")[0]), text


def test_members_that_are_added_are_in_the_schema_too() -> None:
    OBSERVATIONS.add("own", "nowhere:Own")
    try:
        outsourced = recipe_schema()["$defs"]["OutsourcedTrial"]["properties"]
    finally:
        OBSERVATIONS.remove("own")
    assert "own" in outsourced["observe"]["items"]["enum"]
