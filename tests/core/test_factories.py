"""Factories of one's own: found by module:factory, run when used, each fault in one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from badnets.core.errors import BadnetsError, DataError, SettingError, UnknownNameError
from badnets.core.factories import is_factory, made_by, running

CODE = """
import pathlib
pathlib.Path("was-imported").touch()
from badnets.core.errors import DataError

def double(number, *, plus=0):
    return 2 * number + plus

def nothing(number):
    pass

def broken(number):
    return number / 0

def missing(number):
    raise DataError("there is no such file")

def leaves(number):
    raise SystemExit(7)

number = 3
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a module of one's own in the working folder."""
    monkeypatch.chdir(tmp_path)
    name = "own_" + "".join(c if c.isalnum() else "_" for c in tmp_path.name)
    (tmp_path / f"{name}.py").write_text(CODE)
    return name


def test_a_factory_is_told_by_its_name() -> None:
    for name in ("a:b", "a.b_c:d2", "_a:_b", "tests.models.toys:build_tiny"):
        assert is_factory(name), name
    for name in ("", "a", "a:", ":b", "a:b:c", "a.:b", ".a:b", "a:b.c", "a b:c", "../a:b"):
        assert not is_factory(name), name
    for name in ("a:b\n", "1a:b", "ä:b", "coco:/photos", "folder:./photos", "mnist", "a.resnet18"):
        assert not is_factory(name), name


def test_a_factory_in_the_working_folder_is_called_with_what_is_given(own: str) -> None:
    before = list(sys.path)
    assert is_factory(f"{own}:double") and not Path("was-imported").exists()
    assert made_by(f"{own}:double", int, 4, plus=1) == 9
    assert Path("was-imported").exists()
    assert sys.path == before


@pytest.mark.parametrize(
    ("factory", "kind", "said"),
    [
        ("duble", UnknownNameError, "unknown factory in {own} 'duble': did you mean 'double'?"),
        ("nothing", SettingError, "{own}:nothing returned nothing, a builtins int is wanted"),
        ("broken", SettingError, "{own}:broken failed: ZeroDivisionError: division by zero ({own}"),
        ("missing", DataError, "there is no such file"),
        ("leaves", SettingError, "{own}:leaves failed: SystemExit: 7"),
        ("number", SettingError, "{own}:number is a int, a function is wanted"),
    ],
)
def test_each_fault_is_one_line(
    own: str, factory: str, kind: type[BadnetsError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        made_by(f"{own}:{factory}", int, 4)
    assert said.format(own=own) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_modules_that_are_missing_or_broken_are_told_apart(own: str) -> None:
    with pytest.raises(UnknownNameError, match="no module 'none_such'"):
        made_by("none_such.nets:small", int)
    Path("halved.py").write_text("import none_such\n")
    with pytest.raises(SettingError, match=r"failed: ModuleNotFoundError.*halved\.py, line 1"):
        made_by("halved:small", int)
    Path("worse.py").write_text("def (:\n")
    with pytest.raises(SettingError, match=r"worse:small failed: SyntaxError.*worse\.py, line 1"):
        made_by("worse:small", int)


def test_errors_of_ours_and_interrupts_pass_through() -> None:
    with pytest.raises(DataError, match=r"^as it is$"), running("a:b"):
        raise DataError("as it is")
    with pytest.raises(KeyboardInterrupt), running("a:b"):
        raise KeyboardInterrupt
