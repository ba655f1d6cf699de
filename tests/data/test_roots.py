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


@pytest.mark.parametrize("value", [None, ""])
def test_without_either_it_is_the_cache(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("BADNETS_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("BADNETS_DATA", value)
    assert data_root().name == "badnets"
    assert data_root().is_absolute()


def test_a_relative_root_and_a_home_become_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_root("here") == tmp_path / "here"
    assert data_root("~/there") == tmp_path / "there"


def test_a_file_is_no_root(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file"):
        data_root(tmp_path / "file")
