"""Factories of one's own: functions in a user's code, found by ``module:factory``.

Whoever uses such a name runs that module. Nothing here imports it before then.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, JsonValue

from badnets.core.errors import BadnetsError, SettingError, UnknownNameError
from badnets.core.lookup import unknown_name
from badnets.core.settings import settings

Made = TypeVar("Made")
FACTORY = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"
_NAME = re.compile(FACTORY, re.ASCII)


def is_factory(name: str) -> bool:
    """Return whether ``name`` has the form ``module:factory``; nothing is imported."""
    return _NAME.fullmatch(name) is not None


def made_by(name: str, wanted: type[Made], *arguments: Any, **options: Any) -> Made:
    """Return what the factory ``name`` makes when it is called with the arguments.

    Its module is imported, from where Python finds it or else from the working folder.

    Args:
        name: ``module:factory``.
        wanted: what it must return.
        arguments: what it is called with.
        options: the same, by name.

    Raises:
        UnknownNameError: there is no such module, or nothing of that name in it.
        SettingError: its code failed, or it returned something else.
        BadnetsError: what its code raised itself.
    """
    with running(name):
        found = found_at(name)
        if not callable(found):
            raise SettingError(f"{name} is a {type(found).__name__}, a function is wanted")
        result = found(*arguments, **options)
    if not isinstance(result, wanted):
        what = "nothing" if result is None else f"a {type(result).__name__}"
        raise SettingError(
            f"{name} returned {what}, a {wanted.__module__.partition('.')[0]} "
            f"{wanted.__name__} is wanted"
        )
    return result


@contextmanager
def running(name: str) -> Iterator[None]:
    """Run a user's own code in this block: whatever it raises becomes one line that names it.

    The working folder is the last place that modules are looked for in.

    Args:
        name: ``module:factory``, for the message.

    Raises:
        SettingError: the code failed; says with what, and in which file and line.
    """
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        yield
    except BadnetsError:
        raise
    except (Exception, SystemExit) as error:
        lines = str(error).splitlines() or [""]
        said = f"{type(error).__name__}: {lines[0]}".removesuffix(": ")
        raise SettingError(f"{name} failed: {said}{_place(error)}") from error
    finally:
        sys.path.remove(here)


def is_at_hand(name: str) -> bool:
    """Return whether the package or module of ``module:factory`` is there; nothing is imported."""
    top = re.split(r"[.:]", name)[0]
    here = (Path(f"{top}.py"), Path(top))
    return any(map(Path.exists, here)) or importlib.util.find_spec(top) is not None


@settings
class Own:
    """Settings of what a user's own code makes.

    Args:
        kind: ``module:factory``.
        settings: what it is called with, by name.
    """

    kind: str = Field(pattern=f"^{FACTORY}$", max_length=200)
    settings: dict[str, JsonValue] = Field(default_factory=dict)

    def __hash__(self) -> int:
        """Return what equal settings have in common."""
        return hash((self.kind, json.dumps(self.settings, sort_keys=True)))


def found_at(name: str) -> object:
    """Return what ``module:factory`` names; its module is imported.

    Raises:
        UnknownNameError: there is no such module, or nothing of that name in it.
    """
    module_name, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # it is there, and imports another that is not
        raise UnknownNameError(
            f"{name}: there is no module {error.name!r}: install it, or run badnets in the folder "
            "that it lies in"
        ) from None
    if not hasattr(module, attribute):
        known = [
            own
            for own, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        raise unknown_name(attribute, known, f"factory in {module_name}")
    found: object = getattr(module, attribute)
    return found


def _place(error: BaseException) -> str:
    """Return the file and line of a user's code that an error came from, in brackets."""
    own = [
        f" ({Path(frame.filename).name}, line {frame.lineno})"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_file()
        and "site-packages" not in frame.filename
        and Path(frame.filename) != Path(__file__)
    ]
    return own[-1] if own else ""
