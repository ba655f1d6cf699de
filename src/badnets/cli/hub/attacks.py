"""``badnets hub bench-attacks``: attacks on a repository of its own; none may be let in."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from badnets.cli.bar import one_bar
from badnets.cli.options import JsonOption, places
from badnets.cli.printer import say, show
from badnets.core.errors import SettingError

_PAGES = (".html", ".htm", ".md")

bench_app = typer.Typer(add_completion=False)


@bench_app.command(
    epilog="Example: badnets hub bench-attacks\n\n"
    "Example: badnets hub bench-attacks --page attacks.html --format json -o attacks.json\n\n"
    "Example: badnets hub bench-attacks --group metadata --group servers\n\n"
    "Exit codes: 0 every attack was refused for its own reason, all that is honest was let in; "
    "1 not so; 2 wrong usage; 3 it could not be run or written."
)
def bench_attacks(
    ctx: typer.Context,
    group: Annotated[
        list[str] | None,
        typer.Option(
            help="Kind of attacks to try; may be given several times.", show_default="all kinds"
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html|FILE.md",
            help="Also write all of it as a page; one that is there is replaced.",
            show_default="none",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Attack the hub: a repository, a web server and a user are made on loopback.

    Each attack must be refused for its own reason and leave nothing behind; what is honest must be
    let in. What no check can see is tried too, and said. Everything is in a temporary folder.
    Nothing is asked of the network.
    """
    from badnets.hub.attacks.bench import GROUPS, bench, groups

    names = tuple(group or ())
    if unknown := [name for name in names if name not in GROUPS]:
        raise SettingError(f"--group: there is no {unknown[0]!r}; there are {', '.join(GROUPS)}")
    if page is not None and page.suffix not in _PAGES:
        raise typer.BadParameter(f"--page: NAME.html or NAME.md, got {page.name!r}")
    if page is not None:
        from badnets.report.attacks import attacks_page, rate_beside  # may say what is missing
    where = places(ctx)
    with one_bar(where) as tell:
        report = bench(*names, tell=tell)
    show(report, json=json)
    if page is not None:
        again = ["badnets", "hub", "bench-attacks", *(f"--group={name}" for name in names)]
        command = shlex.join([*again, "--page", str(page)])
        what = {one.name: one.what for one in groups(*names)}
        made = attacks_page(report, what, command, rate_beside(page.parent))
        if page.suffix == ".md":
            from badnets.report.markdown import write_markdown

            write_markdown(made, page, written_by=command)
        else:
            from badnets.report.html import write_html

            write_html(made, page)
        say(f"badnets: {page} is written", error=True)
    raise typer.Exit(report.exit_code)
