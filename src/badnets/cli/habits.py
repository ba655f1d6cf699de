"""What every command can do: print text or JSON, to a file, with more words or fewer."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import typer

from badnets._version import __version__
from badnets.cli.options import FormatOption, OutputOption, Places, QuietOption, VerboseOption
from badnets.core.errors import BadnetsError

LIBRARIES = ("torch", "torchvision", "timm", "numpy")


def _options(
    format: FormatOption = None,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Hold the options that each command gets."""


def with_habits(command: Any) -> Any:
    """Return a command, or all commands of a group, that also take the options of `_options`.

    A command that has ``--json`` takes ``--format`` too; where ``--output`` is an option of its
    own, for a file that it writes, that one stays.
    """
    for other in getattr(command, "commands", {}).values():
        with_habits(other)
    if hasattr(command, "commands"):
        return command
    holder = typer.Typer(add_completion=False)
    holder.command()(_options)
    taken = {option for param in command.params for option in param.opts}
    named = {param.name for param in command.params}
    for param in typer.main.get_command(holder).params:
        if not taken & set(param.opts) and (param.name != "format" or "json" in named):
            command.params.append(param)
    command.invoke = partial(_invoke, command.invoke, named)
    return command


def _invoke(invoke: Callable[[Any], Any], own: set[str], ctx: typer.Context) -> Any:
    before = ctx.obj if isinstance(ctx.obj, Places) else Places()
    after = {name: ctx.params.pop(name) for name in list(ctx.params) if name not in own}
    said = before.overruled(**{**after, "output": after.get("output") and Path(after["output"])})
    if ctx.params.get("json"):
        said = said.overruled(format="json")
    elif "json" in own:
        ctx.params["json"] = said.format == "json"
    ctx.obj = said
    with contextlib.ExitStack() as stack:
        if said.verbose:
            stack.enter_context(_spoken(said))
        if said.output is not None:
            stack.enter_context(printed_to(said.output))
        return invoke(ctx)


@contextlib.contextmanager
def printed_to(path: Path) -> Iterator[None]:
    """Write what is printed in the block to a file, whole or not at all.

    Raises:
        TakenError: there is such a file; but JSON takes the place of JSON.
        OutputError: it cannot be written.
    """
    from badnets.bundles.copies import check_place

    held = _holds_json(path)
    if not held:
        check_place(path)
    printed = StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            yield
    except (typer.Exit, BadnetsError):  # a result that says so, or that shows what was done
        _write(path, printed.getvalue(), held)
        raise
    _write(path, printed.getvalue(), held)


def _write(path: Path, text: str, held: bool) -> None:
    from badnets.bundles.atomic import write_text
    from badnets.bundles.copies import check_place

    if held and not _is_json(text):
        check_place(path)  # refuses
    if text:
        write_text(path, text)


def _holds_json(path: Path) -> bool:
    try:
        return path.is_file() and _is_json(path.read_text())
    except (OSError, ValueError):
        return False


def _is_json(text: str) -> bool:
    import json

    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


@contextlib.contextmanager
def _spoken(said: Places) -> Iterator[None]:
    """Say on stderr what is used, and what the library logs of its work."""
    import logging
    import platform
    from importlib.metadata import PackageNotFoundError, version

    log, handler = logging.getLogger("badnets"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("badnets: %(message)s"))
    level, started = log.level, time.perf_counter()
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    used = [f"badnets {__version__}", f"Python {platform.python_version()}"]
    for name in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            used.append(f"{name} {version(name)}")
    log.info(", ".join(used))
    log.info("workspace %s, ledger %s", said.folder, said.ledger or "in it")
    try:
        yield
    finally:
        log.info("took %.1f s", time.perf_counter() - started)
        log.removeHandler(handler)
        log.setLevel(level)
