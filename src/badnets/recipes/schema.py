"""JSON Schema of recipes, for editors: pydantic's own of a trial, with the shorthands."""

from __future__ import annotations

import json
from typing import Any

from badnets.data.catalogue import COCO, DATASETS, FOLDER
from badnets.models.catalogue import LIBRARIES, NETWORKS
from badnets.observations.registry import OBSERVATIONS
from badnets.recipes.recipe import DOWNLOADING, OF_START
from badnets.trials.trial import TRIAL

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
ID = "https://badnets.readthedocs.io/schema/recipe-2.json"
OWN = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"  # module:factory
KINDS = {
    "OutsourcedTrial": "outsourced",
    "TransferTrial": "transfer",
    "RepairedTrial": "repaired",
}
_CONTROL: Schema = {
    "type": "boolean",
    "default": True,
    "description": "Whether an honest network of the same settings answers the same triggered "
    "examples.",
}
_BUNDLE_FIELDS: Schema = {
    "properties": {
        "bundle": {"type": "string", "description": "The folder of a downloaded bundle."}
    },
    "required": ["bundle"],
    "additionalProperties": False,
}
_BUNDLE: Schema = {"type": "object", **_BUNDLE_FIELDS}


def recipe_schema() -> Schema:
    """Return the JSON Schema of a recipe.

    It knows every field with its meaning, range and default, short names of triggers, ``seeds``,
    ``sweep``, ``start`` and ``control``, and refuses unknown fields; that the parts fit together is
    for `load_recipe` to say.
    """
    definitions: dict[str, Schema] = TRIAL.json_schema()["$defs"]
    for unwritten in ("DownloadedBundle", "StartingWeights"):
        definitions.pop(unwritten)
    for definition in definitions.values():
        definition.pop("title", None)
        for part in definition.get("properties", {}).values():
            part.pop("title", None)
    for name, kind in KINDS.items():
        _as_recipe(definitions[name], kind)
    recipe = {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in KINDS]}
    recipes = {"type": "array", "minItems": 1, "items": recipe}
    whole = {"type": "object", "properties": {"trials": recipes}, "required": ["trials"]}
    return {
        "$schema": DIALECT,
        "$id": ID,
        "title": "badnets recipe",
        "description": "Trials for `badnets run`: a mapping, a list of them, or `trials`: a list.",
        "anyOf": [*recipe["anyOf"], recipes, {**whole, "additionalProperties": False}],
        "$defs": definitions,
    }


def schema_text() -> str:
    """Return the JSON Schema of a recipe as the text of a file."""
    return json.dumps(recipe_schema(), indent=1, ensure_ascii=False) + "\n"


def _as_recipe(trial: Schema, kind: str) -> None:
    """Turn the schema of a trial into that of its description."""
    fields: dict[str, Schema] = trial["properties"]
    del fields["contents"]
    data = rf"^({COCO}|{FOLDER}).+|^.+@\d+$|^.+\[[\d,-]+\]$|^{OWN}$"
    fields["data"] |= {"anyOf": _names(DATASETS, data)}
    libraries = sorted({name for by_name in LIBRARIES.values() for name in by_name})
    networks = rf"^({'|'.join(libraries)})\..+$|^{OWN}$"
    fields["network"] |= {"anyOf": _names(NETWORKS, networks)}
    fields["observe"]["items"] = {"enum": list(OBSERVATIONS)}
    fields["control"] = dict(_CONTROL)
    if "training" in fields:  # the task is not said, so some fit both
        trainings = fields["training"].pop("oneOf")
        fields["training"] = {"anyOf": trainings, "description": fields["training"]["description"]}
    said = {"description": fields["start"].get("description", "")}
    if kind in DOWNLOADING:
        origins = [{"$ref": f"#/$defs/{name}"} for name in KINDS]
        fields["start"] = {**said, "anyOf": [*origins, _BUNDLE]}
        fields["control"] = {**_CONTROL, "type": ["boolean", "object"], **_BUNDLE_FIELDS}
    else:
        own = {"training": fields["training"], "seed": fields["seed"]}
        own["train_limit"] = fields["train_limit"]
        start = {"type": "object", "properties": {name: own[name] for name in OF_START}}
        mapping = {**start, "additionalProperties": False}
        fields["start"] = {**said, "anyOf": [{"const": "clean"}, mapping, {"type": "null"}]}
        fields["weights"]["anyOf"] = [{"type": "string"}, {"type": "null"}]
    known = "|".join(fields)
    fields["seeds"] = {
        "type": "array",
        "minItems": 1,
        "items": fields["seed"],
        "description": "A list instead of `seed`: one trial for each.",
    }
    fields["sweep"] = {
        "type": "object",
        "patternProperties": {rf"^({known})(\.\w+)*$": {"type": "array", "minItems": 1}},
        "additionalProperties": False,
        "description": "Field -> list of values, such as `backdoor.poisoning_rate: [0.01, 0.1]`: "
        "one trial for each combination.",
    }
    trial["required"] = ["kind", "start"] if kind in DOWNLOADING else []
    trial["not"] = {"required": ["seed", "seeds"]}


def _names(known: Any, pattern: str) -> list[Schema]:
    return [{"enum": list(known)}, {"type": "string", "pattern": pattern}]
