"""Reading on kept connections: bounded, and whatever fails leaves the next statement alone."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.infra.database import Database
from app.infra.read_pool import ReadPool

SIZE = 2


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[ReadPool]:
    database = Database(database_url, pool_size=SIZE)
    await database.open()
    yield database.read_pool
    await database.close()


async def test_a_connection_that_answered_answers_again(pool: ReadPool) -> None:
    first = await pool.fetchval("SELECT pg_backend_pid()")
    assert await pool.fetchval("SELECT pg_backend_pid()") == first
    assert pool.get_idle_size() == pool.get_size() == 1


async def test_there_are_never_more_statements_than_places(pool: ReadPool) -> None:
    asked = [pool.fetchrow("SELECT pg_backend_pid(), pg_sleep(0.01)") for _ in range(20)]
    rows = await asyncio.gather(*asked)
    assert len({row[0] for row in rows if row is not None}) == SIZE
    assert pool.get_size() == SIZE


async def test_a_statement_that_fails_leaves_the_next_alone(pool: ReadPool) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        await pool.fetchval("SELECT 1 / 0")
    assert await pool.fetchval("SELECT 1") == 1


async def test_a_connection_that_ended_is_replaced(
    pool: ReadPool, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    ended = await pool.fetchval("SELECT pg_backend_pid()")
    assert await owner.fetchval("SELECT pg_terminate_backend($1, 10000)", ended)
    assert await _answered(pool) != ended


async def test_a_cancelled_statement_frees_its_place(pool: ReadPool) -> None:
    for _ in range(SIZE + 1):
        sleeping = asyncio.create_task(pool.fetchval("SELECT pg_sleep(60)"))
        await asyncio.sleep(0.05)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
    async with asyncio.timeout(5):
        assert await pool.fetchval("SELECT 1") == 1


async def test_closing_waits_for_what_runs(database_url: str) -> None:
    database = Database(database_url, pool_size=SIZE)
    await database.open()
    await database.read_pool.fetchval("SELECT 1")
    running = asyncio.create_task(database.read_pool.fetchval("SELECT 1 FROM pg_sleep(0.2)"))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        await database.close()
    assert await running == 1


async def test_several_statements_share_a_connection(pool: ReadPool) -> None:
    async with pool.acquire() as connection:
        first = await connection.fetchval("SELECT pg_backend_pid()")
        assert await connection.fetchval("SELECT pg_backend_pid()") == first
    assert await pool.fetchval("SELECT 1") == 1


async def _answered(pool: ReadPool) -> int:
    """The driver may learn of the end of a connection only by using it."""
    try:
        process_id: int = await pool.fetchval("SELECT pg_backend_pid()")
    except asyncpg.PostgresError:
        process_id = await pool.fetchval("SELECT pg_backend_pid()")
    return process_id
