"""Migrations from inside the program: up, down, and whether the models still match."""

import warnings
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

_ROOT = Path(__file__).resolve().parents[2]


class SchemaDrift(Exception):
    """The models and the migrations do not say the same."""


class NotReady(Exception):
    """The database cannot be reached, or is not at the version that this program needs."""


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at `url` up to a revision. Blocks: call it from a thread."""
    command.upgrade(_config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the database at `url` back to a revision."""
    command.downgrade(_config(url), revision)


def check_drift(url: str) -> None:
    """Raises SchemaDrift, with the differences, unless migrations and models agree."""
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


async def current(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    """The revision that a database is at; None when it was never migrated."""
    if await connection.fetchval("SELECT to_regclass('alembic_version') IS NULL"):
        return None
    revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return revision


async def require_head(url: str) -> None:
    """Raises NotReady. Asks as the role of the address: before migrations, no other exists."""
    try:
        connection = await asyncpg.connect(url)
    except (OSError, asyncpg.PostgresError) as error:
        raise NotReady(f"PostgreSQL cannot be reached: {error}") from error
    try:
        if await current(connection) != head():
            raise NotReady("The database is not at this version: run `migrate` first.")
    finally:
        await connection.close()


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_ROOT / "migrations"))
    driver_url = url.replace("postgres://", "postgresql://", 1)
    driver_url = driver_url.replace("postgresql://", "postgresql+asyncpg://", 1)
    # ConfigParser reads % as the start of an interpolation.
    config.set_main_option("sqlalchemy.url", driver_url.replace("%", "%%"))
    return config
