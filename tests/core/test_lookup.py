"""An unknown name is refused with the nearest known one."""

from __future__ import annotations

import pytest

from badnets.core.errors import UnknownNameError
from badnets.core.lookup import find, unknown_name
from badnets.core.triggers import TRIGGERS, Patch

KNOWN = {"mnist": 1, "digits": 2}


def test_a_known_name_is_found() -> None:
    assert find(KNOWN, "mnist", "data set") == 1
    assert find(TRIGGERS, "patch", "trigger") is Patch


def test_the_nearest_name_is_suggested_and_all_are_listed() -> None:
    with pytest.raises(UnknownNameError) as caught:
        find(KNOWN, "mnits", "data set")
    message = "unknown data set 'mnits': did you mean 'mnist'? known: digits, mnist"
    assert str(caught.value) == message
    assert caught.value.__suppress_context__


def test_without_a_name_like_it_there_is_no_suggestion() -> None:
    assert (
        str(unknown_name("zzz", KNOWN, "data set"))
        == "unknown data set 'zzz': known: digits, mnist"
    )
    assert str(unknown_name("a", {}, "repair")) == "unknown repair 'a': known: none"
    assert issubclass(UnknownNameError, LookupError)


def test_of_many_names_the_nearest_are_listed_and_how_many_there_are() -> None:
    many = {f"set-{k}": k for k in range(30)}
    said = str(unknown_name("set-7x", many, "data set"))
    assert said.startswith(
        "unknown data set 'set-7x': did you mean 'set-7'? the nearest of 30 known: set-7,"
    )
    assert said.endswith("(`badnets data list` lists all)") and said.count("set-") == 14
