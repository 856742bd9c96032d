"""`customer-flow create-admin`: settings, database and terminal around a new administrator.

A password comes from a prompt that shows nothing, or from standard input; never from the command
line, which the whole machine can read.
"""

import asyncio
import sys
from dataclasses import dataclass, field

import typer

from app.domain.errors import DomainError, Invalid
from app.infra.opened import opened_database
from app.infra.settings import Settings
from app.services.auth.passwords import Passwords
from app.services.first_admin import CreateAdmin, create_admin

MADE, REFUSED = 0, 1
MOST_BYTES = 10_000
"""More than any password has."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """Whom to make an administrator."""

    email: str = field(repr=False)
    name: str = field(repr=False)
    reads_stdin: bool
    is_another: bool


def run(settings: Settings, order: Order) -> int:
    """The exit code: 0 when there is one more administrator, 1 when nothing has changed."""
    try:
        command = CreateAdmin(
            email=order.email,
            name=order.name,
            password=_password(settings, order),
            is_another=order.is_another,
        )
        asyncio.run(_create(settings, command))
    except DomainError as error:
        place = f"{error.path[-1]}: " if error.path else ""
        typer.echo(f"{place}{error.message}", err=True)
        return REFUSED
    typer.echo(f"Made {order.email} an administrator.")
    return MADE


async def _create(settings: Settings, command: CreateAdmin) -> None:
    async with opened_database(settings, pool_size=1) as database:
        passwords = Passwords()
        try:
            await database.run(lambda tx: create_admin(tx, command, passwords=passwords))
        finally:
            passwords.close()


def _password(settings: Settings, order: Order) -> str | None:
    """What the person chooses; None where an outside issuer does the log-in."""
    if settings.oidc_issuer is not None:
        if order.reads_stdin:
            raise Invalid("OIDC_ISSUER is set: nobody logs in with a password here.", "password")
        return None
    if order.reads_stdin:
        try:
            line = sys.stdin.buffer.read(MOST_BYTES).decode()
        except UnicodeDecodeError:
            raise Invalid("This is not UTF-8.", "password") from None
        return line.removesuffix("\n").removesuffix("\r")
    # Without a terminal it would be read from wherever, and perhaps be shown.
    if not sys.stdin.isatty():
        raise Invalid("There is no terminal to ask for it: use --password-stdin.", "password")
    chosen: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return chosen
