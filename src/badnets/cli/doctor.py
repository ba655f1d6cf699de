"""``badnets doctor``: what is installed and found, and what is wrong with it."""

from __future__ import annotations

import typer

from badnets.cli.options import DataRootOption, DeviceOption, JsonOption, WorkspaceOption, places
from badnets.cli.printer import say, show

app = typer.Typer(add_completion=False)


@app.command(
    epilog="Example: badnets doctor\n\n"
    "Exit codes: 0 nothing is wrong; 1 something is, one line for each on stderr."
)
def doctor(
    ctx: typer.Context,
    workspace: WorkspaceOption = None,
    data_root: DataRootOption = None,
    device: DeviceOption = None,
    json: JsonOption = False,
) -> None:
    """Say what is installed and found: versions, device, data.

    Also which extras are there, and how much room the disk has.
    """
    from badnets.trials.installation import examine_installation

    where = places(ctx, workspace=workspace, data_root=data_root, device=device)
    installation = examine_installation(where.folder, where.data_root)
    show(installation, json=json)
    for problem in installation.problems:
        say(f"badnets: {problem}", error=True)
    raise typer.Exit(1 if installation.problems else 0)
