"""Migrations from inside the program: up, down, and whether the models still match."""

import asyncio
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from app.infra.reaching import MIGRATE_FIRST, NotReady, reaching

_ROOT = Path(__file__).resolve().parents[2]
# What is no fault of a migration.
_REFUSALS: tuple[tuple[type[Exception], str], ...] = (
    (
        asyncpg.InsufficientPrivilegeError,
        "the user may not; DATABASE_MIGRATION_URL must name the owner of the tables.",
    ),
    (asyncpg.LockNotAvailableError, "a table is in use for too long; run `migrate` again."),
)


class SchemaDrift(Exception):
    """The models and the migrations do not say the same."""


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at `url` up to a revision. Blocks: call it from a thread.

    Raises NotReady, also for a revision that there is no way to.
    """
    with _on_the_way_to(revision, url):
        command.upgrade(_config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the database at `url` back to a revision. Raises NotReady, like `upgrade`."""
    with _on_the_way_to(revision, url):
        command.downgrade(_config(url), revision)


def statements_down(url: str, revision: str) -> str:
    """What `downgrade` would run, as SQL. Runs nothing. Raises NotReady, like `downgrade`."""
    written = io.StringIO()
    with _on_the_way_to(revision, url):
        at = asyncio.run(_at(url))
        if at is not None:
            command.downgrade(_config(url, written), f"{at}:{revision}", sql=True)
    return written.getvalue()


def check_drift(url: str) -> None:
    """Raises SchemaDrift, with the differences, unless migrations and models agree. NotReady."""
    asyncio.run(_look_at(url))
    with warnings.catch_warnings():
        # Alembic warns of what it cannot compare: then it is not compared, and the check is worth
        # less than it looks.
        warnings.simplefilter("error", UserWarning)
        try:
            command.check(_config(url))
        except CommandError as error:
            raise SchemaDrift(str(error)) from error


def head() -> str:
    """The newest revision that this program knows."""
    newest = ScriptDirectory.from_config(_config("")).get_current_head()
    if newest is None:
        raise RuntimeError("there are no migrations")
    return newest


def revisions() -> set[str]:
    """Every revision that this program knows."""
    return {each.revision for each in ScriptDirectory.from_config(_config("")).walk_revisions()}


async def current(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    """The revision that a database is at; None when it was never migrated."""
    if await connection.fetchval("SELECT to_regclass('alembic_version') IS NULL"):
        return None
    revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return revision


async def require_head(url: str) -> None:
    """Raises NotReady. Asks as the role of the address: before migrations, no other exists."""
    with reaching(url, "DATABASE_URL"):
        connection = await asyncpg.connect(url)
    try:
        if await current(connection) != head():
            raise NotReady(MIGRATE_FIRST)
    except asyncpg.InsufficientPrivilegeError as error:
        # The application's role may read the revision from the migration on that gives it rights.
        raise NotReady(MIGRATE_FIRST) from error
    finally:
        await connection.close()


@contextmanager
def _on_the_way_to(revision: str, url: str) -> Iterator[None]:
    asyncio.run(_look_at(url))
    try:
        yield
    except CommandError as error:
        raise NotReady(f"Cannot migrate to {revision}: {error}.") from error
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig else None
        for kind, reason in _REFUSALS:
            if isinstance(cause, kind):
                raise NotReady(f"Cannot migrate to {revision}: {reason}") from error
        raise


async def _look_at(url: str) -> None:
    """Raises NotReady. Within a migration, a failure to connect looks like any other."""
    with reaching(url, "DATABASE_MIGRATION_URL or DATABASE_URL"):
        connection = await asyncpg.connect(url)
    await connection.close()


async def _at(url: str) -> str | None:
    connection = await asyncpg.connect(url)
    try:
        return await current(connection)
    finally:
        await connection.close()


def _config(url: str, written: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=written)
    config.set_main_option("script_location", str(_ROOT / "migrations"))
    driver_url = url.replace("postgres://", "postgresql://", 1)
    driver_url = driver_url.replace("postgresql://", "postgresql+asyncpg://", 1)
    # ConfigParser reads % as the start of an interpolation.
    config.set_main_option("sqlalchemy.url", driver_url.replace("%", "%%"))
    return config
