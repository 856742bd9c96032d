"""Whoever has a connection of the API can append to the books, and cannot rewrite them."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app.infra.database import APPLICATION_ROLE, READER_ROLE, Database
from app.infra.embedded import Addresses, embedded_servers
from app.infra.embedded.postgres import OWNER, SUPERUSER
from app.infra.log_in import excess_of
from app.infra.migrate import upgrade
from app.infra.settings import Settings

# What changes what was posted, what holds it in place, or who may.
HOSTILE = [
    "UPDATE ledger_entries SET amount = 0",
    "DELETE FROM ledger_entries",
    "TRUNCATE ledger_entries CASCADE",
    "UPDATE journal_lines SET debit = 0",
    "DELETE FROM audit_events",
    "ALTER TABLE ledger_entries DISABLE TRIGGER ALL",
    "ALTER TABLE ledger_entries ADD COLUMN surprise integer",
    "ALTER TABLE ledger_entries OWNER TO CURRENT_USER",
    "DROP TABLE allocations CASCADE",
    "DROP TRIGGER append_only ON ledger_entries",
    "CREATE TABLE public.surprise ()",
    "CREATE FUNCTION public.surprise() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE EXTENSION dblink",
    "ALTER SEQUENCE entry_number_invoice RESTART",
    "SELECT setval('entry_number_invoice', 1)",
    "UPDATE alembic_version SET version_num = 'x'",
    "LOCK TABLE ledger_entries IN ACCESS EXCLUSIVE MODE",
    "SET session_replication_role = replica",
    f"GRANT {OWNER} TO {APPLICATION_ROLE}",
    f"ALTER ROLE {APPLICATION_ROLE} SUPERUSER",
    f"SET ROLE {OWNER}",
    f"SET ROLE {SUPERUSER}",
    f"SET SESSION AUTHORIZATION {OWNER}",
    f"SET SESSION AUTHORIZATION {SUPERUSER}",
    "COPY users TO PROGRAM 'cat'",
    "COPY users TO '/tmp/customer-flow-surprise'",
    "SELECT pg_read_file('/etc/passwd')",
    "ALTER DATABASE customer_flow SET statement_timeout = 1",
]
# And what a reader may not do on top of it.
HOSTILE_OF_READERS = [
    "SELECT password_hash FROM users",
    "INSERT INTO teams (name) VALUES ('x')",
    "SELECT nextval('entry_number_invoice')",
    f"SET ROLE {APPLICATION_ROLE}",
]


@pytest.fixture(scope="module")
async def addresses() -> AsyncIterator[Addresses]:
    with tempfile.TemporaryDirectory(prefix="customer-flow-") as place:
        settings = Settings(data_dir=Path(place))
        async with embedded_servers(settings, durable=False, report=lambda _: None) as known:
            await asyncio.to_thread(upgrade, known.owner_url)
            yield known


@pytest.fixture(scope="module")
async def database(addresses: Addresses) -> AsyncIterator[Database]:
    """The pools as the API server opens them."""
    opened = Database(addresses.database_url, read_url=addresses.database_read_url, pool_size=2)
    await opened.open()
    yield opened
    await opened.close()


async def attempt(connection: "asyncpg.Connection[asyncpg.Record]", statement: str) -> None:
    # As whoever has found a way to send what they like would begin.
    await connection.execute("RESET ROLE")
    await connection.execute("SET default_transaction_read_only = off")
    async with connection.transaction():  # some want one
        await connection.execute(statement)


@pytest.mark.parametrize("statement", HOSTILE)
async def test_the_writing_log_in_cannot(database: Database, statement: str) -> None:
    async with database.write_pool.acquire() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await attempt(connection, statement)


@pytest.mark.parametrize("statement", [*HOSTILE, *HOSTILE_OF_READERS])
async def test_the_reading_log_in_cannot(database: Database, statement: str) -> None:
    async with database.read_pool.acquire() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await attempt(connection, statement)


async def test_the_pools_log_in_as_what_they_are(database: Database) -> None:
    who = "SELECT session_user || ' ' || current_user"
    assert await database.write_pool.fetchval(who) == f"{APPLICATION_ROLE} {APPLICATION_ROLE}"
    assert await database.read_pool.fetchval(who) == f"{READER_ROLE} {READER_ROLE}"


async def test_a_superuser_is_noticed_and_our_own_log_ins_are_not(
    addresses: Addresses, database: Database
) -> None:
    assert await excess_of(database) is None
    root = Database(addresses.database_url.replace(APPLICATION_ROLE, SUPERUSER), pool_size=1)
    await root.open()
    assert "a superuser" in (await excess_of(root) or "")
    await root.close()


async def test_a_cluster_from_before_has_the_log_ins_at_its_next_start() -> None:
    with tempfile.TemporaryDirectory(prefix="customer-flow-") as place:
        settings = Settings(data_dir=Path(place))
        async with embedded_servers(settings, report=lambda _: None) as before:
            await asyncio.to_thread(upgrade, before.owner_url)
            root = await asyncpg.connect(before.database_url, user=SUPERUSER)
            for role in (APPLICATION_ROLE, READER_ROLE):
                await root.execute(f"ALTER ROLE {role} NOLOGIN")
            await root.close()
            with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
                await asyncpg.connect(before.database_url)
        async with embedded_servers(settings, report=lambda _: None) as after:
            connection = await asyncpg.connect(after.database_url)
            assert await connection.fetchval("SELECT count(*) FROM ledger_entries") == 0
            await connection.close()
