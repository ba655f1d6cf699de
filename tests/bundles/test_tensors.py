"""The safetensors header: what the library writes is read, the rest refused with a reason."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as numpy_load
from safetensors.numpy import save as numpy_save

from badnets.bundles.tensors import (
    MAX_HEADER_BYTES,
    TensorInfo,
    TensorsHeader,
    read_tensors_header,
    tensors_header,
)
from badnets.core.errors import BundleError

ARRAYS: dict[str, NDArray[Any]] = {
    "conv.weight": np.arange(12, dtype=np.float32).reshape(3, 2, 2),
    "conv.bias": np.zeros(3, dtype=np.float16),
    "steps": np.array(7, dtype=np.int64),
    "nothing": np.zeros((0, 5), dtype=np.float32),
}
VALID = numpy_save(ARRAYS, {"format": "np"})


def read(content: bytes) -> TensorsHeader:
    return tensors_header(io.BytesIO(content), len(content), "model.safetensors")


def made(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(**changes: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}


def test_what_the_library_writes_is_read(tmp_path: Path) -> None:
    header = read(VALID)
    assert {name: info.shape for name, info in header.tensors.items()} == {
        name: array.shape for name, array in ARRAYS.items()
    }
    assert header.tensors["conv.weight"].dtype == "F32"
    assert header.tensors["conv.bias"].dtype == "F16"
    assert header.tensors["steps"].items == 1
    assert header.metadata == {"format": "np"}
    (tmp_path / "model.safetensors").write_bytes(VALID)
    assert read_tensors_header(tmp_path / "model.safetensors").tensors == header.tensors


def test_a_worked_example() -> None:
    content = made({"b": entry(data_offsets=[8, 16]), "a": entry()}, bytes(16))
    assert list(read(content).tensors.items()) == [
        ("a", TensorInfo("F32", (2,), 0, 8)),
        ("b", TensorInfo("F32", (2,), 8, 16)),
    ]
    assert read(made({})).tensors == {}
    assert read(made(b'{"a":' + json.dumps(entry()).encode() + b"}   ", bytes(8))).tensors


DEFECTS: list[tuple[bytes, str]] = [
    (b"", "truncated: 0 bytes"),
    (VALID[:5], "truncated: 5 bytes"),
    (VALID[:60], "truncated: its header ends"),
    (VALID[:-1], "truncated: its tensors take"),
    (VALID + b"x", "bytes that no tensor owns"),
    (struct.pack("<Q", MAX_HEADER_BYTES + 1) + b"{}", "header of 10000001 bytes"),
    (struct.pack("<Q", 2**64 - 1) + b"{}", "at most"),
    (made([]), "not a JSON object"),
    (made(b"  {}"), "not a JSON object"),
    (made(b""), "not a JSON object"),
    (made(b"{"), "is not JSON"),
    (made(b"{}\x00"), "is not JSON"),
    (made(b'{"a": {}, "a": {}}'), "key 'a' twice"),
    (made(b'{"\xff": {}}'), "UTF-8"),
    (made({"__metadata__": {"a": 1}}), "metadata"),
    (made({"__metadata__": []}), "metadata"),
    (made({"a": 1}), "must have dtype"),
    (made({"a": {"dtype": "F32", "shape": [2]}}), "must have dtype"),
    (made({"a": {**entry(), "code": "x"}}), "nothing else"),
    (made({"a": entry(dtype="F33")}, bytes(8)), "unknown dtype 'F33'"),
    (made({"a": entry(dtype=["F32"])}, bytes(8)), "unknown dtype"),
    (made({"a": entry(shape=[-2])}, bytes(8)), "shape"),
    (made({"a": entry(shape=[2.0])}, bytes(8)), "shape"),
    (made({"a": entry(shape=[True, 2])}, bytes(8)), "shape"),
    (made({"a": entry(shape=2)}, bytes(8)), "shape"),
    (made({"a": entry(shape=[1] * 17)}, bytes(8)), "at most 16 sides"),
    (made({"a": entry(shape=[2**60, 2**60])}, bytes(8)), "shape"),
    (made({"a": entry(shape=[2**40, 2**40])}, bytes(8)), "by its dtype and shape"),
    (made({"a": entry(shape=[3])}, bytes(8)), "takes 12 bytes .* its offsets give it 8"),
    (made({"a": entry(data_offsets=[8, 0])}, bytes(8)), "begin and an end"),
    (made({"a": entry(data_offsets=[0, 4, 8])}, bytes(8)), "begin and an end"),
    (made({"a": entry(data_offsets=[-8, 0])}, bytes(8)), "begin and an end"),
    (made({"a": entry(data_offsets=[8, 16])}, bytes(16)), "gap before it"),
    (made({"a": entry(), "b": entry(data_offsets=[4, 12])}, bytes(12)), "overlaps"),
    (made({"a": entry(), "b": entry()}, bytes(8)), "overlaps"),
    (made({"a": entry(data_offsets=[2**63 - 8, 2**63])}, bytes(8)), "gap"),
]


@pytest.mark.parametrize(("content", "defect"), DEFECTS, ids=[defect for _, defect in DEFECTS])
def test_every_defect_is_named(content: bytes, defect: str) -> None:
    with pytest.raises(BundleError, match=defect) as caught:
        read(content)
    assert "model.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_one_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(BundleError, match="cannot be read"):
            read_tensors_header(path)


def test_names_in_errors_stay_on_one_line_and_short() -> None:
    with pytest.raises(BundleError) as caught:
        read(made({"evil\n\x1b[31m" + "x" * 5000: entry(shape=[-1])}, bytes(8)))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


EDITS = st.lists(
    st.tuples(st.integers(0, len(VALID)), st.integers(0, 3), st.binary(max_size=6)), max_size=4
)


@given(edits=EDITS)
@example(edits=[])
def test_a_mutated_file_is_read_soundly_or_refused(
    edits: list[tuple[int, int, bytes]],
) -> None:
    content = VALID
    for place, removed, inserted in edits:
        content = content[:place] + inserted + content[place + removed :]
    try:
        header = read(content)
    except BundleError:
        return
    arrays = numpy_load(content)  # what we let pass, the library reads, with the same shapes
    assert {name: array.shape for name, array in arrays.items()} == {
        name: info.shape for name, info in header.tensors.items()
    }


HEADER_LENGTH = struct.unpack("<Q", VALID[:8])[0]


@given(
    place=st.integers(0, HEADER_LENGTH - 1),
    removed=st.integers(0, 4),
    inserted=st.text(alphabet='0123456789-.,:[]{}"eE FIU', max_size=5),
)
def test_a_mutated_header_of_the_right_length_is_read_soundly_or_refused(
    place: int, removed: int, inserted: str
) -> None:
    text = VALID[8 : 8 + HEADER_LENGTH]
    text = text[:place] + inserted.encode() + text[place + removed :]
    content = made(text, VALID[8 + HEADER_LENGTH :])
    try:
        header = read(content)
    except BundleError:
        return
    try:
        arrays = numpy_load(content)
    except (SafetensorError, KeyError):
        return  # the library may be stricter, and numpy lacks some dtypes
    assert set(arrays) == set(header.tensors)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(content: bytes) -> None:
    try:
        read(content)
    except BundleError as error:
        assert str(error)
