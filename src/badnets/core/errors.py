"""Every error raised on purpose. The command line turns each into one line and an exit code.

This module imports nothing heavy: ``bundles`` and ``hub`` stand on it without torch.
"""

from __future__ import annotations

from typing import ClassVar


class BadnetsError(Exception):
    """Base of every error raised on purpose: what was wrong, what was expected, what to do.

    Attributes:
        exit_code: what the command line exits with: 2 for wrong usage or bad input, 3 when
            something could not be checked or done, 1 when it was refused.
        others: further mistakes that were found beside this one.
    """

    exit_code: ClassVar[int] = 2
    others: tuple[BadnetsError, ...] = ()


class SettingError(BadnetsError, ValueError):
    """A setting or argument is outside what is allowed."""


class UnknownNameError(BadnetsError, LookupError):
    """A name is not in the table of known ones."""


class ShapeError(BadnetsError, ValueError):
    """A tensor does not have the shape, dtype or range that was stated."""


class DataError(BadnetsError):
    """A data set is missing, damaged or not what was asked for."""


class BundleError(BadnetsError):
    """A model bundle or an ONNX file is malformed, or does not match what it says of itself."""


class MissingExtraError(BadnetsError, ModuleNotFoundError):
    """A package is not installed that comes with an extra of badnets; says which one to install."""


class RecipeError(BadnetsError, ValueError):
    """A recipe is not valid; the message names the field and the line."""


class LedgerError(BadnetsError):
    """The ledger cannot be opened, read or written."""

    exit_code = 3


class OutputError(BadnetsError):
    """A result could not be written: read-only folder, full disk."""

    exit_code = 3


class TakenError(OutputError):
    """The name that a result was to get is taken, or lies in a file instead of a folder."""

    exit_code = 2


class TrialError(BadnetsError):
    """A trial stopped for a reason of its own (diverged to NaN, its worker was killed)."""

    exit_code = 3
