"""The data root: argument, then environment, then the user's cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from badnets.core.errors import DataError
from badnets.data import data_root


def test_the_argument_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BADNETS_DATA", str(tmp_path / "environment"))
    assert data_root(tmp_path / "argument") == tmp_path / "argument"
    assert data_root(str(tmp_path)) == tmp_path
    assert data_root() == tmp_path / "environment"


def test_without_either_it_is_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BADNETS_DATA", "")
    empty = data_root()
    monkeypatch.delenv("BADNETS_DATA")
    assert empty == data_root() and empty.name == "badnets" and empty.is_absolute()


def test_other_paths_become_absolute_and_a_file_is_no_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_root("here") == tmp_path / "here" and data_root("~/there") == tmp_path / "there"
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file"):
        data_root(tmp_path / "file")
