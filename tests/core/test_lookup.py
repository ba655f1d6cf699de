"""An unknown name is refused with the nearest known one."""

from __future__ import annotations

import pytest

from badnets.core.errors import BadnetsError, UnknownNameError
from badnets.core.lookup import find, unknown_name
from badnets.core.targets import TARGET_MAPS
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


def test_a_name_like_none_of_them_gets_no_suggestion() -> None:
    error = unknown_name("zzz", KNOWN, "data set")
    assert str(error) == "unknown data set 'zzz': known: digits, mnist"


def test_an_empty_table_is_named_as_such() -> None:
    assert str(unknown_name("a", {}, "repair")) == "unknown repair 'a': known: none"


def test_it_is_a_lookup_error_of_ours() -> None:
    for kind in (BadnetsError, LookupError):
        with pytest.raises(kind):
            find(KNOWN, "", "data set")


@pytest.mark.parametrize("name", [*TRIGGERS, *TARGET_MAPS])
def test_one_wrong_letter_is_forgiven(name: str) -> None:
    table = TRIGGERS if name in TRIGGERS else TARGET_MAPS
    with pytest.raises(UnknownNameError, match=f"did you mean '{name}'"):
        find(table, name[:-1] + "_", "method")
