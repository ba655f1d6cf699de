"""Digests of bytes, files and values."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from badnets.bundles.digests import (
    canonical_json,
    json_digest,
    sha256_bytes,
    sha256_file,
    sha256_stream,
)
from badnets.core.errors import DataError, SettingError

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS.filter(lambda value: value not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=6,
)


def test_one_digest_for_bytes_stream_and_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000  # over two chunks
    (tmp_path / "file").write_bytes(content)
    expected = hashlib.sha256(content).hexdigest()
    assert sha256_bytes(content) == expected
    assert sha256_stream(io.BytesIO(content)) == expected
    assert sha256_file(tmp_path / "file") == expected
    with pytest.raises(DataError, match="nothing"):
        sha256_file(tmp_path / "nothing")


def test_canonical_json_of_a_worked_example() -> None:
    value = {"b": [1, 2.5, True, None], "a": {"ü": "ß"}}
    assert canonical_json(value) == '{"a":{"ü":"ß"},"b":[1,2.5,true,null]}'.encode()
    assert json_digest(value) == json_digest(dict(reversed(value.items())))


@given(VALUES)
def test_canonical_json_reads_back_and_is_stable(value: object) -> None:
    data = canonical_json(value)
    assert json.loads(data) == value
    assert canonical_json(json.loads(data)) == data


@pytest.mark.parametrize(
    "value",
    [float("nan"), [float("inf")], {1: "a"}, {"a": {None: 1}}, {"a": {1, 2}}, b"bytes", "\ud800"],
)
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(SettingError):
        canonical_json(value)
    loop: list[object] = [value]
    loop[0] = loop
    with pytest.raises(SettingError, match=r"too deep|Circular"):
        canonical_json(loop)
