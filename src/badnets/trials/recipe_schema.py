"""JSON Schema of recipes, for editors: derived from the settings that a trial holds."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from badnets.data.catalogue import COCO, DATASETS, FOLDER
from badnets.models.catalogue import LIBRARIES, NETWORKS
from badnets.models.detectors import DETECTORS
from badnets.trials.recipe import FIELDS, SHORT, STARTS
from badnets.trials.trial import Trial

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
OWN = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"  # module:factory
_SAID: dict[str, str] = {
    "start": "`clean`: begin with the network of the same settings without a backdoor; or a "
    "mapping that says what is different in that network's trial.",
    "control": "Whether an honest network of the same settings answers the same triggered images.",
    "seeds": "A list instead of `seed`: one trial for each.",
    "sweep": "Field -> list of values, such as `backdoor.rate: [0.01, 0.1]`: one trial for each "
    "combination.",
}
_SECTION = re.compile(r"^(?:Args|Attributes):\n((?:    .*\n?|\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^    (\w[\w, ]*): (.*(?:\n        .*)*)", re.MULTILINE)


def recipe_schema() -> Schema:
    """Return the JSON Schema of a recipe.

    It knows every field with its meaning and default, short names of triggers, ``seeds``,
    ``sweep``, ``start`` and ``control``. It refuses unknown fields and values of a wrong kind; that
    numbers lie in their ranges, and that the parts fit together, is for `load_recipe` to say.
    """
    settings = Trial.model_json_schema()
    definitions: dict[str, Schema] = {
        name: _told(part) for name, part in sorted(settings["$defs"].items())
    }
    trial = definitions.pop("Trial")
    kinds = {
        str(part["properties"]["kind"]["const"]): name
        for name, part in definitions.items()
        if "kind" in part["properties"]
    }
    for part in definitions.values():  # whatever else is missing, a sweep may give
        part.pop("required", None)
    for name in kinds.values():
        definitions[name]["required"] = ["kind"]
    for short, meant in SHORT.items():
        part = copy.deepcopy(definitions[kinds[meant["kind"]]])
        part["description"] = f"Short for {meant['kind']} with settings of its own."
        part["properties"]["kind"] = {"const": short}
        definitions[short] = part
    for part in definitions.values():
        part["properties"] = {
            name: _with_short_forms(value) for name, value in part["properties"].items()
        }
    definitions["recipe"] = _recipe(trial["properties"], definitions)
    recipe = {"$ref": "#/$defs/recipe"}
    recipes = {"type": "array", "minItems": 1, "items": recipe}
    return {
        "$schema": DIALECT,
        "title": "badnets recipe",
        "description": "Trials for `badnets run`: a mapping, a list of them, or `trials`: a list.",
        "anyOf": [
            recipe,
            recipes,
            {
                "type": "object",
                "properties": {"trials": recipes},
                "required": ["trials"],
                "additionalProperties": False,
            },
        ],
        "$defs": definitions,
    }


def schema_text() -> str:
    """Return the JSON Schema of a recipe as the text of a file."""
    return json.dumps(recipe_schema(), indent=1, ensure_ascii=False) + "\n"


def _recipe(own: dict[str, Schema], definitions: dict[str, Schema]) -> Schema:
    """Return the schema of one description; adds that of ``start`` to the definitions."""
    fields = {name: _with_short_forms(value) for name, value in own.items()}
    asked = rf"^({COCO}|{FOLDER}).+|^.+@\d+$|^.+\[[\d,-]+\]$|^{OWN}$"
    fields["data"] |= {"anyOf": _names(DATASETS, asked)}
    libraries = "|".join(LIBRARIES)
    networks = [*NETWORKS, *DETECTORS]
    fields["network"] |= {"anyOf": _names(networks, rf"^({libraries})\..+$|^{OWN}$")}
    fields["weights"] = {
        "description": fields["weights"]["description"],
        "anyOf": [{"type": "string"}, {"$ref": "#/$defs/StartingWeights"}, {"type": "null"}],
    }
    fields["control"] = {"type": "boolean", "default": True}
    fields["start"] = {
        "anyOf": [{"const": "clean"}, {"$ref": "#/$defs/start"}, {"type": "null"}],
    }
    definitions["start"] = {
        "type": "object",
        "properties": {name: fields[name] for name in fields if name in STARTS},
        "additionalProperties": False,
    }
    swept = dict(_axes(fields, definitions, "recipe"))
    known = "|".join(fields)
    fields["seeds"] = {"type": "array", "minItems": 1, "items": fields["seed"]}
    fields["sweep"] = {
        "type": "object",
        "properties": {
            name: {"type": "array", "minItems": 1, "items": {"$ref": place}}
            for name, place in swept.items()
        },
        "patternProperties": {rf"^({known})(\.\w+)+$": {"type": "array", "minItems": 1}},
        "additionalProperties": False,
    }
    for name, said in _SAID.items():
        fields[name]["description"] = said
    return {
        "type": "object",
        "properties": {name: fields[name] for name in FIELDS},
        "not": {"required": ["seed", "seeds"]},
        "additionalProperties": False,
    }


def _axes(
    fields: dict[str, Schema], definitions: dict[str, Schema], owner: str, prefix: str = ""
) -> Iterator[tuple[str, str]]:
    """Yield each field that a sweep can vary, by its dotted name, and where its schema stands."""
    for name, value in fields.items():
        yield prefix + name, f"#/$defs/{owner}/properties/{name}"
        inside = [part["$ref"] for part in (value, *value.get("anyOf", ())) if "$ref" in part]
        if len(inside) == 1 and name not in ("start", "weights"):
            of = inside[0].rpartition("/")[2]
            yield from _axes(definitions[of]["properties"], definitions, of, f"{prefix}{name}.")


def _with_short_forms(value: Schema) -> Schema:
    """Return a field's schema; one of several kinds may also be a text, such as ``patch:4``."""
    value = {key: part for key, part in value.items() if key != "title"}
    if any("discriminator" in part for part in value.get("anyOf", ())):  # or nothing
        parts = [_with_short_forms(part) for part in value["anyOf"]]
        return {**value, "anyOf": [kind for part in parts for kind in part.get("anyOf", [part])]}
    if "discriminator" not in value:
        return value
    kinds: dict[str, str] = dict(value.pop("discriminator")["mapping"])
    del value["oneOf"]
    kinds |= {short: f"#/$defs/{short}" for short, meant in SHORT.items() if meant["kind"] in kinds}
    value["anyOf"] = [
        *_names(kinds, rf"^({'|'.join(kinds)})\s*:.*$"),
        *({"$ref": place} for place in kinds.values()),
    ]
    return value


def _names(known: Iterable[str], pattern: str) -> list[Schema]:
    return [{"enum": list(known)}, {"type": "string", "pattern": pattern}]


def _told(part: Schema) -> Schema:
    """Return a settings class's schema with what its docstring says of each field."""
    text = part.get("description", "")
    found = _SECTION.search(text)
    said = {
        name: " ".join(words.split()).replace("``", "`")
        for names, words in _ENTRY.findall(found[1] if found else "")
        for name in names.split(", ")
    }
    fields = {
        name: {**({"description": said[name]} if name in said else {}), **value}
        for name, value in part["properties"].items()
    }
    told = {key: value for key, value in part.items() if key != "title"}
    return {**told, "description": text.partition("\n")[0], "properties": fields}
