"""JSON of others: whatever is ambiguous is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from badnets.bundles.strict_json import parse_json
from badnets.core.errors import BundleError


def test_plain_json_is_read() -> None:
    assert parse_json(b'{"a": [1, 2.5, "x", null, true]}', "it") == {"a": [1, 2.5, "x", None, True]}
    assert parse_json(b'"\\ud83d\\ude00"', "it") == "\U0001f600"


@pytest.mark.parametrize(
    ("data", "defect"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"{} {}", "is not JSON"),
        (b'{"a": 1, "a": 1}', "gives the key 'a' twice"),
        (b'[{"b": {"c": 1, "d": 2, "c": 3}}]', "gives the key 'c' twice"),
        (b'{"a": NaN}', "holds NaN"),
        (b'{"a": -Infinity}', "holds -Infinity"),
        (b"[1e999]", "beyond a float"),
        (b"9" * 10_000, "too many digits"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"a":' * 200_000, "nested too deep"),
        (b'"\xff"', "is not UTF-8"),
        (b'"\\ud800"', "is not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "is not UTF-8"),
        (b"\xef\xbb\xbf{}", "is not JSON"),
    ],
)
def test_a_defect_is_named(data: bytes, defect: str) -> None:
    with pytest.raises(BundleError, match=f"^config.json .*{defect}") as caught:
        parse_json(data, "config.json")
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=40) | st.text(alphabet='{}[]":,0123eE+-.\\u nulltruefas', max_size=40))
def test_any_bytes_are_read_as_json_does_or_refused(data: bytes | str) -> None:
    data = data if isinstance(data, bytes) else data.encode()
    try:
        value = parse_json(data, "it")
    except BundleError:
        return
    assert value == json.loads(data)
