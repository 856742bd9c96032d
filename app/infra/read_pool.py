"""Single read statements on pooled connections, without what a pool does around each of them.

The driver's pool starts a task for every release and makes a proxy for every loan: more work than a
short statement itself. Reading changes no session, so a connection that has answered is simply used
again; the pool only makes connections, and takes back those that failed.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg

from app.infra.admission import Admission, Share
from app.infra.connection import ConnectionLost, is_there
from app.infra.patience import Patience

Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


class ReadPool:
    """At most `size` statements at a time: in turn, and nobody more than their share of them."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", size: int, patience: Patience) -> None:
        self._pool = pool
        self._size = size
        self._patience = patience
        self._admission = Admission(size, patience.place)
        self._idle: list[Connection] = []
        self._is_closing = False

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row. Raises ConnectionLost and Overloaded."""
        return await self.fetchrow_within((), query, *arguments)

    async def fetchrow_within(
        self, shares: Sequence[Share], query: str, *arguments: Any
    ) -> asyncpg.Record | None:
        """The first row, on a place that counts as one of these shares."""
        await self._admission.enter(shares)
        try:
            connection = await self._take()
            try:
                row = await connection.fetchrow(query, *arguments)
            except BaseException as error:
                await self._pool.release(connection)
                if isinstance(error, ConnectionLost):
                    await self._give_up()
                raise
            if self._is_closing:
                await self._pool.release(connection)
            else:
                self._idle.append(connection)
            return row
        finally:
            self._admission.leave(shares)

    def within(self, *shares: Share) -> "Within":
        """The same for whoever has no more than these shares."""
        return Within(self, shares)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """The first column of the first row, or None."""
        row = await self.fetchrow(query, *arguments)
        return None if row is None else row[0]

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """A connection for several statements."""
        await self._admission.enter(())
        try:
            connection = await self._take()
            try:
                yield connection
            finally:
                await self._pool.release(connection)
        finally:
            self._admission.leave(())

    def get_size(self) -> int:
        """Connections there are."""
        return self._pool.get_size()

    def get_idle_size(self) -> int:
        """Connections that nobody uses now."""
        return len(self._idle) + self._pool.get_idle_size()

    @property
    def waiting(self) -> int:
        """Statements that wait for a place."""
        return self._admission.waiting

    async def close(self) -> None:
        """Wait for what is running, then disconnect."""
        self._is_closing = True
        while self._idle:
            await self._pool.release(self._idle.pop())
        await self._pool.close()

    async def _take(self) -> Connection:
        """One that answers; those that do not any more are replaced."""
        for _ in range(self._size + 1):
            connection = await self._next()
            if await is_there(connection):
                return connection
            await self._pool.release(connection)
            await self._give_up()
        raise ConnectionLost

    async def _next(self) -> Connection:
        # The one used last first: its session is warm, and the others stay closed if they closed.
        while self._idle:
            connection = self._idle.pop()
            if not _has_ended(connection):
                return connection
            await self._pool.release(connection)
        return await self._pool.acquire(timeout=self._patience.place)

    async def _give_up(self) -> None:
        """What made one connection silent has most likely done so to all of them."""
        await self._pool.expire_connections()
        while self._idle:
            connection = self._idle.pop()
            if not _has_ended(connection):
                connection.terminate()
            await self._pool.release(connection)


class Within:
    """The pool as somebody with shares of it has it."""

    __slots__ = ("_pool", "_shares")

    def __init__(self, pool: ReadPool, shares: Sequence[Share]) -> None:
        self._pool = pool
        self._shares = shares

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row. Raises ConnectionLost and Overloaded."""
        return await self._pool.fetchrow_within(self._shares, query, *arguments)


def _has_ended(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has seen its end and taken it back
        return True
