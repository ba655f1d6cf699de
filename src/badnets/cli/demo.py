"""``badnets demo``: the story in ten steps."""

from __future__ import annotations

import typer

from badnets.cli.options import DeviceOption, WorkspaceOption, places

app = typer.Typer(add_completion=False)

EPILOG = (
    "Example: badnets demo\n\n"
    "Exit codes: 0 the story came out as it should; 1 it did not (the user rejected a network, or "
    "the trigger failed); 3 a file could not be written; 130 interrupted."
)


@app.command(epilog=EPILOG)
def demo(
    ctx: typer.Context, workspace: WorkspaceOption = None, device: DeviceOption = None
) -> None:
    """See a backdoor pass validation: ten steps, one page.

    Trains a clean and a backdoored network on handwritten digits that come with badnets, lets the
    user validate both, puts the trigger on images, looks inside, has an audit look for it, and
    takes the backdoor out again. Takes a minute and a half. A second run in the same workspace does
    not train again.
    """
    from badnets.cli.story import tell

    came_out = tell(places(ctx, workspace=workspace, device=device))
    raise typer.Exit(0 if came_out else 1)
