"""The database as pg_dump writes it: one snapshot, taken while everybody goes on working."""

from collections.abc import Callable
from pathlib import Path

import asyncpg

from app.infra.backups.note import BackupError, digest_of
from app.infra.backups.running import of_database, run
from app.infra.database import APPLICATION_ROLE, READER_ROLE
from app.infra.embedded.programs import client_program

_FILE = "database.dump"
# Seconds that it waits for a migration that holds a table, before it gives up.
_LOCK_WAIT = "60s"
_IN_WORK = "dumping contents of table"
_COMING_BACK = "processing data for table"
_BESIDE = "_restoring"

_TABLES = """
SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""

Step = Callable[[str, int, int], None]
"""Told the table at hand, its place among all, and how many there are."""


async def take(url: str, place: Path, step: Step) -> str:
    """Write the database at `url`, of whoever owns it, into a directory. Returns the digest."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetchval(_TABLES)
    finally:
        await connection.close()
    await run(
        client_program("pg_dump"),
        [
            *("--format=custom", "--verbose", f"--lock-wait-timeout={_LOCK_WAIT}"),
            # What a superuser made for the whole server, and will have made again elsewhere.
            "--exclude-extension=pg_stat_statements",
            f"--file={place / _FILE}",
        ],
        url=url,
        hear=_heard(_IN_WORK, tables, step),
    )
    (place / _FILE).chmod(0o600)
    return digest_of(place / _FILE)


def digest(place: Path) -> str:
    """Of the dump that is there now. Raises BackupError when it is gone."""
    try:
        return digest_of(place / _FILE)
    except OSError as error:
        raise BackupError(f"{place / _FILE} cannot be read: {error.strerror}") from error


async def put_beside(url: str, place: Path, step: Step) -> str:
    """Bring the dump into a new database beside the one at `url`. Returns the new one's address.

    What an earlier attempt left there goes. `url` is for an owner who may create databases.
    """
    connection = await asyncpg.connect(url)
    try:
        name = await connection.fetchval("SELECT current_database()")
        beside = f"{name}{_BESIDE}"
        await connection.execute(f'DROP DATABASE IF EXISTS "{beside}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{beside}"')
        for role in (APPLICATION_ROLE, READER_ROLE):
            await _ensure_role(connection, role)
    except asyncpg.InsufficientPrivilegeError as error:
        raise BackupError(
            "The owner of the tables may not do what restoring needs: it makes a second database "
            "beside the first (CREATEDB), and the application's roles (CREATEROLE)."
        ) from error
    finally:
        await connection.close()
    new, file = of_database(url, beside), str(place / _FILE)
    listed: list[str] = []
    await run(client_program("pg_restore"), ["--list", file], url=None, hear=listed.append)
    tables = sum(" TABLE DATA " in line for line in listed)
    await run(
        client_program("pg_restore"),
        ["--exit-on-error", "--single-transaction", "--no-owner", "--verbose", file],
        url=new,
        hear=_heard(_COMING_BACK, tables, step),
    )
    return new


async def swap(url: str, beside: str) -> None:
    """Put the database beside in the place of the one at `url`, which is destroyed.

    At any moment, and after any kill, there is a whole database under the name: either.
    """
    name, new = await _name(url), await _name(beside)
    old = f"{name}_replaced"
    connection = await asyncpg.connect(of_database(url, "postgres"))
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{old}" WITH (FORCE)')
        async with connection.transaction():
            await connection.execute(f'ALTER DATABASE "{name}" RENAME TO "{old}"')
            await connection.execute(f'ALTER DATABASE "{new}" RENAME TO "{name}"')
        await connection.execute(f'DROP DATABASE "{old}" WITH (FORCE)')
    except asyncpg.ObjectInUseError as error:
        raise BackupError(
            f"Somebody has come to use the database {name}: nothing was replaced. Stop the API "
            "servers, workers and schedulers, and restore again."
        ) from error
    finally:
        await connection.close()


async def require_nobody(url: str) -> None:
    """Raises BackupError while anybody else is connected: what they write would be lost."""
    connection = await asyncpg.connect(url)
    try:
        others = await connection.fetchval(_OTHERS)
    finally:
        await connection.close()
    if others:
        raise BackupError(
            f"{others} others are connected to the database. Stop the API servers, workers and "
            "schedulers first."
        )


async def _ensure_role(connection: "asyncpg.Connection[asyncpg.Record]", role: str) -> None:
    """What the dump gives rights to must be there first; its log-ins are made by people."""
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        await connection.execute(f"CREATE ROLE {role} NOLOGIN")
        await connection.execute(f"GRANT {role} TO CURRENT_USER")


async def _name(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        name: str = await connection.fetchval("SELECT current_database()")
    finally:
        await connection.close()
    return name


def _heard(marker: str, tables: int, step: Step) -> Callable[[str], None]:
    """What makes steps of the lines that the programs say."""
    done = 0

    def hear(line: str) -> None:
        nonlocal done
        if marker in line:
            done += 1
            step(line.rsplit(" ", 1)[1].strip('"').removeprefix("public."), done, tables)

    return hear
