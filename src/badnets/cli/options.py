"""Options that several commands share, and where they lead: workspace, ledger, data root."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from badnets.core.roots import VARIABLE

if TYPE_CHECKING:
    from badnets.ledger import Ledger
    from badnets.trials.workspace import Workspace

_PANEL = "Where and with what"

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        help="Folder of ledger, networks and arrays; also BADNETS_WORKSPACE.",
        show_default="runs",
        rich_help_panel=_PANEL,
    ),
]
DataRootOption = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        help="Folder of data sets; also BADNETS_DATA.",
        show_default="the user's cache",
        rich_help_panel=_PANEL,
    ),
]
LedgerOption = Annotated[
    str | None,
    typer.Option(
        "--ledger",
        help="Ledger: a file or a database URL.",
        show_default="in the workspace",
        rich_help_panel=_PANEL,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Processes that run trials.",
        show_default="one per core",
        rich_help_panel=_PANEL,
    ),
]
AllowCodeOption = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Run the maker's own code, where the bundle names a network by MODULE:FACTORY.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


@dataclass(frozen=True)
class Places:
    """What the options before and after a command's name say together.

    Args:
        workspace: folder of results.
        data_root: folder of data sets; None: the usual one.
        ledger: file or URL; None: the workspace's own.
        workers: processes; None: one per core.
    """

    workspace: Path
    data_root: Path | None = None
    ledger: str | None = None
    workers: int | None = None

    def with_options(self, **given: Any) -> Places:
        """Return the places with those options that were given."""
        return dataclasses.replace(self, **{k: v for k, v in given.items() if v is not None})

    @property
    def room(self) -> Workspace:
        """The workspace."""
        from badnets.trials.workspace import Workspace

        return Workspace(self.workspace)

    def open_ledger(self, *, create: bool = True) -> Ledger:
        """Return the ledger, to be closed by the caller."""
        from badnets.ledger import Ledger

        return Ledger.open(self.ledger or self.room.ledger_file, create=create)


def places(ctx: typer.Context, **given: Any) -> Places:
    """Return what was said before the command's name, overruled by what was said after it."""
    said: Places = ctx.obj if isinstance(ctx.obj, Places) else Places(Path("runs"))
    where = said.with_options(**given)
    if where.data_root is not None:  # pictures of triggers are looked for there too
        os.environ[VARIABLE] = str(where.data_root)
    return where
