"""JSON Schema of recipes, for editors: pydantic's own of a trial, with the shorthands."""

from __future__ import annotations

import json
from typing import Any

from badnets.data.catalogue import COCO, DATASETS, FOLDER
from badnets.models.catalogue import LIBRARIES, NETWORKS
from badnets.observations.registry import OBSERVATIONS
from badnets.recipes.building import DOWNLOADING, OF_START
from badnets.recipes.fields import INSIDE
from badnets.recipes.reading_sweeps import SAMPLE, SCALES, ZIP
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
_SWEEPING: dict[str, Schema] = {
    "Sample": {
        "type": "object",
        "description": "Some of the combinations, drawn at random, each once; seeds are not drawn.",
        "properties": {
            "count": {"type": "integer", "minimum": 1, "description": "How many are drawn."},
            "seed": {
                "type": "integer",
                "minimum": 0,
                "default": 0,
                "description": "Another one gives another sample.",
            },
        },
        "required": ["count"],
        "additionalProperties": False,
    },
    "Range": {
        "type": "object",
        "description": "What a sample's values are drawn from: whole numbers where both ends are.",
        "properties": {
            "from": {"type": "number", "description": "The smallest value."},
            "to": {"type": "number", "description": "The largest value, above `from`."},
            "scale": {
                "enum": list(SCALES),
                "default": "linear",
                "description": "`linear`: differences are alike; `log`: factors are, from > 0.",
            },
        },
        "required": ["from", "to"],
        "additionalProperties": False,
    },
}


def recipe_schema() -> Schema:
    """Return the JSON Schema of a recipe.

    It knows every field with its meaning, range and default, short names of triggers, ``seeds``,
    ``sweep`` with ``zip``, ``sample`` and ranges, ``start`` and ``control``, and refuses unknown
    fields; that the parts fit together is for `load_recipe` to say.
    """
    definitions: dict[str, Schema] = TRIAL.json_schema()["$defs"]
    for unwritten in ("DownloadedBundle", "StartingWeights"):
        definitions.pop(unwritten)
    for definition in definitions.values():
        definition.pop("title", None)
        for part in definition.get("properties", {}).values():
            part.pop("title", None)
    definitions |= _SWEEPING
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
    dotted = "|".join(map(_dotted, fields))
    fields["seeds"] = {
        "anyOf": [
            {"type": "array", "minItems": 1, "items": fields["seed"]},
            {"type": "integer", "minimum": 1},
        ],
        "description": "Instead of `seed`, a list: one trial for each; or how many, from 0 on.",
    }
    fields["sweep"] = _sweep(f"^({dotted})$")
    trial["required"] = ["kind", "start"] if kind in DOWNLOADING else []
    trial["not"] = {"required": ["seed", "seeds"]}


def _dotted(field: str) -> str:
    """Return the pattern of a field and of what lies in it."""
    inside = INSIDE.get(field)
    below = rf"(\.({'|'.join(inside)})(\.\w+)*)?" if inside else r"(\.\w+)*"
    return field + below


def _sweep(fields: str) -> Schema:
    """Return the schema of what varies among fields of a pattern."""
    lists: Schema = {"patternProperties": {fields: {"type": "array", "minItems": 1}}}
    group = {"type": "object", "minProperties": 1, **lists, "additionalProperties": False}
    together = {
        "anyOf": [group, {"type": "array", "minItems": 1, "items": group}],
        "description": "Fields whose values vary together, in lists of equal length; a list of "
        "such mappings is their product.",
    }
    either = {"anyOf": [{"type": "array", "minItems": 1}, {"$ref": "#/$defs/Range"}]}
    return {
        "type": "object",
        "properties": {ZIP: together, SAMPLE: {"$ref": "#/$defs/Sample"}},
        "patternProperties": {fields: either},
        "additionalProperties": False,
        "if": {"not": {"required": [SAMPLE]}},
        "then": lists,
        "description": "Field -> list of values, such as `backdoor.poisoning_rate: [0.01, 0.1]`: "
        "one trial for each combination.",
    }


def _names(known: Any, pattern: str) -> list[Schema]:
    return [{"enum": list(known)}, {"type": "string", "pattern": pattern}]
