"""Errors raised on purpose: one base, exit codes, and the built-in kinds they also are."""

from __future__ import annotations

import pytest

from badnets.core import errors
from badnets.core.errors import BadnetsError

KINDS: list[type[BadnetsError]] = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, BadnetsError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_ours_and_says_what_it_means(kind: type[BadnetsError]) -> None:
    assert kind.__doc__
    assert str(kind("one line")) == "one line"


def test_every_class_here_is_ours() -> None:
    defined = [found for found in vars(errors).values() if isinstance(found, type)]
    assert defined == KINDS


def test_wrong_usage_exits_with_2_and_what_could_not_be_done_with_3() -> None:
    codes = {kind.__name__: kind.exit_code for kind in KINDS}
    assert codes == {
        "BadnetsError": 2,
        "SettingError": 2,
        "UnknownNameError": 2,
        "ShapeError": 2,
        "DataError": 2,
        "BundleError": 2,
        "RecipeError": 2,
        "LedgerError": 3,
        "OutputError": 3,
        "TrialError": 3,
    }


def test_wrong_settings_and_shapes_are_value_errors() -> None:
    for kind in (errors.SettingError, errors.ShapeError, errors.RecipeError):
        assert issubclass(kind, ValueError)
    assert issubclass(errors.UnknownNameError, LookupError)
