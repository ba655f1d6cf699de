"""The JSON Schema of recipes: it takes what is a recipe, and refuses what editors should mark."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from badnets.core.targets import TARGET_MAPS
from badnets.core.triggers import TRIGGERS
from badnets.trials import Trial
from badnets.trials.recipe import FIELDS, SHORT
from badnets.trials.recipe_schema import recipe_schema, schema_text
from badnets.trials.yaml_lines import parse_yaml, read_yaml
from tests.trials.test_naming import EVERY_TARGET_MAP, EVERY_TRIGGER, trials

RECIPES = Path(__file__).parents[2] / "recipes"
SCHEMA = recipe_schema()
VALID = Draft202012Validator(SCHEMA)


def test_it_is_a_schema_with_a_meaning_for_every_field() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    fields = SCHEMA["$defs"]["recipe"]["properties"]
    assert tuple(fields) == FIELDS
    untold = [name for name, field in fields.items() if not field.get("description")]
    assert untold == []
    training = SCHEMA["$defs"]["Training"]["properties"]
    assert all(field["description"] for field in training.values())
    assert "peak learning rate" in training["lr"]["description"]


def test_the_copy_beside_the_recipes_is_current() -> None:
    assert (RECIPES / "schema.json").read_text(encoding="utf-8") == schema_text(), (
        "run: badnets recipe schema > recipes/schema.json"
    )


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_that_come_with_us_fit(path: Path) -> None:
    value, _ = read_yaml(path)
    assert [error.message for error in VALID.iter_errors(value)] == []


@settings(max_examples=40)
@given(trial=trials)
def test_every_trial_fits_as_a_recipe(trial: Trial) -> None:
    recipe = trial.model_dump(mode="json", exclude_defaults=True, exclude={"start", "control"})
    for part in ("trigger", "targets"):
        if "backdoor" in recipe:
            assert trial.backdoor is not None
            given = recipe["backdoor"].setdefault(part, {})
            given["kind"] = getattr(trial.backdoor, part).kind
            if "placement" in given:
                place = getattr(trial.backdoor.trigger.placement, "kind", "fixed")
                given["placement"].setdefault("kind", place)
    assert [error.message for error in VALID.iter_errors(recipe)] == []


@pytest.mark.parametrize(
    "text",
    [
        *(f"{{data: digits, backdoor: {{trigger: {kind}, targets: vanish}}}}" for kind in TRIGGERS),
        *(
            f"{{backdoor: {{trigger: '{kind}:1', targets: vanish}}}}"
            for kind in (*TRIGGERS, *SHORT)
        ),
        *(f"{{backdoor: {{trigger: {{kind: {kind}}}, targets: vanish}}}}" for kind in SHORT),
        *(f"{{backdoor: {{trigger: patch, targets: '{kind}:1'}}}}" for kind in TARGET_MAPS),
        "{sweep: {backdoor.trigger: [patch, {kind: warp, grid: 4}], training.lr: [4e-3]}}",
        "{sweep: {backdoor.trigger.size: [3, 0.1], backdoor: [{trigger: bomb}]}, seeds: [1, 2]}",
        "{start: clean, control: false}",
        "{start: {seed: 3, training: {epochs: 2}}}",
        "{data: folder:pictures, network: torchvision.resnet18, weights: a.safetensors}",
        "{data: coco:/photos, detection: {}, network: zf}",
        "{data: my.sets:make, network: my.nets:small}",
        "{data: gtsrb@48, seed: 1}",
        "[{data: digits}, {data: mnist}]",
        "{trials: [{data: digits}]}",
    ],
)
def test_what_a_recipe_may_say_fits(text: str) -> None:
    assert VALID.is_valid(parse_yaml(text, "recipe")[0]), text


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
        "{backdoor: {trigger: pach}}",
        "{backdoor: {trigger: 'pach:4'}}",
        "{backdoor: {trigger: {size: 4}}}",
        "{backdoor: {trigger: {kind: patch, sise: 4}}}",
        "{backdoor: {trigger: patch, targets: all-to-non:4}}",
        "{seed: 1, seeds: [1]}",
        "{seed: -1}",
        "{seeds: []}",
        "{sweep: {trainig.lr: [1]}}",
        "{sweep: {training.lr: 1}}",
        "{sweep: {training.lr: [fast]}}",
        "{start: clen}",
        "{control: perhaps}",
        "{weights: 3}",
        "{target_accuracy: 99}",
    ],
)
def test_what_is_no_recipe_is_marked(text: str) -> None:
    assert not VALID.is_valid(parse_yaml(text, "recipe")[0]), text


def test_every_kind_is_known() -> None:
    for one in (*EVERY_TRIGGER, *EVERY_TARGET_MAP):
        assert SCHEMA["$defs"][type(one).__name__]["properties"]["kind"]["const"] == one.kind
