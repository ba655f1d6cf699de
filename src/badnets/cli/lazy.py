"""A group of commands whose modules are imported when they are called, not when they are listed."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from functools import cache
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from badnets.cli.habits import with_habits


@dataclass(frozen=True)
class Verb:
    """Where a command is, and what is said of it in the list.

    Args:
        module: a module with a Typer object ``app``, or ``module:name`` of that object.
        summary: the first line of its help.
        panel: the heading that it stands under.
    """

    module: str
    summary: str
    panel: str

    def listed(self, name: str) -> Any:
        """Return a command that can be listed but not called."""
        return TyperCommand(
            name, callback=None, help=self.summary, rich_help_panel=self.panel, params=[]
        )

    def loaded(self, name: str) -> Any:
        """Return the command itself."""
        return _command(self.module, name)


@cache
def _command(where: str, name: str) -> Any:
    module, _, app = where.partition(":")
    command = typer.main.get_command(getattr(importlib.import_module(module), app or "app"))
    command.name = name
    _flow(command)
    return with_habits(command)


def _flow(command: Any) -> None:
    """Join the lines of each paragraph of a command's help, so that a terminal breaks them."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    command.help = "\n\n".join(" ".join(one.split()) for one in paragraphs)
    for other in getattr(command, "commands", {}).values():
        _flow(other)


def group_of(verbs: dict[str, Verb]) -> type[TyperGroup]:
    """Return a Typer group of these commands; a command's module is imported by its first use."""

    class LazyGroup(TyperGroup):
        """Lists what it has not imported."""

        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self.commands = {name: verb.listed(name) for name, verb in verbs.items()}

        def list_commands(self, ctx: Any) -> list[str]:
            """Return the names in the order that they were written in."""
            return list(verbs)

        def format_help(self, ctx: Any, formatter: Any) -> None:
            """Write the list plainly: drawing it by rich would take longer than all else."""
            group: Any = TyperGroup.__mro__[1]
            group.format_help(self, ctx, formatter)

        def format_options(self, ctx: Any, formatter: Any) -> None:
            """Write the commands under their headings, and then the options."""
            for panel in dict.fromkeys(verb.panel for verb in verbs.values()):
                with formatter.section(panel):
                    formatter.write_dl(
                        [
                            (name, verb.summary)
                            for name, verb in verbs.items()
                            if verb.panel == panel
                        ]
                    )
            command: Any = TyperCommand  # a group's own would list the commands again
            command.format_options(self, ctx, formatter)

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            """Return the command that ``args`` begin with, imported."""
            if args and args[0] in verbs:
                self.commands[args[0]] = verbs[args[0]].loaded(args[0])
            return super().resolve_command(ctx, args)

    return LazyGroup
