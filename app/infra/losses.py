"""What a step would destroy of a database, in words: for whoever is asked to consent to it.

Empty tables and series that have handed out nothing are nothing to lose.
"""

import asyncio
import re
from collections.abc import Collection
from dataclasses import dataclass

import asyncpg

from app.infra.migrate import statements_down
from app.infra.reaching import reaching

_TABLES = re.compile(
    r"\b(?:DROP TABLE(?: IF EXISTS)?|TRUNCATE(?: TABLE)?|DELETE FROM) (\w+)", re.IGNORECASE
)
_COLUMNS = re.compile(r"\bALTER TABLE (\w+) DROP COLUMN (?:IF EXISTS )?(\w+)", re.IGNORECASE)
_SERIES = re.compile(r"\bDROP SEQUENCE (?:IF EXISTS )?(\w+)", re.IGNORECASE)
_BOOKKEEPING = "alembic_version"

_TABLES_THERE = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname
"""
_SERIES_THERE = """
SELECT sequencename, last_value FROM pg_sequences
WHERE schemaname = 'public' AND last_value IS NOT NULL ORDER BY sequencename
"""


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Of which database, by name, and what, a line each. No lines: nothing."""

    database: str
    lines: tuple[str, ...]


async def losses_of_all(url: str) -> Losses:
    """What is lost when the whole database goes. Raises NotReady."""
    connection = await _connected(url)
    try:
        tables = [row["relname"] for row in await connection.fetch(_TABLES_THERE)]
        series = [row["sequencename"] for row in await connection.fetch(_SERIES_THERE)]
        return await _losses(connection, tables, (), series)
    finally:
        await connection.close()


async def losses_of_downgrade(url: str, revision: str) -> Losses:
    """What is lost on the way down, by what the migrations on it say. Raises NotReady."""
    sql = await asyncio.to_thread(statements_down, url, revision)
    connection = await _connected(url)
    try:
        return await _losses(
            connection, _TABLES.findall(sql), _COLUMNS.findall(sql), _SERIES.findall(sql)
        )
    finally:
        await connection.close()


async def _losses(
    connection: "asyncpg.Connection[asyncpg.Record]",
    tables: Collection[str],
    columns: Collection[tuple[str, str]],
    series: Collection[str],
) -> Losses:
    there = {row["relname"] for row in await connection.fetch(_TABLES_THERE)}
    touched = {*tables, *(table for table, _ in columns)} & there - {_BOOKKEEPING}
    rows = {
        # A name out of the catalogue, which needs no quotes: ours never do.
        table: await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
        for table in sorted(touched)
    }
    lines = [f"{name}: {rows[name]:,} rows" for name in sorted({*tables}) if rows.get(name)]
    lines += [
        f"{table}.{column}: in {rows[table]:,} rows"
        for table, column in sorted(columns)
        if table not in tables and rows.get(table)
    ]
    lines += [
        f"{row['sequencename']}: the series of numbers, which is at {row['last_value']:,}"
        for row in await connection.fetch(_SERIES_THERE)
        if row["sequencename"] in series
    ]
    return Losses(
        database=await connection.fetchval("SELECT current_database()"), lines=tuple(lines)
    )


async def _connected(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    with reaching(url, "DATABASE_MIGRATION_URL or DATABASE_URL"):
        return await asyncpg.connect(url)
