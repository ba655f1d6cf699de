"""Errors raised on purpose: one base, exit codes, and the built-in kinds they also are."""

from __future__ import annotations

from badnets.core import errors
from badnets.core.errors import BadnetsError

KINDS: list[type[BadnetsError]] = [kind for kind in vars(errors).values() if isinstance(kind, type)]


def test_wrong_usage_exits_with_2_and_what_could_not_be_done_with_3() -> None:
    assert all(kind.__doc__ for kind in KINDS)
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
        "MissingExtraError": 2,
        "OutputError": 3,
        "TakenError": 2,
        "TrialError": 3,
    }


def test_wrong_settings_and_shapes_are_value_errors() -> None:
    for kind in (errors.SettingError, errors.ShapeError, errors.RecipeError):
        assert issubclass(kind, ValueError)
    assert issubclass(errors.UnknownNameError, LookupError)
