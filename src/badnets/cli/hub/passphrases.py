"""Passphrases: from a prompt, a file or the environment; never from an argument."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import typer

from badnets.core.errors import SettingError

VARIABLE = "BADNETS_PASSPHRASE"
_MOST_BYTES = 1024


def asked(file: Path | None) -> Callable[[Path], bytes]:
    """Return what gives the passphrase of a key file: its own, the same for all, or asked for each.

    Args:
        file: whose first line is the passphrase; None: the environment's, where a key's own goes
            before that of all, or a prompt.
    """
    known = _known(file)

    def ask(path: Path) -> bytes:
        own = own_variable(path)
        if file is None and own in os.environ:
            return _checked(os.environ[own].encode(), own)
        return known if known is not None else _prompt(f"Passphrase of {path}")

    return ask


def new(file: Path | None, *, without: bool) -> bytes | None:
    """Return a passphrase for new keys; None where they are not to be encrypted.

    Raises:
        SettingError: there is none, or it is empty.
    """
    if without:
        return None
    known = _known(file)
    return known if known is not None else _prompt("Passphrase for the new keys", twice=True)


def own_variable(path: Path) -> str:
    """Return the variable of one key's passphrase: BADNETS_PASSPHRASE_ALICE of ``alice.key``."""
    return f"{VARIABLE}_{re.sub('[^A-Z0-9]', '_', path.stem.upper())}"


def _known(file: Path | None) -> bytes | None:
    if file is not None:
        from badnets.core.files import read_file

        lines = read_file(file, _MOST_BYTES, error=SettingError).splitlines()
        return _checked(lines[0] if lines else b"", str(file))
    if VARIABLE in os.environ:
        return _checked(os.environ[VARIABLE].encode(), VARIABLE)
    return None


def _prompt(text: str, *, twice: bool = False) -> bytes:
    if not sys.stdin.isatty():
        raise SettingError(
            f"a passphrase is needed, and there is no terminal to ask at: --passphrase-file FILE "
            f"or {VARIABLE} gives it"
        )
    said = typer.prompt(text, hide_input=True, confirmation_prompt=twice, err=True)
    return _checked(said.encode(), "the passphrase")


def _checked(passphrase: bytes, what: str) -> bytes:
    if not passphrase:
        raise SettingError(f"{what} is empty: a passphrase is needed")
    return passphrase
