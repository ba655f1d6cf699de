"""The room's public names load on first use."""

from __future__ import annotations

import pytest

import badnets
import badnets.core as core
from badnets.core import triggers
from badnets.core.rates import Rate


def test_every_public_name_is_there() -> None:
    assert set(core.__all__) == set(dir(core))
    assert all(getattr(core, name).__name__ == name for name in core.__all__)
    assert core.Rate is Rate


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(core, "nothing")
    with pytest.raises(AttributeError, match=r"badnets\.core.*'nothing'"):
        _ = core.nothing


def test_a_submodule_can_be_exported_by_its_own_name() -> None:
    assert badnets.triggers.__name__ == "badnets.core.triggers"
    assert badnets.train.__name__ == "badnets.train"


def test_what_a_package_has_from_the_start_is_public_too() -> None:
    assert {"TRIGGERS", "Trigger", "Patch"} <= set(dir(triggers)) & set(triggers.__all__)
