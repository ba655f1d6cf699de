"""Others' pickles: tensors come out, in whatever they are wrapped; nothing in them is run."""

from __future__ import annotations

import os
import pickle  # noqa: TID251  written, to be refused
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from badnets.core.errors import DataError
from badnets.models import foreign_weights
from badnets.models.foreign_weights import read_weights
from badnets.models.pickle_child import read_pickle

STATE = {"conv.weight": torch.rand(2, 3), "conv.bias": torch.rand(2).half()}
MARK = "run-by-the-pickle"


class Evil:
    """Makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {MARK}",)


def torch_saved(value: object) -> Callable[[Path], object]:
    return lambda path: torch.save(value, path)  # noqa: TID251  as strangers do


def raw(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def archive(data: bytes) -> Callable[[Path], object]:
    """Return what writes ``data`` where torch.save has its pickle."""

    def write(path: Path) -> None:
        torch_saved({})(path)
        with zipfile.ZipFile(path) as kept:
            parts = {name: kept.read(name) for name in kept.namelist()}
        with zipfile.ZipFile(path, "w") as made:
            for name, content in parts.items():
                made.writestr(name, data if name.endswith("data.pkl") else content)

    return write


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("archive/data.pkl", pickle.dumps({}))
        made.writestr("archive/data/0", bytes(10**8))


class Storage:
    """Stands for the numbers of a tensor, of which there are said to be many."""

    count = 3 * 10**8


class Large:
    """A tensor of these numbers."""

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (Storage(), 0, (Storage.count,), (1,), False, OrderedDict[str, str]())
        return torch._utils._rebuild_tensor_v2, parts


class OldPickler(pickle.Pickler):
    """Writes storages as torch.save did before it wrote archives."""

    def persistent_id(self, value: object) -> object:
        if isinstance(value, Storage):
            return "storage", torch.FloatStorage, "0", "cpu", Storage.count, None
        return None


def large(path: Path) -> None:
    """Write a few bytes that ask for a gigabyte."""
    about = {"protocol_version": 1001, "little_endian": True}
    with path.open("wb") as file:
        for value in (0x1950A86A20F9469CFC6C, 1001, about):
            pickle.dump(value, file, 2)
        OldPickler(file, 2).dump({"a": Large()})


def half(path: Path) -> None:
    torch_saved(STATE)(path)
    path.write_bytes(path.read_bytes()[:900])


DEEP_LIST = b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b"."
DEEP_KEY = b"\x80\x02}N" + b"\x85" * 3 * 10**5 + b"K\x01s."


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("kept", "source"),
    [
        (STATE, "a pickle"),
        ({"state_dict": STATE, "epoch": 3}, "a pickle, under state_dict"),
        ({"model": {"net": STATE}, "args": {"lr": 0.1}}, "a pickle, under model.net"),
        ({"state_dict": STATE | {"tied.weight": STATE["conv.weight"]}}, "a pickle, under state"),
    ],
)
@pytest.mark.parametrize("old", [False, True])
def test_tensors_come_out_of_usual_wrappers(
    kept: Any, source: str, old: bool, tmp_path: Path
) -> None:
    torch.save(kept, tmp_path / "net.pth", _use_new_zipfile_serialization=not old)  # noqa: TID251
    where, found = read_pickle(tmp_path / "net.pth", 2**20)
    assert f"a pickle, under {'.'.join(where)}".startswith(source)
    for name, value in STATE.items():
        assert torch.equal(found[name], value)


def test_a_process_reads_it_and_floats_become_float32(tmp_path: Path) -> None:
    torch_saved({"state_dict": STATE})(tmp_path / "net.pth")
    read = read_weights(tmp_path / "net.pth")
    assert read.source == "a pickle, under state_dict"
    assert read.tensors["conv.bias"].dtype == torch.float32
    save_file(STATE, tmp_path / "net.safetensors")
    plain = read_weights(tmp_path / "net.safetensors").tensors
    assert plain.keys() == read.tensors.keys()
    assert all(torch.equal(plain[name], read.tensors[name]) for name in plain)


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "code": (torch_saved({"a": Evil()}), r"names \w+.system, which is code .* not run"),
    "code, plain": (raw(pickle.dumps({"a": Evil()}, 4)), "nothing in it was run"),
    "code, protocol 2": (raw(pickle.dumps({"a": Evil()}, 2)), r"names \w+.system|refused"),
    "a whole network": (torch_saved(nn.Linear(2, 2)), "names torch.nn.*Linear, which is code"),
    "zip bomb": (bomb, "is compressed, which torch.save never does"),
    "huge": (torch_saved({"a": torch.zeros(1).expand(10**6, 10**6)}), "would take 4,000,000,000"),
    "deep": (archive(DEEP_LIST), "refused|holds a list"),
    "half": (half, "no sound file of torch.save"),
    "text": (raw(b"hello"), "no sound file of torch.save"),
    "nothing": (raw(b""), "no sound file of torch.save"),
    "a list": (torch_saved([1, 2]), "holds a list: tensors by name are needed"),
    "no tensors": (torch_saved({"a": 1}), "no tensors by name, nor under one of state_dict"),
    "sparse": (torch_saved({"a": torch.eye(3).to_sparse()}), "is no plain one"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_hostile_is_refused_in_a_line(kind: str, tmp_path: Path) -> None:
    write, words = HOSTILE[kind]
    write(tmp_path / "net.pt")
    with pytest.raises(DataError, match=words) as caught:
        read_pickle(tmp_path / "net.pt", 2**30)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / MARK).exists()


@pytest.mark.parametrize(
    ("write", "words"), [(large, "it takes too much memory"), (archive(DEEP_KEY), "is refused: ")]
)
def test_what_harms_the_process_harms_it_alone(
    write: Callable[[Path], object], words: str, tmp_path: Path
) -> None:
    write(tmp_path / "net.pt")
    with pytest.raises(DataError, match=words) as caught:
        read_weights(tmp_path / "net.pt")
    assert "\n" not in str(caught.value)


def test_time_and_size_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch_saved(STATE)(tmp_path / "net.pt")
    monkeypatch.setattr(foreign_weights, "MOST_PICKLED", 100)
    with pytest.raises(DataError, match="larger than the 100 bytes"):
        read_weights(tmp_path / "net.pt")
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_weights(tmp_path / "none.pt")
    with pytest.raises(DataError, match="at most 10 are read"):
        read_pickle(tmp_path / "net.pt", 10)
