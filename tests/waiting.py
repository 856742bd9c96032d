"""Waiting for what PostgreSQL says, never for a time."""

import asyncio
from typing import Any

import asyncpg

_WAITERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def until_waiting(
    connection: "asyncpg.Connection[asyncpg.Record]", *tasks: "asyncio.Task[Any]"
) -> None:
    """Until as many sessions of the database wait for a lock as there are tasks that should.

    Fails when one of them ends instead.
    """
    while True:
        # Statistics are kept for the length of a transaction unless they are cleared.
        await connection.execute("SELECT pg_stat_clear_snapshot()")
        if await connection.fetchval(_WAITERS) >= len(tasks):
            return
        for task in tasks:
            assert not task.done(), f"ended instead of waiting: {task}"
        await asyncio.sleep(0.005)
