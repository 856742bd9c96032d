"""Every migration goes up, down and up again, and what comes out is what the models say."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from app.infra.migrate import SchemaDrift, check_drift, current, downgrade, head, upgrade
from app.infra.reaching import NotReady
from tests.conftest import ROOT, administer, own_database

OURS = """
SELECT kind || ' ' || name FROM (
    SELECT 'table' AS kind, relname AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S', 'v')
    UNION ALL
    SELECT 'function', proname FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
) AS ours ORDER BY 1
"""
GRANTED = """
SELECT grantee || ' ' || privilege_type || ' ' || table_name
FROM information_schema.role_table_grants
WHERE grantee LIKE 'customer\\_flow\\_%' ORDER BY 1
"""
REVISIONS = [
    script.revision
    for script in ScriptDirectory(str(ROOT / "migrations")).walk_revisions()  # the newest first
]


@pytest.fixture
async def empty(servers: dict[str, str]) -> AsyncIterator[str]:
    async with own_database(servers, is_migrated=False) as url:
        yield url


async def read(url: str, query: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_every_step_goes_down_and_up_again(empty: str) -> None:
    await asyncio.to_thread(upgrade, empty)
    made, granted = await read(empty, OURS), await read(empty, GRANTED)
    assert "table ledger_entries" in made
    for older in REVISIONS[1:]:
        await asyncio.to_thread(downgrade, empty, older)
        connection = await asyncpg.connect(empty)
        assert await current(connection) == older
        await connection.close()
    await asyncio.to_thread(downgrade, empty, "base")
    assert await read(empty, OURS) == ["table alembic_version"]
    assert await read(empty, GRANTED) == []

    await asyncio.to_thread(upgrade, empty)
    assert (await read(empty, OURS), await read(empty, GRANTED)) == (made, granted)
    await asyncio.to_thread(check_drift, empty)


async def test_drift_is_told(empty: str) -> None:
    await asyncio.to_thread(upgrade, empty)
    await administer(empty, "ALTER TABLE products ADD COLUMN surprise integer")
    with pytest.raises(SchemaDrift, match="surprise"):
        await asyncio.to_thread(check_drift, empty)
    assert REVISIONS[0] == head()


async def test_a_table_in_use_is_no_fault_of_a_migration(empty: str) -> None:
    await asyncio.to_thread(upgrade, empty)
    busy = await asyncpg.connect(empty)
    async with busy.transaction():
        tables = await busy.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        await busy.execute(f"LOCK TABLE {', '.join(row['tablename'] for row in tables)}")
        with pytest.raises(NotReady, match="a table is in use for too long; run `migrate` again"):
            await asyncio.to_thread(downgrade, empty, "0011")
    await busy.close()


async def test_references_of_before_that_stand_twice_are_named(empty: str) -> None:
    await asyncio.to_thread(upgrade, empty, "0015")
    connection = await asyncpg.connect(empty)
    for statement in await connection.fetch(
        "SELECT format('ALTER TABLE ledger_entries DROP CONSTRAINT %I', conname) "
        "FROM pg_constraint WHERE contype = 'f' AND conrelid = 'ledger_entries'::regclass"
    ):
        await connection.execute(statement[0])
    await connection.execute("ALTER TABLE ledger_entries DISABLE TRIGGER USER")
    customer = await connection.fetchval(
        "INSERT INTO customers (code, business_name, customer_type, currency, payment_terms_days) "
        "VALUES ('ACME', 'Acme', 'BUSINESS', 'USD', 30) RETURNING id"
    )
    for sequence, (type_, reference) in enumerate(
        [("PAYMENT", "B-7"), ("INVOICE", "B-7"), ("PAYMENT", "B-7"), ("INVOICE", "B-7")], start=1
    ):
        await connection.execute(
            """
            INSERT INTO ledger_entries (customer_id, id, sequence, number, type, amount, currency,
                transaction_date, period_id, external_reference, posted_by, posted_at,
                previous_hash, hash)
            VALUES ($1, uuidv7(), $2::bigint, 'N-' || $2::bigint, $3, 1.00, 'USD',
                '2026-01-01', uuidv7(), $4, uuidv7(), now(), sha256('a'), sha256('b'))
            """,
            customer,
            sequence,
            type_,
            reference,
        )
    with pytest.raises(NotReady, match="ACME has N-1, N-3 under B-7"):
        await asyncio.to_thread(upgrade, empty)
    assert await current(connection) == "0015"
    await connection.execute(
        "UPDATE ledger_entries SET external_reference = NULL WHERE sequence = 3"
    )
    await connection.close()
    await asyncio.to_thread(upgrade, empty, "0016")


async def test_who_does_not_own_the_tables_is_told(empty: str) -> None:
    await asyncio.to_thread(upgrade, empty)
    guest = f"guest_{uuid4().hex[:12]}"
    await administer(empty, f"CREATE ROLE {guest} LOGIN PASSWORD '{guest}'")
    parts = urlsplit(empty)
    place = parts.netloc.rpartition("@")[2]
    try:
        with pytest.raises(NotReady, match="DATABASE_MIGRATION_URL must name the owner"):
            await asyncio.to_thread(
                upgrade, urlunsplit(parts._replace(netloc=f"{guest}:{guest}@{place}"))
            )
    finally:
        await administer(empty, f"DROP ROLE {guest}")
