"""A command that fails in every way there is."""

from __future__ import annotations

import typer

from badnets.core.errors import LedgerError

app = typer.Typer(add_completion=False)


@app.command()
def faulty(how: str) -> None:
    """Fail."""
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "abort":
        raise typer.Abort
    if how == "exit":
        raise typer.Exit(1)
    if how == "ledger":
        raise LedgerError("the ledger\nis locked\x1b[31m")
    if how == "flood":
        for number in range(200_000):
            print(number)
        return
    raise RuntimeError("something broke")
