"""Puts a world into a migrated database, as the owner of its tables and past every trigger.

Its day stands still there: every answer is reckoned as of `TODAY`.
"""

from datetime import date

import asyncpg

from app.models import metadata
from tests.planner.world import TODAY, Row, World

_FOREIGN_KEYS = """
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
FROM pg_constraint WHERE contype = 'f' AND conparentid = 0
"""


async def load(connection: "asyncpg.Connection[asyncpg.Record]", world: World) -> None:
    """Everything at once. Checks hold; triggers and foreign keys are for the services to meet.

    The database is a throw-away one: it stays without foreign keys, so that worlds may refer to
    rows that they do not have.
    """
    async with connection.transaction():
        for statement in await connection.fetch(_FOREIGN_KEYS):
            await connection.execute(statement[0])
        await stand_still(connection, TODAY)
        for table, rows in world.tables.items():
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            await add(connection, table, rows)
            await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


async def stand_still(connection: "asyncpg.Connection[asyncpg.Record]", day: date) -> None:
    """Let it be this day in this database from now on."""
    await connection.execute(
        "CREATE OR REPLACE FUNCTION company_today() RETURNS date "
        f"LANGUAGE sql STABLE PARALLEL SAFE RETURN DATE '{day}'"
    )


async def add(
    connection: "asyncpg.Connection[asyncpg.Record]", table: str, rows: list[Row]
) -> None:
    """Insert rows that name every column which is not generated."""
    columns = [each.name for each in metadata.tables[table].columns if each.computed is None]
    records = [tuple(row[name] for name in columns) for row in rows]
    await connection.copy_records_to_table(table, records=records, columns=columns)
