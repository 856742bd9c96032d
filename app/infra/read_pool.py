"""Single read statements on pooled connections, without what a pool does around each of them.

The driver's pool starts a task for every release and makes a proxy for every loan: more work than a
short statement itself. Reading changes no session, so a connection that has answered is simply used
again; the pool only makes connections, and takes back those that failed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


class ReadPool:
    """At most `size` statements at a time, first come, first served."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", size: int) -> None:
        self._pool = pool
        self._places = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._is_closing = False

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row."""
        async with self._places:
            connection = await self._take()
            try:
                row = await connection.fetchrow(query, *arguments)
            except BaseException:
                await self._pool.release(connection)
                raise
            if self._is_closing:
                await self._pool.release(connection)
            else:
                self._idle.append(connection)
            return row

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """The first column of the first row, or None."""
        row = await self.fetchrow(query, *arguments)
        return None if row is None else row[0]

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """A connection for several statements."""
        async with self._places:
            connection = await self._take()
            try:
                yield connection
            finally:
                await self._pool.release(connection)

    def get_size(self) -> int:
        """Connections there are."""
        return self._pool.get_size()

    def get_idle_size(self) -> int:
        """Connections that nobody uses now."""
        return len(self._idle) + self._pool.get_idle_size()

    async def close(self) -> None:
        """Wait for what is running, then disconnect."""
        self._is_closing = True
        while self._idle:
            await self._pool.release(self._idle.pop())
        await self._pool.close()

    async def _take(self) -> Connection:
        # The one used last first: its session is warm, and the others stay closed if they closed.
        while self._idle:
            connection = self._idle.pop()
            if not _has_ended(connection):
                return connection
            await self._pool.release(connection)
        return await self._pool.acquire()


def _has_ended(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has seen its end and taken it back
        return True
