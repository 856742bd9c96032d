"""Whether somebody wants what cannot be undone: asked on a terminal, elsewhere said beforehand.

Consent is the name of the database. A `yes` is typed, or left in a script, without looking at which
database it is meant for.
"""

import sys

import typer

from app.infra.losses import Losses

FLAG = "--destroy"


def is_consented(losses: Losses, *, what: str, said: str | None) -> bool:
    """Whether `what` may destroy this. Nothing to lose: yes. Names everything that would be lost.

    `said` is the value of the flag. On the way to a no, says what would have been a yes.
    """
    if not losses.lines or said == losses.database:
        return True
    typer.echo(f"{what} destroys, in the database {losses.database}:", err=True)
    for line in losses.lines:
        typer.echo(f"  {line}", err=True)
    if said is None and sys.stdin.isatty():
        typed: str = typer.prompt(
            "To go on, type the name of the database", default="", show_default=False, err=True
        )
        if typed == losses.database:
            return True
        typer.echo("That is another name: nothing was done.", err=True)
        return False
    other = f", not {said}" if said is not None else ""
    typer.echo(
        f"Nothing was done. Make a backup, and say {FLAG} {losses.database}{other}.", err=True
    )
    return False
