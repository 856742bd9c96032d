"""The console script `customer-flow`."""

# ruff: noqa: PLC0415 - each command imports what it needs when it runs, so that --help is fast

import asyncio
import contextlib
import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from app.infra.settings import Settings

BAD_SETTINGS = 2
STOPPED = 75
"""In the middle, by a server that it needs: EX_TEMPFAIL, which no command uses for its own ends."""

SHUTDOWN_SECONDS = 5
MOST_TOKEN_MINUTES = 24 * 60

# Rich tracebacks print local variables, and those hold addresses and secrets.
app = typer.Typer(
    name="customer-flow",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"customer-flow {version('customer-flow')}")
        raise typer.Exit


@app.callback()
def customer_flow(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Customer Flow: an accounts-receivable server."""


@app.command()
def up() -> None:
    """Run everything on this machine: servers, migrations, demo data, API, worker, scheduler."""
    settings = _settings()
    if "log_format" not in settings.model_fields_set:
        settings = settings.model_copy(update={"log_format": "console"})
    _log(settings)
    from app import supervisor

    with _explained():
        raise typer.Exit(supervisor.run(settings))


@app.command()
def serve() -> None:
    """Run the API server."""
    settings = _addressed(_settings())
    _log(settings)
    import uvicorn

    from app.http.connections import Bounds, Connections, most_connections
    from app.http.protocol import speaking

    bounds = Bounds(
        most=most_connections(settings.max_connections),
        idle_seconds=settings.idle_connection_seconds,
        head_seconds=settings.head_seconds,
        body_seconds=settings.body_seconds,
    )
    with _explained():
        if settings.oidc_issuer is None:
            _ = settings.secret_key  # refused here, once, and not by every process again and again
    uvicorn.run(
        "app.cli:application",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.server_processes,
        loop="uvloop",
        http=speaking(Connections(bounds)),
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=settings.idle_connection_seconds,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def application() -> "ASGIApp":
    """The API server's application: what `serve` runs in each of its processes."""
    settings = _addressed(_settings())
    _log(settings)
    from app.main import create_app

    return create_app(settings)


@app.command()
def work() -> None:
    """Run the worker: messages and jobs."""
    settings = _addressed(_settings())
    _log(settings)
    from app.worker import run_worker

    with _explained():
        run_worker(settings)


@app.command()
def schedule() -> None:
    """Run the scheduler: what happens at its time."""
    settings = _addressed(_settings())
    _log(settings)
    from app.worker import run_scheduler

    with _explained():
        run_scheduler(settings)


@app.command()
def migrate(
    revision: Annotated[
        str | None, typer.Argument(help="Up to this revision. Else: the newest.")
    ] = None,
    down: Annotated[bool, typer.Option("--down", help="Down to REVISION instead.")] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Fail if migrations and models differ. Without DATABASE_URL: in a new database.",
        ),
    ] = False,
    destroy: Annotated[
        str | None,
        typer.Option(
            "--destroy", metavar="DATABASE", help="Go down without asking, in this database."
        ),
    ] = None,
) -> None:
    """Bring the database's tables to this version."""
    if down and revision is None:
        # The newest is what it is at: nothing would be done, and it would look as if all had been.
        typer.echo("--down needs a REVISION (`base`: down to nothing)", err=True)
        raise typer.Exit(1)
    settings = _settings()
    _log(settings)
    from app import migrating

    with _explained():
        if check:
            asyncio.run(migrating.check(settings))
        elif down:
            raise typer.Exit(asyncio.run(migrating.down(settings, revision or "", destroy)))
        else:
            asyncio.run(migrating.up(settings, revision or "head"))


@app.command()
def seed() -> None:
    """Load the demo data, if the database is empty."""
    settings = _settings()
    _log(settings)
    with _explained():
        loaded = asyncio.run(_seed(settings))
    if loaded is None:
        typer.echo("The database is not empty: left as it is.")
        return
    typer.echo("Loaded the demo data.")
    for email, password in loaded:
        typer.echo(f"{email}  {password}")


async def _seed(settings: "Settings") -> list[tuple[str, str]] | None:
    """Log-ins with passwords of their own, to be shown once: none at home. None: not loaded."""
    from app.infra.opened import opened_database
    from app.services import demo
    from app.services.demo.company import passwords_of_their_own, rows

    passwords = None if settings.is_at_home else passwords_of_their_own()
    async with opened_database(settings) as database:
        if not await demo.seed(database, passwords=passwords):
            return None
    return rows(passwords or {})


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="The CSV file.")],
    mapping: Annotated[Path, typer.Option(help="What its columns mean: docs/importing.md.")],
    user: Annotated[
        str | None, typer.Option("--as", metavar="EMAIL", help="Who posts. Else: a controller.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Try everything, and keep nothing.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write refused rows there: .csv, or .jsonl.")
    ] = None,
) -> None:
    """Bring customers, invoices and payments in from a CSV file."""
    settings = _settings()
    _log(settings)
    from app import imports

    order = imports.Order(file=file, mapping=mapping, user=user, report=report, is_dry_run=dry_run)
    with _explained():
        raise typer.Exit(asyncio.run(imports.run(settings, order)))


@app.command()
def schema(
    write: Annotated[bool, typer.Option("--write", help="Write it to the file.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fail if the file differs.")] = False,
    file: Annotated[Path, typer.Option(help="The committed schema.")] = Path("schema.graphql"),
) -> None:
    """Print the GraphQL schema."""
    from app.schema.root import schema as root

    current = root.as_str().rstrip("\n") + "\n"
    if write:
        file.write_text(current)
    elif check:
        committed = file.read_text() if file.exists() else ""
        difference = difflib.unified_diff(
            committed.splitlines(), current.splitlines(), str(file), "the program", lineterm=""
        )
        if lines := list(difference):
            typer.echo("\n".join(lines))
            typer.echo(f"{file} is not what the program serves; `make schema` writes it", err=True)
            raise typer.Exit(1)
    else:
        typer.echo(current, nl=False)


@app.command()
def token(
    user: Annotated[str, typer.Option("--as", metavar="EMAIL", help="Whose token.")],
    minutes: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_TOKEN_MINUTES,
            help="How long it is good for. Else: ACCESS_TOKEN_MINUTES.",
        ),
    ] = None,
) -> None:
    """Print a bearer token for an active user."""
    from app.domain.errors import DomainError

    settings = _settings()
    _log(settings)
    if settings.oidc_issuer is not None:
        typer.echo(f"OIDC_ISSUER is set: tokens come from {settings.oidc_issuer}", err=True)
        raise typer.Exit(1)
    with _explained():
        try:
            typer.echo(asyncio.run(_token(settings, user, minutes)))
        except DomainError as error:
            typer.echo(error.message, err=True)
            raise typer.Exit(1) from None


async def _token(settings: "Settings", email: str, minutes: int | None) -> str:
    from datetime import timedelta

    from app.infra.opened import opened_database
    from app.services.auth.token_command import token_for
    from app.services.auth.tokens import AccessTokens

    async with opened_database(settings) as database:
        tokens = AccessTokens(
            settings.known_secret_key.get_secret_value(),
            timedelta(minutes=minutes or settings.access_token_minutes),
        )
        return (await token_for(database, tokens, email)).text


@app.command()
def create_admin(
    email: Annotated[str, typer.Option(help="What they log in with.")],
    name: Annotated[str, typer.Option(help="What they are called.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    another: Annotated[
        bool, typer.Option("--another", help="Although there is an active administrator.")
    ] = False,
) -> None:
    """Make an administrator. Asks for a password, unless OIDC_ISSUER does the log-in."""
    settings = _settings()
    _log(settings)
    from app import administrators

    order = administrators.Order(
        email=email, name=name, reads_stdin=password_stdin, is_another=another
    )
    with _explained():
        raise typer.Exit(administrators.run(settings, order))


@app.command()
def backup(
    place: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="To be made.")],
    kind: Annotated[
        Literal["dump", "base"],
        typer.Option(help="A dump, for any server; or all files of the embedded one."),
    ] = "dump",
) -> None:
    """Back up the database, while everybody goes on working: docs/operating.md."""
    settings = _settings()
    _log_little(settings)
    from app import backups
    from app.infra.backups.note import Kind

    with _explained():
        raise typer.Exit(asyncio.run(backups.back_up(settings, place.absolute(), Kind(kind))))


@app.command()
def restore(
    place: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="What `backup` has made.")],
    destroy: Annotated[
        str | None,
        typer.Option("--destroy", metavar="DATABASE", help="Replace this database without asking."),
    ] = None,
    despite_differences: Annotated[
        bool,
        typer.Option(
            "--despite-differences", help="Even if its balances are not what its ledger says."
        ),
    ] = False,
) -> None:
    """Bring a backup back, prove it, and only then put it in the place of what is there."""
    settings = _settings()
    _log_little(settings)
    from app import backups

    order = backups.RestoreOrder(
        place=place.absolute(), destroy=destroy, despite_differences=despite_differences
    )
    with _explained():
        raise typer.Exit(asyncio.run(backups.restore(settings, order)))


def _settings() -> "Settings":
    """The settings, or a message and the end."""
    from app.infra.settings import SettingsError, read_settings

    try:
        return read_settings()
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_SETTINGS) from None


def _addressed(settings: "Settings") -> "Settings":
    """Settings with both addresses: given, or those of the copy that runs on the data directory."""
    from app.infra.embedded import running_addresses, with_addresses

    if settings.database_url is not None and settings.redis_url is not None:
        return settings
    addresses = running_addresses(settings.data_dir)
    if addresses is None:
        typer.echo(
            "DATABASE_URL or REDIS_URL is not set, and no `customer-flow up` is running on "
            f"{settings.data_dir}: set both, or start it",
            err=True,
        )
        raise typer.Exit(BAD_SETTINGS)
    return with_addresses(settings, addresses)


def _log(settings: "Settings") -> None:
    from app.infra.logging import configure_logging

    configure_logging(settings.log_level, settings.log_format)


def _log_little(settings: "Settings") -> None:
    """For a person who watches a bar: migrations say more than that person wants to know."""
    from app.infra.logging import configure_logging

    level = settings.log_level if "log_level" in settings.model_fields_set else "warning"
    configure_logging(level, settings.log_format)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """What the person at the keyboard can act on becomes a message instead of a traceback."""
    from app.infra.backups.note import BackupError
    from app.infra.embedded import EmbeddedServerError
    from app.infra.faults import fault_in_a_line
    from app.infra.migrate import SchemaDrift
    from app.infra.reaching import NotReady
    from app.infra.settings import SettingsError

    try:
        yield
    except (BackupError, EmbeddedServerError, NotReady, SchemaDrift, SettingsError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except Exception as error:
        line = fault_in_a_line(error)
        if line is None:
            raise  # a mistake of ours: where it is has to be seen
        typer.echo(line, err=True)
        raise typer.Exit(STOPPED) from None


def main() -> None:
    """The entry point of the console script and of `python -m app.cli`."""
    app()


if __name__ == "__main__":
    main()
