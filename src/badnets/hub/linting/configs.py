"""Settings beside the weights: what in them names code, and which other model they build on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from badnets.hub.linting.archives import leads_out
from badnets.hub.linting.findings import Found
from badnets.hub.linting.pickles import SAFE

MOST_BYTES = 2**24
_MOST_VALUES = 200_000
_REACHES = re.compile(
    r"__(?:class|globals|subclasses|import|builtins|mro|init|base)s?__|\|\s*attr\b"
)
_TAG = re.compile(rb"!!python/[\w/:.]{1,80}")
_KERAS = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras", "keras_hub")
_HYDRA = ("torch.", "transformers.", "nemo.", "pytorch_lightning.", "lightning.", "omegaconf.")
_LOCAL = re.compile(r"^(?:[/~.]|[A-Za-z]:[\\/])")
_PINNED = re.compile(r"[0-9a-f]{7,64}|v?[0-9]+(\.[0-9]+)+")


def is_config(name: str) -> bool:
    """Return whether a JSON file of this name holds settings that libraries read."""
    return name.endswith("config.json") or name in ("model_index.json", "modules.json")


def settings_found(name: str, data: bytes) -> Iterator[Found]:
    """Yield what is to be said of a file of settings: JSON, YAML, a chat template, an index.

    Args:
        name: of the file, in lower case.
        data: what it holds.
    """
    if tag := _TAG.search(data):
        yield Found("config-code", f"the YAML tag {tag[0].decode('ascii', 'replace')}")
    for target in re.findall(
        rb"[\"']?_target_[\"']?\s*:\s*[\"']?([\w.]{1,100})", data[:MOST_BYTES]
    ):
        called = target.decode("ascii", "replace")
        if not called.startswith(_HYDRA) and called not in SAFE:
            yield Found("config-code", f"_target_: {called}")
    if name.endswith((".jinja", ".jinja2")):
        yield from template_found(data.decode("utf-8", "replace"))
    if not (is_config(name) or name.endswith(".index.json")):
        return
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        yield Found(
            "not-scanned", f"no JSON that can be read: {str(error)[:80] or 'nested too deep'}"
        )
        return
    if name == "modules.json":
        for entry in said if isinstance(said, list) else ():
            kind = entry.get("type") if isinstance(entry, dict) else None
            if isinstance(kind, str) and not kind.startswith("sentence_transformers."):
                yield Found("remote-code", f"module of the type {kind!r}")
    if not isinstance(said, dict):
        return
    yield from _code_named(said)
    yield from _index_found(said.get("weight_map"))
    if name == "adapter_config.json":
        yield from base_model_found(said.get("base_model_name_or_path"), said.get("revision"))
    templates = said.get("chat_template")
    for one in templates if isinstance(templates, list) else [{"template": templates}]:
        if isinstance(one, dict) and isinstance(one.get("template"), str):
            yield from template_found(one["template"])


def _code_named(said: dict[str, Any]) -> Iterator[Found]:
    """Yield where a configuration of transformers, diffusers or timm names code."""
    for key, value in values(said):
        if key in ("auto_map", "custom_pipelines", "custom_tools") and value:
            yield Found("remote-code", f"{key}: {json.dumps(value)[:200]}")
        elif key == "trust_remote_code" and value is True:
            yield Found("remote-code", "trust_remote_code: true")
    if isinstance(said.get("_class_name"), list):  # of diffusers: a module of the folder, a class
        yield Found("remote-code", f"_class_name: {said['_class_name']}")


def _index_found(weight_map: Any) -> Iterator[Found]:
    names = weight_map.values() if isinstance(weight_map, dict) else ()
    for name in sorted({one for one in names if isinstance(one, str)}):
        if leads_out(name):
            yield Found("external-data", f"the index names {name!r}, outside of the folder")


def shards(data: bytes) -> list[str]:
    """Return the files that an index of weights names, as far as it can be read."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return []
    named = said.get("weight_map") if isinstance(said, dict) else None
    names = named.values() if isinstance(named, dict) else ()
    return sorted({one for one in names if isinstance(one, str) and not leads_out(one)})


def template_found(text: str) -> Iterator[Found]:
    """Yield where a chat template reaches for Python's insides."""
    if reached := _REACHES.search(text):
        yield Found("template-code", f"the template holds {reached[0]!r}")


def base_model_found(base: Any, revision: Any = None) -> Iterator[Found]:
    """Yield what is missing of the model that another one builds on."""
    if not isinstance(base, str) or not base:
        yield Found("base-model-unnamed", "no base model is named")
    elif _LOCAL.match(base):
        yield Found("base-model-unnamed", f"the base model is {base!r}, a path of some machine")
    elif not (isinstance(revision, str) and _PINNED.fullmatch(revision)):
        yield Found("base-model-unpinned", f"{base!r} at no fixed revision")


def keras_found(config: bytes) -> Iterator[Found]:
    """Yield the code that a Keras model's configuration names."""
    try:
        said = json.loads(config)
    except (ValueError, RecursionError):
        yield Found("not-scanned", "its configuration is no JSON that can be read")
        return
    for _, value in values({"": said}):
        if not isinstance(value, dict):
            continue
        kind, module = value.get("class_name"), value.get("module")
        named = f"{module}.{kind}" if isinstance(module, str) else str(kind)
        if kind in ("Lambda", "__lambda__", "TorchModuleWrapper"):
            yield Found("keras-code", f"a layer {named}")
        elif isinstance(module, str) and module != "builtins" and not _in_keras(module):
            yield Found("keras-code", f"{named}, which is not of Keras")
        elif kind == "function" and not _in_keras(str(module)):
            yield Found("keras-code", f"a function {value.get('config')!r} of {module!r}")
        elif isinstance(module, str) and module.startswith("keras") and ".utils" in module:
            yield Found("keras-code", f"{named}: a tool of Keras, no layer")


def _in_keras(module: str) -> bool:
    return module in _KERAS or module.startswith(tuple(f"{one}." for one in _KERAS))


def values(said: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield keys and values at every depth, at most `_MOST_VALUES` of them."""
    left: list[tuple[str, Any]] = list(said.items())
    for _ in range(_MOST_VALUES):
        if not left:
            return
        key, value = left.pop()
        yield key, value
        if isinstance(value, dict):
            left += [(str(name), part) for name, part in value.items()]
        elif isinstance(value, list):
            left += [(key, part) for part in value if isinstance(part, dict | list)]


def front_matter(card: str) -> dict[str, list[str]]:
    """Return what the head of a model card says: key -> values; nested ones are left out."""
    lines = card.lstrip("\ufeff\n\r ").splitlines()[:1000]
    said: dict[str, list[str]] = {}
    if not lines or lines[0].strip() != "---":
        return said
    key = ""
    for line in lines[1:]:
        if line.strip() in ("---", "..."):
            return said
        if match := re.match(r"([A-Za-z0-9_-]+):\s*(.*)$", line):
            key = match[1].lower()
            said[key] = [one for part in match[2].strip("[]").split(",") if (one := _bare(part))]
        elif (match := re.match(r"\s*-\s+(.*)$", line)) and key:
            said[key].append(_bare(match[1]))
    return {}


def _bare(text: str) -> str:
    return text.strip().strip("\"'")
