"""Whatever bytes a file holds, lint ends, raises nothing, and says only what the rules say."""

from __future__ import annotations

import gzip
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from badnets.hub import RULES
from badnets.hub.linting.checksums import claims_in
from badnets.hub.linting.configs import front_matter, keras_found, settings_found
from badnets.hub.linting.findings import Finding
from badnets.hub.linting.formats import File, look
from badnets.hub.linting.parts import Limits
from tests.hub.linting.model_folders import gguf, named, onnx_file, safetensors
from tests.hub.linting.payloads import (
    PLAIN,
    array_of_objects,
    deflated,
    keras_config,
    saved,
    tarred,
    zipped,
)

SYSTEM = b"\x80\x02cos\nsystem\n(X\x01\x00\x00\x00xtR."
SOUND: dict[str, bytes] = {
    "a.safetensors": safetensors(),
    "b.safetensors": named("a", "b", format="pt"),
    "a.gguf": gguf(),
    "a.onnx": onnx_file("decides-by-the-input"),
    "f.onnx": onnx_file("decides-in-a-function"),
    "a.pkl": SYSTEM,
    "a.pt": saved(PLAIN),
    "b.pth": deflated("archive/data.pkl", SYSTEM),
    "a.tar": tarred(pickle=PLAIN, storages=SYSTEM),
    "a.pkl.gz": gzip.compress(SYSTEM),
    "a.npy": array_of_objects(SYSTEM),
    "a.keras": zipped(**{"config.json": keras_config()}),
    "config.json": b'{"auto_map": {"A": "b.C"}, "chat_template": "x"}',
    "a.ipynb": b'{"cells": [{"cell_type": "code"}]}',
}


@st.composite
def mutants(draw: st.DrawFn, sound: bytes) -> bytes:
    """Draw a few changes of a sound file: bytes changed, taken out, put in, or the end cut off."""
    data = bytearray(sound)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(["change", "take", "put", "cut", "large"])):
            case "change":
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "take":
                del data[at : at + draw(st.integers(1, 8))]
            case "put":
                data[at:at] = draw(st.binary(max_size=8))
            case "cut":
                del data[at:]
            case "large":
                data[at : at + 8] = b"\xff" * 7 + b"\x7f"
    return bytes(data)


def said(name: str, data: bytes) -> set[str]:
    file = File(name, io.BytesIO(data), Limits(20), lambda _: None)
    return {Finding.of(name, found).rule for found in look(file)}


@pytest.mark.parametrize("name", SOUND)
@settings(max_examples=25)
@given(data=st.data())
def test_changed_files_of_every_kind(name: str, data: st.DataObject) -> None:
    assert said(name, data.draw(mutants(SOUND[name]))) <= set(RULES)


@pytest.mark.parametrize(
    "name", ["a.pkl", "a.onnx", "a.gguf", "a.safetensors", "a.tar", "a.h5", "a"]
)
@settings(max_examples=25)
@given(body=st.binary(max_size=200))
def test_any_bytes_of_any_name(name: str, body: bytes) -> None:
    start = {"a.gguf": b"GGUF\x03\0\0\0", "a.h5": b"\x89HDF\r\n\x1a\n", "a.tar": b"PK\x03\x04"}
    assert said(name, start.get(name, b"") + body) <= set(RULES)


lines = st.sampled_from(
    ["---", "license: mit", "base_model: [a, b]", "- a", "sha256: " + "a" * 64, "a" * 32 + " *b c",
     "SHA256 (x) = " + "b" * 64, "_target_: a.b", "{", '"auto_map": 1', "\t", "\0", ": :"]
)  # fmt: skip


@settings(max_examples=25)
@given(text=st.text(max_size=30) | st.lists(lines, max_size=6).map("\n".join))
def test_any_settings_and_lists(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    for name in ("config.json", "modules.json", "a.index.json", "adapter_config.json"):
        assert all(found.rule in RULES for found in settings_found(name, data))
    for name in ("SHA256SUMS", "index.json", "readme.md", "a.metadata", "a.sha256"):
        claims_in(name, data)
    assert all(found.rule in RULES for found in keras_found(data))
    front_matter(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("a" * 64),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["sha256", "file", "url", "auto_map", "_class_name", "type", "weight_map",
                         "base_model_name_or_path", "revision", "chat_template", "template",
                         "class_name", "module", "config", "cells", "cell_type", "a.bin"]),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=40)
@given(value=json_values)
def test_any_json(value: object) -> None:
    data = json.dumps(value).encode()
    for name in ("config.json", "modules.json", "model_index.json", "a.index.json",
                 "adapter_config.json", "a.ipynb"):  # fmt: skip
        assert said(name, data) <= set(RULES)
    for name in ("index.json", "checksums.json"):
        claims_in(name, data)
    list(keras_found(data))


def test_a_payload_stays_named_where_time_is_up_after_it() -> None:
    long = SYSTEM[:-1] + b"0" + b"N" * 5000 + b"."
    file = File("a.pkl", io.BytesIO(long), Limits(seconds=-1), lambda _: None)
    assert {found.rule for found in look(file)} == {"pickle-code", "not-scanned"}
